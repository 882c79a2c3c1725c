/* config_draft: a configuration as it grows: where each value stood, and what is wrong with it. */
#ifndef MUSTER_CONFIG_DRAFT_H
#define MUSTER_CONFIG_DRAFT_H

#include "agent/config/config.h"

#include <stdbool.h>

#define CONFIG_KEYS_MAX 24 /* in one section */

/* The top of the file, and the sections in it. */
enum config_section_id {
    CONFIG_TOP,
    CONFIG_HANDLER,
    CONFIG_CONTROL,
    CONFIG_QUORUM,
    CONFIG_VIP,
    CONFIG_HOST,
    CONFIG_SECTIONS,
};

#define CONFIG_LINE_OPTION (-1) /* given on the command line */

/* On which line a section and its keys stand, 0: not given; and of which file (in
 * config_draft.files), NULL: the main one. */
struct config_lines {
    int section, keys[CONFIG_KEYS_MAX];
    const char *section_file, *files[CONFIG_KEYS_MAX];
};

#define CONFIG_FILES_MAX 64 /* of one configuration */

struct config_draft {
    struct config *config;
    char *error;                   /* of ERROR_BYTES, "" until the first error: that one is kept */
    const char *path;              /* of the file that is being read */
    char *files[CONFIG_FILES_MAX]; /* that were read, the main one first; owned */
    size_t files_count;
    struct {
        const char *file;
        int line;
    } includes[CONFIG_INCLUDES_MAX]; /* where they stand */
    bool divided;                    /* config_options */
    /* An ordinary user checks what root is going to start (-t without -k): the file is judged as at
     * that start. What only root can look at is noted, and no error. */
    bool for_root;
    struct config_lines lines[CONFIG_SECTIONS][CONFIG_VIPS_MAX]; /* each struct of a section */
};

/* Where a value stands, for messages. */
struct config_place {
    struct config_draft *draft;
    const char *file;    /* NULL: on the command line */
    int line;            /* 0: of the whole file */
    const char *section; /* NULL: none */
    const char *title;   /* of the section; NULL: none */
    const char *key;     /* or an option, "-n"; NULL: the section or the value alone is meant */
    const char *value;   /* as shown; NULL: none */
};

/* Writes `FILE:LINE: section "title": key "value": ` and the text. Returns false, always. */
bool config_refuse(const struct config_place *at, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Refuses what stands at `at` as `first` was there before. Returns false. */
bool config_refuse_second(const struct config_place *at, const struct config_place *first,
                          const char *advice);
/* The same into config->notes. Returns true unless memory is out. */
bool config_note(const struct config_place *at, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

struct config_key;

/* Notes that a key, or the section as a whole (key NULL), stands there, in d->path. */
void config_draft_note(struct config_draft *d, enum config_section_id section, size_t index,
                       const struct config_key *key, int line);
/* The line of a key in the index-th struct of its section. */
int *config_draft_line(struct config_draft *d, const struct config_key *key, size_t index);
/* The place of that key, and of the section as a whole; both must have been given. */
struct config_place config_draft_place(struct config_draft *d, const struct config_key *key,
                                       size_t index, const char *value);
struct config_place config_draft_section(struct config_draft *d, enum config_section_id section,
                                         size_t index);

#endif
