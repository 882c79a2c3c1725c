#include "agent/control/pattern.h"

#include <stdio.h>
#include <string.h>

/* The end of the text is the end alone, not a line's end before it; \C could split a character. */
#define PATTERN_OPTIONS                                                                            \
    (PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOLLAR_ENDONLY | PCRE2_UTF |                       \
     PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C)

static pcre2_code *pattern_code(const char *text, char *error)
{
    int status = PCRE2_ERROR_HEAP_FAILED;
    size_t at = 0;
    unsigned char why[PATTERN_ERROR_BYTES];
    pcre2_code *code = NULL;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (context && pcre2_set_parens_nest_limit(context, PATTERN_DEPTH_MAX) == 0)
        code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, PATTERN_OPTIONS, &status, &at,
                             context);
    pcre2_compile_context_free(context);
    if (code)
        return code;
    pcre2_get_error_message(status, why, sizeof why);
    snprintf(error, PATTERN_ERROR_BYTES, "%.*s at byte %zu", PATTERN_ERROR_BYTES - 32,
             (const char *)why, at);
    return NULL;
}

bool pattern_compile(struct pattern *p, const char *text, char *error)
{
    *p = (struct pattern){0};
    if (strlen(text) > PATTERN_BYTES_MAX) {
        snprintf(error, PATTERN_ERROR_BYTES, "longer than %d bytes", PATTERN_BYTES_MAX);
        return false;
    }
    p->code = pattern_code(text, error);
    if (!p->code)
        return false;
    p->data = pcre2_match_data_create(1, NULL);
    p->limits = pcre2_match_context_create(NULL);
    if (!p->data || !p->limits) {
        snprintf(error, PATTERN_ERROR_BYTES, "out of memory");
        pattern_free(p);
        return false;
    }
    pcre2_set_match_limit(p->limits, PATTERN_STEPS_MAX);
    pcre2_set_depth_limit(p->limits, PATTERN_STEPS_MAX);
    pcre2_set_heap_limit(p->limits, PATTERN_HEAP_KIB_MAX);
    return true;
}

void pattern_free(struct pattern *p)
{
    pcre2_match_context_free(p->limits);
    pcre2_match_data_free(p->data);
    pcre2_code_free(p->code);
}

enum pattern_result pattern_match(const struct pattern *p, const char *text)
{
    int found =
        pcre2_match(p->code, (PCRE2_SPTR)text, strlen(text), 0, PCRE2_NO_JIT, p->data, p->limits);
    if (found == PCRE2_ERROR_NOMATCH)
        return PATTERN_DIFFERS;
    return found >= 0 ? PATTERN_MATCHES : PATTERN_TOO_COSTLY;
}
