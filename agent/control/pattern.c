#include "agent/control/pattern.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define TEXT_OF(number) TEXT_OF_(number)
#define TEXT_OF_(number) #number

/* A walk over an expression that has not been compiled yet. */
struct scan {
    const char *at;
    const char *error; /* the first found */
    unsigned depth;
};

/* What was walked over: how large it is, and whether whatever it matches has a character at least.
 */
struct part {
    size_t atoms;
    bool consumes;
};

static void fail(struct scan *s, const char *error)
{
    if (!s->error)
        s->error = error;
    s->at += strlen(s->at);
}

/* After the '[': to behind the ']' that ends the set (POSIX XBD 9.3.5). */
static void skip_set(struct scan *s)
{
    const char *p = s->at;
    p += *p == '^';
    p += *p == ']';
    while (*p && *p != ']') {
        if (*p == '[' && p[1] && strchr(":.=", p[1])) {
            char end[] = {p[1], ']', '\0'};
            p = strstr(p + 2, end);
            if (!p)
                break;
            p++;
        }
        p++;
    }
    if (!p || !*p)
        fail(s, "a [ without its ]");
    else
        s->at = p + 1;
}

/* After the backslash. The C library takes \w and its like beyond POSIX. */
static bool scan_escape(struct scan *s)
{
    if (!*s->at || isdigit((unsigned char)*s->at)) {
        fail(s, *s->at ? "back-references are not taken" : "it ends in a backslash");
        return false;
    }
    char c = *s->at++;
    return !isalpha((unsigned char)c) ? !strchr("<>`'", c) : strchr("wWsS", c) != NULL;
}

static struct part scan_branches(struct scan *s);

/* After the '('. */
static struct part scan_group(struct scan *s)
{
    struct part group = {0};
    if (++s->depth > PATTERN_DEPTH_MAX)
        fail(s, "groups nested too deeply");
    else
        group = scan_branches(s);
    if (*s->at == ')')
        s->at++;
    else
        fail(s, "a ( without its )");
    s->depth--;
    return group;
}

static struct part scan_atom(struct scan *s)
{
    struct part atom = {.atoms = 1, .consumes = true};
    char c = *s->at++;
    switch (c) {
    case '(':
        return scan_group(s);
    case '[':
        skip_set(s);
        return atom;
    case '\\':
        atom.consumes = scan_escape(s);
        return atom;
    case '^':
    case '$':
        atom.consumes = false;
        return atom;
    case '*':
    case '+':
    case '?':
    case '{':
        fail(s, "a repetition of nothing");
        return atom;
    default:
        return atom;
    }
}

static size_t scan_number(struct scan *s, size_t otherwise)
{
    if (!isdigit((unsigned char)*s->at))
        return otherwise;
    size_t number = 0;
    for (; isdigit((unsigned char)*s->at); s->at++)
        if (number <= PATTERN_ATOMS_MAX)
            number = number * 10 + (size_t)(*s->at - '0');
    return number;
}

/* After the '{'. How often at least and how many copies that makes. */
static void scan_bounds(struct scan *s, size_t *least, size_t *copies)
{
    *least = scan_number(s, 0);
    size_t most = *least;
    if (*s->at == ',') {
        s->at++;
        most = scan_number(s, *least + 1);
    }
    *copies = most > 1 ? most : 1;
    if (*s->at == '}')
        s->at++;
    else
        fail(s, "a { without numbers and its }");
}

static bool repeats(char c)
{
    return c && strchr("*+?{", c);
}

static void scan_repetition(struct scan *s, struct part *part)
{
    size_t least = 0, copies = 1;
    char kind = *s->at++;
    if (kind == '+')
        least = 1, copies = 2; /* the compiler makes xx* of x+ */
    else if (kind == '{')
        scan_bounds(s, &least, &copies);
    if (kind != '?' && !part->consumes)
        fail(s, "a repetition of what can match nothing");
    else if (repeats(*s->at))
        fail(s, "a repetition of a repetition");
    part->atoms *= copies;
    part->consumes = part->consumes && least > 0;
}

static struct part scan_branch(struct scan *s)
{
    struct part branch = {0};
    while (*s->at && *s->at != '|' && *s->at != ')') {
        struct part part = scan_atom(s);
        if (repeats(*s->at))
            scan_repetition(s, &part);
        branch.atoms += part.atoms;
        branch.consumes = branch.consumes || part.consumes;
        if (branch.atoms > PATTERN_ATOMS_MAX)
            fail(s, "repeated too often");
    }
    return branch;
}

static struct part scan_branches(struct scan *s)
{
    struct part all = scan_branch(s);
    while (*s->at == '|') {
        s->at++;
        struct part branch = scan_branch(s);
        all.atoms += branch.atoms;
        all.consumes = all.consumes && branch.consumes;
    }
    if (all.atoms > PATTERN_ATOMS_MAX)
        fail(s, "repeated too often");
    return all;
}

/* NULL: it may be compiled. */
static const char *judge(const char *text)
{
    struct scan s = {.at = text};
    if (strlen(text) > PATTERN_BYTES_MAX)
        return "longer than " TEXT_OF(PATTERN_BYTES_MAX) " bytes";
    scan_branches(&s);
    if (*s.at)
        fail(&s, "a ) without its (");
    return s.error;
}

bool pattern_compile(struct pattern *p, const char *text, char *error)
{
    char anchored[PATTERN_BYTES_MAX + sizeof "^()$"];
    const char *wrong = judge(text);
    if (wrong) {
        snprintf(error, PATTERN_ERROR_BYTES, "%s", wrong);
        return false;
    }
    snprintf(anchored, sizeof anchored, "^(%s)$", text);
    int status = regcomp(&p->regex, anchored, REG_EXTENDED | REG_NOSUB);
    if (status != 0)
        regerror(status, &p->regex, error, PATTERN_ERROR_BYTES);
    return status == 0;
}

void pattern_free(struct pattern *p)
{
    regfree(&p->regex);
}

bool pattern_match(const struct pattern *p, const char *text)
{
    return regexec(&p->regex, text, 0, NULL, 0) == 0;
}
