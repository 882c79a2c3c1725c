#include "agent/config/config_file.h"

#include "agent/config/config_check.h"
#include "agent/config/config_scan.h"
#include "agent/config/config_table.h"

#include <assert.h>
#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_MAX (1 << 20)       /* the longest that makes sense is a hundredth of it */
#define BYTE_ORDER_MARK "\xef\xbb\xbf" /* some editors put it before UTF-8 */
#define KEY_BYTES_MAX 32               /* of a slip for which the right key is looked for */

/* One file being read. libConfuse passes its callbacks no argument of ours. */
struct reading {
    struct config_draft *draft;
    cfg_t *root;
    cfg_t *open; /* the section that is being read, NULL: none */
};

static struct reading *reading;

static enum config_section_id section_of(const cfg_t *cfg)
{
    unsigned section = cfg == reading->root ? CONFIG_TOP : CONFIG_SECTIONS - 1;
    while (section > CONFIG_TOP && strcmp(cfg->name, config_sections[section].name) != 0)
        section--;
    return section;
}

static struct config_place place_in(const cfg_t *cfg, const char *key, const char *value)
{
    return (struct config_place){
        .draft = reading->draft,
        .file = reading->draft->path,
        .line = cfg->line,
        .section = config_sections[section_of(cfg)].name,
        .title = cfg->title,
        .key = key,
        .value = value,
    };
}

/* ---- keys that are not known ---- */

/* How many letters must be put in, taken out or replaced to turn one into the other (Levenshtein).
 * Both shorter than KEY_BYTES_MAX. */
static size_t slip_edits(const char *from, const char *to)
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

/* The name that was meant, as far as that can be guessed, among those that may stand in a section,
 * and all of them. NULL: no idea. */
static const char *slip_nearest(enum config_section_id section, const char *slip, char *known)
{
    const char *names[CONFIG_KEYS_MAX + CONFIG_SECTIONS], *nearest = NULL;
    size_t count = 0, len = 0, fewest = strlen(slip) / 2 + 1; /* half of it must be right */
    const struct config_key *key = NULL;
    while ((key = config_key_next(section, key)))
        if (!key->only_option)
            names[count++] = key->name;
    for (unsigned s = CONFIG_TOP + 1; section == CONFIG_TOP && s < CONFIG_SECTIONS; s++)
        names[count++] = config_sections[s].name;
    for (size_t i = 0; i < count; i++) {
        len += (size_t)snprintf(known + len, ERROR_BYTES - len, " %s", names[i]);
        assert(len < ERROR_BYTES);
        size_t needed = strlen(slip) < KEY_BYTES_MAX ? slip_edits(slip, names[i]) : fewest;
        if (needed > 0 && needed < fewest) {
            fewest = needed;
            nearest = names[i];
        }
    }
    return nearest;
}

static void slip_refuse(const cfg_t *cfg, const struct config_place *at)
{
    char known[ERROR_BYTES] = "";
    const char *name = slip_nearest(section_of(cfg), at->value, known);
    if (name)
        config_refuse(at, "no such key; did you mean \"%s\"?", name);
    else
        config_refuse(at, "no such key; known here are%s", known);
}

/* ---- what libConfuse says, in our words ---- */

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
    {"unexpected closing brace", "a } closes nothing; remove it"},
    {"premature end of file", "the file ends in the midst of something; is a } missing?"},
};

static void on_error(cfg_t *cfg, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static void on_error(cfg_t *cfg, const char *format, va_list args)
{
    struct config_place at = place_in(cfg, NULL, NULL);
    char text[ERROR_BYTES];
    for (size_t i = 0; i < sizeof sayings / sizeof sayings[0]; i++) {
        if (strcmp(format, sayings[i].theirs) != 0)
            continue;
        const char *token = strstr(format, "%s") ? va_arg(args, const char *) : NULL;
        at.value = token;
        if (sayings[i].ours)
            config_refuse(&at, "%s", sayings[i].ours);
        else if (token)
            slip_refuse(cfg, &at);
        return;
    }
    vsnprintf(text, sizeof text, format, args);
    config_refuse(&at, "%s", text);
}

/* ---- values and sections, as they come ---- */

/* libConfuse tells of a section only with its first value, or its end. */
static bool section_enter(cfg_t *cfg)
{
    if (cfg == reading->root || cfg == reading->open)
        return true;
    reading->open = cfg;
    /* The root's line stands still until the section ends. */
    return config_section_begin(reading->draft, section_of(cfg), cfg->title, reading->root->line);
}

static int on_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
    enum config_section_id section = section_of(cfg);
    const struct config_key *key = config_key_find(section, opt->name);
    struct config_place at = place_in(cfg, key->name, key->secret ? NULL : value);
    *(const char **)result = value;
    if (!section_enter(cfg))
        return -1;
    const struct config *c = reading->draft->config;
    size_t index = config_section_count(c, section) - 1;
    struct config_place first = config_draft_place(reading->draft, key, index, NULL);
    if (first.line > 0 && opt->nvalues == 1 && !key->gathers) { /* not a list's next element */
        config_refuse_second(&at, &first, "keep one of them");
        return -1;
    }
    if (first.line == 0)
        config_draft_note(reading->draft, section, index, key, cfg->line);
    return config_take(key, config_section_element(c, section, index), value, &at) ? 0 : -1;
}

