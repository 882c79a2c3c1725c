#include "agent/config/config_scan.h"

#include <string.h>

/* What ends a bare word, as in libConfuse's lexer. */
#define WORD_ENDS " #\"'\t\n\r={}()+,*"

#define ENVIRONMENT "the environment is not looked up; write the value itself"

static bool begins(const char *at, const char *text)
{
    return strncmp(at, text, strlen(text)) == 0;
}

/* Blanks out up to `end`, but for the ends of lines, which it counts. */
static char *scan_blank(char *at, const char *end, int *line)
{
    for (; at < end; at++) {
        *line += *at == '\n';
        if (*at != '\n')
            *at = ' ';
    }
    return at;
}

/* What makes a string, from here on, one that must not be passed on; NULL: nothing here. */
static const char *scan_fault(const char *at, char quote)
{
    bool escape = at[0] == '\\';
    if (at[0] == '\0' || at[escape] == '\n')
        return "a string is not closed on its line; end it with the quote that it begins with";
    if (quote == '"' && begins(at, "${"))
        return ENVIRONMENT ", or '${...}' in single quotes if it is meant as it stands";
    if (quote == '"' && escape && at[1] && strchr("x0123456789", at[1]))
        return "characters by number are not taken; write the character itself";
    return NULL;
}

/* Goes behind the string that begins here. NULL: it is refused, *why says for what. */
static char *scan_string(char *at, const char **why)
{
    char quote = *at++;
    for (; *at != quote; at += at[0] == '\\' && at[1] ? 2 : 1) {
        *why = scan_fault(at, quote);
        if (*why)
            return NULL;
    }
    return at + 1;
}

/* Goes behind the comment that begins here; as scan_string. */
static char *scan_comment(char *at, int *line, const char **why)
{
    const char *end = begins(at, "/*") ? strstr(at + 2, "*/") : at + strcspn(at, "\n");
    if (!end) {
        *why = "a comment is not closed; end it with */";
        return NULL;
    }
    return scan_blank(at, end + 2 * begins(at, "/*"), line);
}

bool config_scan(char *text, const char **why, int *line)
{
    int depth = 0, open_line = 0;
    *line = 1;
    for (char *at = text; *at;) {
        char *word = at;
        if (*at == '"' || *at == '\'')
            at = scan_string(at, why);
        else if (*at == '#' || begins(at, "//") || begins(at, "/*"))
            at = scan_comment(at, line, why);
        else
            at += strcspn(at, WORD_ENDS) > 0 ? strcspn(at, WORD_ENDS) : 1;
        if (!at)
            return false;
        *line += *word == '\n';
        if (*word == '{' && depth++ == 0)
            open_line = *line;
        depth -= *word == '}' && depth > 0;
        *why = ENVIRONMENT;
        if (at[-1] == '$' && *at == '{')
            return false;
    }
    *line = depth > 0 ? open_line : *line;
    *why = "a { is not closed; end it with }";
    return depth == 0;
}
