#include "agent/config/config_file.h"

#include "agent/base/text.h"
#include "agent/config/config_scan.h"

#include <assert.h>
#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_MAX (1 << 20) /* the longest that makes sense is a hundredth of it */
#define KEY_BYTES_MAX 32         /* of a slip for which the right key is looked for */

/* One file being read. libConfuse passes its callbacks no argument of ours. */
struct reading {
    struct config_draft *draft;
    const char *path;
    char *error;
    cfg_t *root;
    cfg_t *open;                                 /* the section that is being read, NULL: none */
    int open_line;                               /* where it begins */
    int lines[CONFIG_SECTIONS][CONFIG_KEYS_MAX]; /* where each key was given; 0: not yet */
    int section_lines[CONFIG_SECTIONS];          /* where each untitled section was */
};

static struct reading *reading;

/* ---- places ---- */

static size_t section_index(const cfg_t *cfg)
{
    for (size_t i = 1; i < CONFIG_SECTIONS; i++) {
        if (cfg != reading->root && strcmp(cfg->name, config_sections[i]->name) == 0)
            return i;
    }
    return 0;
}

static struct config_place place_in(const cfg_t *cfg, int line, const char *key, const char *value)
{
    return (struct config_place){
        .error = reading->error,
        .file = reading->path,
        .line = line,
        .section = config_sections[section_index(cfg)]->name,
        .title = cfg->title,
        .key = key,
        .value = value,
    };
}

/* ---- what libConfuse says, in our words ---- */

/* How many letters must be put in, taken out or replaced to turn one into the other (Levenshtein).
 * Both shorter than KEY_BYTES_MAX. */