/* libConfuse calls nothing for an empty list, but forgets what the key had before. */
static bool check_emptied(cfg_t *cfg)
{
    enum config_section_id section = section_of(cfg);
    size_t index = config_section_count(reading->draft->config, section) - 1;
    const struct config_key *key = NULL;
    while ((key = config_key_next(section, key))) {
        struct config_place at = config_draft_place(reading->draft, key, index, NULL);
        if (at.line > 0 && strcmp(at.file, reading->draft->path) == 0 &&
            cfg_size(cfg, key->name) == 0)
            return config_refuse(&at, "given again further on, as {}; keep one of them");
    }
    return true;
}

static int on_section_end(cfg_t *root, cfg_opt_t *opt)
{
    cfg_t *cfg = cfg_opt_getnsec(opt, opt->nvalues - 1);
    (void)root;
    if (!section_enter(cfg) || !check_emptied(cfg))
        return -1;
    reading->open = NULL;
    return config_section_end(reading->draft, section_of(cfg)) ? 0 : -1;
}

/* ---- our keys as libConfuse's options ---- */

#define OPTIONS_MAX (CONFIG_KEYS_MAX + CONFIG_SECTIONS)

static size_t options_of(enum config_section_id section, cfg_opt_t *options)
{
    const struct config_key *key = NULL;
    size_t i = 0;
    while ((key = config_key_next(section, key)))
        if (!key->only_option)
            options[i++] =
                key->type->list
                    ? (cfg_opt_t)CFG_STR_LIST_CB(key->name, NULL, CFGF_NODEFAULT, on_value)
                    : (cfg_opt_t)CFG_STR_CB(key->name, NULL, CFGF_NODEFAULT, on_value);
    options[i] = (cfg_opt_t)CFG_END();
    return i;
}

static cfg_t *options_init(void)
{
    cfg_opt_t top[OPTIONS_MAX], inner[CONFIG_SECTIONS][OPTIONS_MAX];
    size_t count = options_of(CONFIG_TOP, top);
    for (unsigned i = CONFIG_TOP + 1; i < CONFIG_SECTIONS; i++) {
        bool titled = config_sections[i].max > 0;
        options_of(i, inner[i]);
        top[count++] = (cfg_opt_t)CFG_SEC(
            config_sections[i].name, inner[i],
            CFGF_NODEFAULT | (titled ? CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES : 0));
    }
    top[count] = (cfg_opt_t)CFG_END();
    cfg_t *cfg = cfg_init(top, CFGF_NONE); /* copies them */
    if (!cfg)
        return NULL;
    cfg_set_error_function(cfg, on_error);
    for (unsigned i = CONFIG_TOP + 1; i < CONFIG_SECTIONS; i++)
        cfg_set_validate_func(cfg, config_sections[i].name, on_section_end);
    return cfg;
}

static bool parse(struct config_draft *d, const char *text)
{
    struct config_place at = {.draft = d, .file = d->path};
    struct reading r = {.draft = d, .root = options_init()};
    if (!r.root)
        return config_refuse(&at, "out of memory");
    assert(!reading);
    reading = &r;
    bool ok = cfg_parse_buf(r.root, text) == CFG_SUCCESS && check_emptied(r.root);
    reading = NULL;
    cfg_free(r.root);
    return ok || config_refuse(&at, "cannot be parsed"); /* only if nothing more exact was said */
}

/* ---- the file ---- */

