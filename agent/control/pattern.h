/* pattern: the regular expressions that clients may send: anchored, bounded in length, and refused
 * where matching them could take long. */
#ifndef MUSTER_PATTERN_H
#define MUSTER_PATTERN_H

#include <regex.h>

#include <stdbool.h>
#include <stddef.h>

#define PATTERN_BYTES_MAX 256 /* a filter somebody types, not a program */
#define PATTERN_DEPTH_MAX 16  /* groups within groups */
#define PATTERN_ATOMS_MAX 512 /* characters and sets, with repetitions written out */
#define PATTERN_ERROR_BYTES 128

struct pattern {
    regex_t regex;
};

/* Compiles a POSIX extended regular expression that must match whole strings; text is not kept. The
 * C library's compiler and matcher take exponential time over some expressions; refused are those
 * that could get there: back-references, repetitions of what can match nothing, bounds that
 * multiply out to more than PATTERN_ATOMS_MAX. False: nothing is held, and `error`
 * (PATTERN_ERROR_BYTES) says why. */
bool pattern_compile(struct pattern *p, const char *text, char *error);
void pattern_free(struct pattern *p);

bool pattern_match(const struct pattern *p, const char *text);

#endif