static size_t edits(const char *from, const char *to)
{
    size_t row[KEY_BYTES_MAX];
    size_t to_bytes = strlen(to);

    for (size_t j = 0; j <= to_bytes; j++)
        row[j] = j;
    for (size_t i = 0; from[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 1; j <= to_bytes; j++) {
            size_t best = diagonal + (from[i] != to[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[to_bytes];
}

/* The index-th name that may stand in a section, those of sections included. NULL: past the end. */
static const char *known_name(size_t section, size_t index)
{
    size_t i = 0;

    for (; config_sections[section]->keys[i].name != NULL; i++) {
        if (i == index)
            return config_sections[section]->keys[i].name;
    }
    index = index - i + 1;
    return section == 0 && index < CONFIG_SECTIONS ? config_sections[index]->name : NULL;
}

/* The name that was meant, as far as that can be guessed; NULL: no idea. */
static const char *nearest_name(size_t section, const char *slip)
{
    const char *name, *nearest = NULL;
    size_t fewest = strlen(slip) / 2 + 1; /* half of it must be right */

    if (strlen(slip) >= KEY_BYTES_MAX)
        return NULL;
    for (size_t i = 0; (name = known_name(section, i)) != NULL; i++) {
        size_t needed = edits(slip, name);
        if (needed > 0 && needed < fewest) {
            fewest = needed;
            nearest = name;
        }
    }
    return nearest;
}

static void refuse_unknown(const cfg_t *cfg, const struct config_place *at, const char *slip)
{
    size_t section = section_index(cfg);
    const char *name = nearest_name(section, slip);
    char known[CONFIG_ERROR_BYTES] = "";
    size_t len = 0;

    if (name != NULL) {
        config_refuse(at, "no such key; did you mean \"%s\"?", name);
        return;
    }
    for (size_t i = 0; (name = known_name(section, i)) != NULL; i++)
        len += (size_t)snprintf(known + len, sizeof known - len, " %s", name);
    assert(len < sizeof known);
    config_refuse(at, "no such key; known here are%s", known);
}

/* Its formats are told apart as they stand in its source: they would only be translated if the
 * process called setlocale, which it never does. */
static const struct {
    const char *theirs; /* as printf's format */
    const char *ours;   /* NULL: a key that is not known */
} sayings[] = {
    {"no such option '%s'", NULL},
    {"no sub-section title/index for '%s'", NULL},
    {"unexpected token '%s'",
     "has no place here; write KEY = \"VALUE\", KEY = {\"A\", \"B\"} where a "
     "list is taken, or SECTION { ... }"},
    {"missing equal sign after option '%s'", "no = follows; write KEY = \"VALUE\""},
    {"attempt to append to non-list option '%s'",
     "takes one value, so nothing can be added; use ="},
    {"missing title for section '%s'", "no name follows; write SECTION \"NAME\" { ... }"},
    {"missing opening brace for section '%s'",
     "no { follows; write SECTION { ... }, with a \"NAME\" "
     "before the { where there may be several"},
    {"found duplicate title '%s'", "two sections have this name; give each its own"},
    {"unexpected closing brace", "a } closes nothing; take it out"},
    {"premature end of file", "the file ends in the midst of something; is a } missing?"},
};

static void on_error(cfg_t *cfg, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static void on_error(cfg_t *cfg, const char *format, va_list args)
{
    struct config_place at = place_in(cfg, cfg->line, NULL, NULL);
    char text[CONFIG_ERROR_BYTES];

    for (size_t i = 0; i < sizeof sayings / sizeof sayings[0]; i++) {
        if (strcmp(format, sayings[i].theirs) != 0)
            continue;
        const char *token = strstr(format, "%s") != NULL ? va_arg(args, const char *) : NULL;
        at.value = token;
        if (sayings[i].ours != NULL)
            config_refuse(&at, "%s", sayings[i].ours);
        else if (token != NULL)
            refuse_unknown(cfg, &at, token);
        return;
    }
    vsnprintf(text, sizeof text, format, args);
    config_refuse(&at, "%s", text);
}

/* ---- values and sections, as they come ---- */

/* A value has come from a section, or its end: is it the first we hear of it? */
static bool enter(cfg_t *cfg)
{
    size_t section = section_index(cfg);
    int *first_line = &reading->section_lines[section];

    if (cfg == reading->root || cfg == reading->open)
        return true;
    reading->open = cfg;
    reading->open_line = reading->root->line; /* stands still until the section ends */
    memset(reading->lines[section], 0, sizeof reading->lines[section]);
    struct config_place at = place_in(cfg, reading->open_line, NULL, NULL);
    if (!config_sections[section]->titled && *first_line > 0)
        return config_refuse(&at, "given twice, first on line %d; make them one", *first_line);
    *first_line = reading->open_line;
    return config_sections[section]->begin == NULL ||
           config_sections[section]->begin(reading->draft, &at);
}

static int on_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
    if (!enter(cfg))
        return -1;
    size_t section = section_index(cfg);
    size_t index = config_key_index(config_sections[section], opt->name);
    const struct config_key *key = &config_sections[section]->keys[index];
    struct config_place at = place_in(cfg, cfg->line, key->name, key->secret ? NULL : value);
    int *first_line = &reading->lines[section][index];

    *(const char **)result = value;
    if (*first_line > 0 && opt->nvalues == 1) { /* not a list's next element */
        config_refuse(&at, "given twice, first on line %d; keep one of them", *first_line);
        return -1;
    }
    if (*first_line == 0)
        *first_line = cfg->line;
    return config_take(reading->draft, key, value, &at) ? 0 : -1;
}

/* libConfuse calls nothing for an empty list, but forgets what the key had before. */
static bool check_emptied(cfg_t *cfg)
{
    size_t section = section_index(cfg);
    const struct config_key *keys = config_sections[section]->keys;

    for (size_t i = 0; keys[i].name != NULL; i++) {
        int line = reading->lines[section][i];
        struct config_place at = place_in(cfg, line, keys[i].name, NULL);
        if (line > 0 && cfg_size(cfg, keys[i].name) == 0)
            return config_refuse(&at, "given again further on, as {}; keep one of them");
    }
    return true;
}

static int on_section_end(cfg_t *root, cfg_opt_t *opt)
{
    cfg_t *cfg = reading->open != NULL ? reading->open : cfg_opt_getnsec(opt, opt->nvalues - 1);
    const struct config_section *section = config_sections[section_index(cfg)];

    (void)root;
    if (!enter(cfg) || !check_emptied(cfg))
        return -1;
    reading->open = NULL;
    struct config_place at = place_in(cfg, reading->open_line, NULL, NULL);
    return section->end == NULL || section->end(reading->draft, &at) ? 0 : -1;
}

/* ---- our keys as libConfuse's options ---- */

#define OPTIONS_MAX (CONFIG_KEYS_MAX + CONFIG_SECTIONS)

static size_t options_of(const struct config_section *section, cfg_opt_t *options)
{
    size_t i = 0;

    for (; section->keys[i].name != NULL; i++) {
        const char *name = section->keys[i].name;
        options[i] = section->keys[i].list
                         ? (cfg_opt_t)CFG_STR_LIST_CB(name, NULL, CFGF_NODEFAULT, on_value)
                         : (cfg_opt_t)CFG_STR_CB(name, NULL, CFGF_NODEFAULT, on_value);
    }
    options[i] = (cfg_opt_t)CFG_END();
    return i;
}

static cfg_t *options_init(void)
{
    cfg_opt_t top[OPTIONS_MAX], inner[CONFIG_SECTIONS][OPTIONS_MAX];
    size_t count = options_of(config_sections[0], top);

    for (size_t i = 1; i < CONFIG_SECTIONS; i++) {
        int flags = CFGF_NODEFAULT;
        if (config_sections[i]->titled)
            flags |= CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES;
        options_of(config_sections[i], inner[i]);
        top[count++] = (cfg_opt_t)CFG_SEC(config_sections[i]->name, inner[i], flags);
    }
    top[count] = (cfg_opt_t)CFG_END();
    cfg_t *cfg = cfg_init(top, CFGF_NONE); /* copies them */
    if (cfg == NULL)
        return NULL;
    cfg_set_error_function(cfg, on_error);
    for (size_t i = 1; i < CONFIG_SECTIONS; i++)
        cfg_set_validate_func(cfg, config_sections[i]->name, on_section_end);
    return cfg;
}

static bool parse(const char *text, const struct config_place *at)
{
    reading->root = options_init();
    if (reading->root == NULL)
        return config_refuse(at, "out of memory");
    bool ok = cfg_parse_buf(reading->root, text) == CFG_SUCCESS && check_emptied(reading->root);
    cfg_free(reading->root);
    return ok || config_refuse(at, "cannot be parsed"); /* only if nothing more exact was said */
}

/* ---- the file ---- */

/* Everything up to FILE_BYTES_MAX, with a NUL behind it. NULL: refused. */
static char *read_all(int fd, size_t *len, const struct config_place *at)
{
    char *text = malloc(FILE_BYTES_MAX + 1);
    ssize_t n = 1;

    if (text == NULL) {
        config_refuse(at, "out of memory");
        return NULL;
    }
    for (*len = 0; n > 0 && *len <= FILE_BYTES_MAX; *len += n > 0 ? (size_t)n : 0)
        n = read(fd, text + *len, FILE_BYTES_MAX + 1 - *len);
    if (n >= 0 && *len <= FILE_BYTES_MAX) {
        text[*len] = '\0';
        return text;
    }
    if (n < 0)
        config_refuse(at, "cannot be read: %s", strerror(errno));
    else
        config_refuse(at, "larger than %d bytes; is it the right file?", FILE_BYTES_MAX);
    free(text);
    return NULL;
}

static char *read_regular(int fd, size_t *len, const struct config_place *at)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        config_refuse(at, "cannot be read: %s", strerror(errno));
    else if (S_ISDIR(st.st_mode))
        config_refuse(at, "a folder; name the file in it");
    else if (!S_ISREG(st.st_mode))
        config_refuse(at, "not a plain file, so it could not be read again on reload; use one");
    else
        return read_all(fd, len, at);
    return NULL;
}

/* Makes the text fit for libConfuse. */
static bool prepare(char *text, size_t len, struct config_place *at)
{
    const char *why = "a NUL byte; is it the right file?";
    size_t text_bytes = strlen(text);

    if (text_bytes == len && config_scan(text, &why, &at->line))
        return true;
    if (text_bytes < len) {
        at->line = 1;
        for (size_t i = 0; i < text_bytes; i++)
            at->line += text[i] == '\n';
    }
    return config_refuse(at, "%s", why);
}

static bool read_open(int fd, struct config_place *at)
{
    size_t len;
    char *text = read_regular(fd, &len, at);
    struct config_place whole = *at;

    if (text == NULL)
        return false;
    bool ok = prepare(text, len, at) && parse(text, &whole);
    free(text);
    return ok;
}

bool config_file_read(const char *path, bool must_exist, struct config_draft *d, char *error)
{
    struct config_place at = {.error = error, .file = path};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hold us up */

    if (fd < 0 && errno == ENOENT && !must_exist)
        return true;
    if (fd < 0)
        return config_refuse(&at, "%s; name a file with -c that the agent's user may read",
                             strerror(errno));
    struct reading r = {.draft = d, .path = path, .error = error};
    assert(reading == NULL);
    reading = &r;
    bool ok = read_open(fd, &at);
    reading = NULL;
    close(fd);
    if (!ok)
        return false;
    d->config->file = strdup(path);
    return d->config->file != NULL || config_refuse(&at, "out of memory");
}