/* Reads all of the file into FILE_BYTES_MAX + 2 bytes; a NUL follows. False: refused. */
static bool read_all(int fd, char *text, struct config_place *at)
{
    size_t len = 0;
    ssize_t n = 1;
    while (n > 0 && len <= FILE_BYTES_MAX) {
        n = read(fd, text + len, FILE_BYTES_MAX + 1 - len);
        len += n > 0 ? (size_t)n : 0;
    }
    if (n < 0)
        return config_refuse(at, "cannot be read: %s", strerror(errno));
    if (len > FILE_BYTES_MAX)
        return config_refuse(at, "larger than %d bytes; is it the right file?", FILE_BYTES_MAX);
    text[len] = '\0';
    if (strncmp(text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0)
        memset(text, ' ', strlen(BYTE_ORDER_MARK));
    if (strlen(text) == len)
        return true;
    at->line = 1;
    for (const char *c = text; *c; c++)
        at->line += *c == '\n';
    return config_refuse(at, "a NUL byte; is it the right file?");
}

static bool read_open(struct config_draft *d, int fd)
{
    struct config_place at = {.draft = d, .file = d->path};
    const char *why;
    struct stat st;
    if (fstat(fd, &st) != 0)
        return config_refuse(&at, "cannot be read: %s", strerror(errno));
    if (S_ISDIR(st.st_mode))
        return config_refuse(&at, "a directory; name the file in it");
    if (!S_ISREG(st.st_mode))
        return config_refuse(&at, "not a plain file, so it could not be read again on reload; use "
                                  "one");
    char *text = malloc(FILE_BYTES_MAX + 2);
    if (!text)
        return config_refuse(&at, "out of memory");
    bool ok = read_all(fd, text, &at) &&
              (config_scan(text, &why, &at.line) || config_refuse(&at, "%s", why)) &&
              parse(d, text);
    free(text);
    return ok;
}

/* ---- files that others include ---- */

/* Keeps a path for messages. NULL: refused. */
static const char *file_add(struct config_draft *d, const char *path, const struct config_place *at)
{
    if (d->files_count == CONFIG_FILES_MAX) {
        config_refuse(at, "more than %d files; merge some of them", CONFIG_FILES_MAX);
        return NULL;
    }
    d->files[d->files_count] = strdup(path);
    if (!d->files[d->files_count]) {
        config_refuse(at, "out of memory");
        return NULL;
    }
    return d->files[d->files_count++];
}

/* True: a file that was read before, under whatever name. */
static bool file_is_read(const struct config_draft *d, const char *path)
{
    struct stat one, other;
    if (stat(path, &one) != 0)
        return false;
    for (size_t i = 0; i < d->files_count; i++)
        if (stat(d->files[i], &other) == 0 && one.st_dev == other.st_dev &&
            one.st_ino == other.st_ino)
            return true;
    return false;
}

static bool include_one(struct config_draft *d, const char *path, const struct config_place *at)
{
    if (file_is_read(d, path))
        return config_refuse(at, "%s is read already: it includes itself, or is included twice",
                             path);
    const char *kept = file_add(d, path, at);
    if (!kept)
        return false;
    int fd = open(kept, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    d->path = kept;
    bool ok = fd >= 0 ? read_open(d, fd)
                      : config_refuse(at, "%s: %s; make it readable for the agent's user", kept,
                                      strerror(errno));
    if (fd >= 0)
        close(fd);
    return ok;
}

/* Relative to the file that includes. False: out of memory. */
static char *include_pattern(const char *value, const struct config_place *at)
{
    const char *slash = value[0] == '/' ? NULL : strrchr(at->file, '/');
    char *pattern = NULL;
    if (asprintf(&pattern, "%.*s%s", slash ? (int)(slash + 1 - at->file) : 0, at->file, value) < 0)
        return NULL;
    return pattern;
}

/* A pattern may match nothing; a name must be there. */
static bool include_all(struct config_draft *d, const char *value, const struct config_place *at)
{
    glob_t found = {.gl_pathc = 0};
    char *pattern = include_pattern(value, at);
    if (!pattern)
        return config_refuse(at, "out of memory");
    int result = glob(pattern, 0, NULL, &found);
    bool ok = true;
    if (result == GLOB_NOMATCH && !strpbrk(value, "*?["))
        ok =
            config_refuse(at, "no such file; a pattern, such as \"conf.d/*.conf\", may match none");
    else if (result != 0 && result != GLOB_NOMATCH)
        ok = config_refuse(at, "cannot be looked for: %s", strerror(errno));
    for (size_t i = 0; ok && i < found.gl_pathc; i++)
        ok = include_one(d, found.gl_pathv[i], at);
    globfree(&found);
    free(pattern);
    return ok;
}

/* What is included may include more. */
static bool include_rest(struct config_draft *d)
{
    const struct config *c = d->config;
    bool ok = true;
    for (size_t i = 0; ok && i < c->include_count; i++) {
        struct config_place at = {.draft = d,
                                  .file = d->includes[i].file,
                                  .line = d->includes[i].line,
                                  .key = "include",
                                  .value = c->include[i]};
        ok = include_all(d, c->include[i], &at);
    }
    d->path = d->files[0];
    return ok;
}

bool config_file_read(struct config_draft *d, bool must_exist)
{
    struct config_place at = {.draft = d, .file = d->path};
    int fd = open(d->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hold us up */
    if (fd < 0 && errno == ENOENT && !must_exist)
        return true;
    if (fd < 0)
        return config_refuse(&at, "%s; name a file with -c that the agent's user may read",
                             strerror(errno));
    d->path = file_add(d, d->path, &at);
    bool ok = d->path && read_open(d, fd);
    close(fd);
    if (!ok || !include_rest(d))
        return false;
    d->config->file = strdup(d->path);
    return d->config->file || config_refuse(&at, "out of memory");
}
