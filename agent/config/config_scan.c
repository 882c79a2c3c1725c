#include "agent/config/config_scan.h"

#include <string.h>

/* What ends a bare word, as in libConfuse's lexer. */
#define WORD_ENDS " #\"'\t\n\r={}()+,*"

struct scan {
    char *at;
    int line;
    int depth;       /* braces that are open */
    int open_line;   /* where the outermost of them is */
    const char *why; /* NULL: nothing is wrong so far */
};

static bool begins(const struct scan *s, const char *text)
{
    return strncmp(s->at, text, strlen(text)) == 0;
}

static void blank_line(struct scan *s)
{
    while (*s->at != '\0' && *s->at != '\n')
        *s->at++ = ' ';
}

static void blank_block(struct scan *s)
{
    const char *end = strstr(s->at + 2, "*/");

    if (end == NULL) {
        s->why = "a comment is not closed; end it with */";
        return;
    }
    for (; s->at < end + 2; s->at++) {
        if (*s->at == '\n')
            s->line++;
        else
            *s->at = ' ';
    }
}

/* What makes a string, from here on, one that must not be passed on; NULL: nothing here. */
static const char *string_fault(const struct scan *s, char quote)
{
    bool escape = *s->at == '\\' && quote == '"';

    if (*s->at == '\0' || *s->at == '\n')
        return "a string is not closed on its line; end it with the quote that it begins with";
    if (quote == '"' && begins(s, "${"))
        return "the environment is not looked up; write the value itself, or '${...}' in single "
               "quotes if it is meant as it stands";
    if (escape && (s->at[1] == 'x' || (s->at[1] >= '0' && s->at[1] <= '9')))
        return "characters by number are not taken; write the character itself";
    return NULL;
}

static void skip_string(struct scan *s)
{
    char quote = *s->at++;

    while (*s->at != quote && (s->why = string_fault(s, quote)) == NULL)
        s->at += *s->at == '\\' && s->at[1] != '\0' && s->at[1] != '\n' ? 2 : 1;
    if (s->why == NULL)
        s->at++;
}

static void count_brace(struct scan *s)
{
    if (*s->at == '{' && s->depth++ == 0)
        s->open_line = s->line;
    if (*s->at == '}' && s->depth > 0)
        s->depth--;
}

static void skip_word(struct scan *s)
{
    size_t bytes = strcspn(s->at, WORD_ENDS);

    s->at += bytes > 0 ? bytes : 1;
    if (s->at[-1] == '$' && *s->at == '{')
        s->why = "the environment is not looked up; write the value itself";
}

static void scan_next(struct scan *s)
{
    if (*s->at == '"' || *s->at == '\'') {
        skip_string(s);
    } else if (begins(s, "/*")) {
        blank_block(s);
    } else if (*s->at == '#' || begins(s, "//")) {
        blank_line(s);
    } else {
        if (*s->at == '\n')
            s->line++;
        count_brace(s);
        skip_word(s);
    }
}

bool config_scan(char *text, const char **why, int *line)
{
    struct scan s = {.at = text, .line = 1};

    while (*s.at != '\0' && s.why == NULL)
        scan_next(&s);
    if (s.why == NULL && s.depth > 0) {
        s.line = s.open_line;
        s.why = "a { is not closed; end it with }";
    }
    *why = s.why;
    *line = s.line;
    return s.why == NULL;
}
