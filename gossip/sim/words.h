/* words: a line of a scenario, cut into words, and what words may mean: one of a table's keywords,
 * a name, a number, a time, a share. What is wrong goes to the error that belongs to the line. */
#ifndef GOSSIP_SIM_WORDS_H
#define GOSSIP_SIM_WORDS_H

#include "gossip/sim/scenario.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORDS_MAX (SCENARIO_LINE_BYTES_MAX / 2 + 1) /* a blank stands between two */
#define WORDS_SHOWN_BYTES_MAX 40                    /* of a word, in an error; then "..." */
#define WORDS_TIME_BYTES 24                         /* room for a time's text */
#define WORDS_PPM_MAX 500000                        /* either way; net_set_clock takes more */

/* At first: error is set (borrowed), all else 0. */
struct words {
    struct scenario_error *error;
    int line;         /* its number */
    const char *form; /* the form of the line, for errors; borrowed */
    unsigned count, at;
    char *words[WORDS_MAX]; /* of the text; a reader may cut one further */
    char text[SCENARIO_LINE_BYTES_MAX + 1];
};

/* What a word may be. Each entry begins with a const char *: its form, a keyword first. */
struct words_table {
    const char *what; /* a link's property, say */
    const void *entries;
    size_t count, entry_bytes;
};

#define WORDS_TABLE(what, entries)                                                                 \
    {                                                                                              \
        what, entries, sizeof(entries) / sizeof(entries)[0], sizeof(entries)[0]                    \
    }

/* All that return a bool return false if something is wrong, and then *error names it. */

/* Cuts a line, without its comment, its newline and the carriage return before that. It is
 * copied. */
bool words_cut(struct words *w, int line, const char *text, size_t bytes);

/* The first is the whole error, the other comes after the word in quotes. */
bool words_fail(struct words *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool words_refuse(struct words *w, const char *word, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The next word, which is taken. NULL: there is none, which is an error. */
char *words_next(struct words *w);
/* The word that was taken last. */
const char *words_last(const struct words *w);
/* Is the next word that one? Not an error; words_take takes it if it is. */
bool words_is(const struct words *w, const char *word);
bool words_take(struct words *w, const char *word);
/* Nothing else may stand here: that word, or nothing at all. */
bool words_expect(struct words *w, const char *word);
bool words_end(struct words *w);

/* Where the word stands in the table; its count: nowhere, which is an error for words_choose. */
size_t words_find(const struct words_table *table, const char *word);
size_t words_choose(struct words *w, const struct words_table *table);

/* Letters, digits and _. name: of SCENARIO_NAME_BYTES_MAX + 1. */
bool words_name(struct words *w, char *name);
/* A decimal number from 0 on. */
bool words_number(struct words *w, double *number);
/* 500us, 20ms, 1.5s, 2m, 24h; least..most are taken. */
bool words_time(struct words *w, int64_t least_us, int64_t most_us, int64_t *us);
/* A clock's error, such as -200ppm. */
bool words_ppm(struct words *w, int64_t *ppm);
/* 10%, 0.5%, as 0..1. */
bool words_share(struct words *w, double *share);

/* Of a word, or a part of one. */
bool words_read_share(struct words *w, const char *word, double *share);
/* A number of something, 1..most. */
bool words_read_count(struct words *w, const char *word, uint32_t most, uint32_t *count);
/* Is it a node's name, whether there is such a node or not? *number is set then. */
bool words_is_node(const char *word, int64_t *number);

/* Into: of WORDS_TIME_BYTES; returned. */
char *words_time_text(int64_t us, char *into);

#endif
