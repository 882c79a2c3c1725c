/* pattern: the regular expressions of clients (PCRE2), matched against whole strings with limits
 * that no expression can exceed. */
#ifndef MUSTER_PATTERN_H
#define MUSTER_PATTERN_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdbool.h>

#define PATTERN_BYTES_MAX 256 /* a filter somebody types, not a program */
#define PATTERN_DEPTH_MAX 16  /* groups within groups */
/* Steps of one match: 40 for each byte of a tag of the longest value; at most 10 ms. */
#define PATTERN_STEPS_MAX 20000
#define PATTERN_HEAP_KIB_MAX 1024 /* memory of one match */
#define PATTERN_ERROR_BYTES 128

struct pattern {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *limits;
};

enum pattern_result {
    PATTERN_DIFFERS,
    PATTERN_MATCHES,
    PATTERN_TOO_COSTLY, /* given up at a limit */
};

/* Compiles a Perl-compatible expression over UTF-8; `text` is not kept. Compiling is bounded by the
 * lengths above and by the 64 KiB that PCRE2 allows a compiled expression. False: nothing is held,
 * and `error` (PATTERN_ERROR_BYTES) says what is wrong, and at which byte. */
bool pattern_compile(struct pattern *p, const char *text, char *error);
/* Releases what pattern_compile took. */
void pattern_free(struct pattern *p);

/* Compares the whole of `text`, within the limits above. */
enum pattern_result pattern_match(const struct pattern *p, const char *text);

#endif
