#include "gossip/sim/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WHOLE_MAX INT64_C(1000000000000000) /* exact in a double, and far above all limits */
#define FRACTION_DIGITS_MAX 9
#define BILLION INT64_C(1000000000)

/* A number read digit by digit, so that no rounding and no locale comes in. */
struct decimal {
    int64_t whole, billionths;
};

/* Longest first, for words_time_text. */
static const struct unit {
    const char *text;
    int64_t us;
} units[] = {
    {"h", INT64_C(3600000000)}, {"m", 60000000}, {"s", 1000000}, {"ms", 1000}, {"us", 1},
};
static const struct words_table unit_table = WORDS_TABLE("unit", units);

/* ---- errors ---- */

bool words_fail(struct words *w, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(w->error->text, sizeof w->error->text, format, arguments);
    va_end(arguments);
    w->error->line = w->line;
    return false;
}

bool words_refuse(struct words *w, const char *word, const char *format, ...)
{
    char why[sizeof w->error->text];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    return words_fail(w, "\"%.*s%s\" %s", WORDS_SHOWN_BYTES_MAX, word,
                      strlen(word) > WORDS_SHOWN_BYTES_MAX ? "..." : "", why);
}

/* ---- a line ---- */

static bool words_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Copies what is before the comment. What stands in comments does not matter. */
static bool words_copy(struct words *w, const char *text, size_t bytes)
{
    const char *comment = memchr(text, '#', bytes);
    if (comment)
        bytes = (size_t)(comment - text);
    for (size_t i = 0; i < bytes; i++)
        if ((text[i] < ' ' || text[i] > '~') && !words_is_blank(text[i]))
            return words_fail(w, "byte 0x%02x in column %zu; only printable ASCII is taken",
                              (unsigned)(unsigned char)text[i], i + 1);
    memcpy(w->text, text, bytes);
    w->text[bytes] = '\0';
    return true;
}

bool words_cut(struct words *w, int line, const char *text, size_t bytes)
{
    w->line = line;
    w->count = w->at = 0;
    if (bytes && text[bytes - 1] == '\r')
        bytes--;
    if (bytes > SCENARIO_LINE_BYTES_MAX)
        return words_fail(w, "a line of %zu bytes is too long; %d are taken", bytes,
                          SCENARIO_LINE_BYTES_MAX);
    if (!words_copy(w, text, bytes))
        return false;
    bool inside = false;
    for (char *c = w->text; *c; c++) {
        bool blank = words_is_blank(*c);
        if (blank)
            *c = '\0';
        else if (!inside)
            w->words[w->count++] = c;
        inside = !blank;
    }
    return true;
}

char *words_next(struct words *w)
{
    if (w->at < w->count)
        return w->words[w->at++];
    words_fail(w, "the line ends too soon; %s is its form", w->form);
    return NULL;
}

const char *words_last(const struct words *w)
{
    return w->words[w->at - 1];
}

bool words_is(const struct words *w, const char *word)
{
    return w->at < w->count && strcmp(w->words[w->at], word) == 0;
}

bool words_take(struct words *w, const char *word)
{
    bool is = words_is(w, word);
    w->at += is;
    return is;
}

bool words_expect(struct words *w, const char *word)
{
    const char *found = words_next(w);
    if (!found)
        return false;
    if (strcmp(found, word) != 0)
        return words_refuse(w, found, "stands where %s should; %s is the form", word, w->form);
    return true;
}

bool words_end(struct words *w)
{
    if (w->at < w->count)
        return words_refuse(w, w->words[w->at], "is too much here; %s is all", w->form);
    return true;
}

/* ---- keywords and names ---- */

static const char *words_keyword(const struct words_table *table, size_t i, int *bytes)
{
    const char *form;
    memcpy(&form, (const char *)table->entries + i * table->entry_bytes, sizeof form);
    *bytes = (int)strcspn(form, " ");
    return form;
}

size_t words_find(const struct words_table *table, const char *word)
{
    for (size_t i = 0; i < table->count; i++) {
        int bytes;
        const char *known = words_keyword(table, i, &bytes);
        if (strlen(word) == (size_t)bytes && strncmp(word, known, (size_t)bytes) == 0)
            return i;
    }
    return table->count;
}

static void words_refuse_unknown(struct words *w, const struct words_table *table, const char *word)
{
    char list[sizeof w->error->text] = "";
    size_t len = 0;
    for (size_t i = 0; i < table->count && len < sizeof list; i++) {
        const char *between = i == 0 ? "" : i + 1 == table->count ? " and " : ", ";
        int bytes;
        const char *known = words_keyword(table, i, &bytes);
        len += (size_t)snprintf(list + len, sizeof list - len, "%s%.*s", between, bytes, known);
    }
    words_refuse(w, word, "is no %s; %s are", table->what, list);
}

size_t words_choose(struct words *w, const struct words_table *table)
{
    const char *word = words_next(w);
    size_t i = word ? words_find(table, word) : table->count;
    if (word && i == table->count)
        words_refuse_unknown(w, table, word);
    return i;
}

bool words_name(struct words *w, char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_";
    const char *word = words_next(w);
    if (!word)
        return false;
    size_t bytes = strlen(word);
    if (bytes > SCENARIO_NAME_BYTES_MAX || strspn(word, allowed) != bytes)
        return words_refuse(w, word, "is no name; 1 to %d letters, digits and _ are",
                            SCENARIO_NAME_BYTES_MAX);
    memcpy(name, word, bytes + 1);
    return true;
}

/* ---- numbers ---- */

/* The number that the digits read make. What is too large stays far above all limits. */
static int64_t words_read_digits(const char *text, size_t *digits)
{
    int64_t value = 0;
    *digits = strspn(text, "0123456789");
    for (size_t i = 0; i < *digits && value < WHOLE_MAX; i++)
        value = value * 10 + (text[i] - '0');
    return value;
}

/* Returns what follows it. NULL: there is none. */
static const char *words_read_decimal(const char *text, struct decimal *d)
{
    size_t digits;
    *d = (struct decimal){.whole = words_read_digits(text, &digits)};
    if (digits == 0)
        return NULL;
    if (text[digits] != '.')
        return text + digits;
    const char *fraction = text + digits + 1;
    d->billionths = words_read_digits(fraction, &digits);
    if (digits == 0 || digits > FRACTION_DIGITS_MAX)
        return NULL;
    for (size_t i = digits; i < FRACTION_DIGITS_MAX; i++)
        d->billionths *= 10;
    return fraction + digits;
}

static double words_as_double(const struct decimal *d)
{
    return (double)d->whole + (double)d->billionths / (double)BILLION;
}

bool words_number(struct words *w, double *number)
{
    struct decimal d;
    const char *word = words_next(w);
    if (!word)
        return false;
    const char *end = words_read_decimal(word, &d);
    if (!end || *end != '\0' || d.whole >= WHOLE_MAX)
        return words_refuse(w, word,
                            "is no number; 3, 0.25 and 12000 are, of at most 15 digits "
                            "before the point and 9 behind");
    *number = words_as_double(&d);
    return true;
}

char *words_time_text(int64_t us, char *into)
{
    size_t i = 0;
    while (units[i].us > 1 && (us == 0 || us % units[i].us != 0))
        i++;
    snprintf(into, WORDS_TIME_BYTES, "%lld%s", (long long)(us / units[i].us), units[i].text);
    return into;
}

static bool words_is_possible(struct words *w, int64_t us, int64_t least_us, int64_t most_us)
{
    char least[WORDS_TIME_BYTES], most[WORDS_TIME_BYTES];
    if (us >= least_us && us <= most_us)
        return true;
    return words_refuse(w, words_last(w), "is not possible; %s to %s are",
                        words_time_text(least_us, least), words_time_text(most_us, most));
}

bool words_time(struct words *w, int64_t least_us, int64_t most_us, int64_t *us)
{
    struct decimal d;
    const char *word = words_next(w);
    if (!word)
        return false;
    const char *text = words_read_decimal(word, &d);
    size_t i = text ? words_find(&unit_table, text) : unit_table.count;
    if (i == unit_table.count)
        return words_refuse(w, word, "is no time; 500us, 20ms, 1.5s, 2m and 24h are");
    int64_t unit_us = units[i].us, fraction = d.billionths * unit_us;
    if (fraction % BILLION != 0)
        return words_refuse(w, word, "is no whole number of microseconds");
    bool fits = d.whole <= SCENARIO_TIME_US_MAX / unit_us; /* before anything overflows */
    *us = fits ? d.whole * unit_us + fraction / BILLION : INT64_MAX;
    return words_is_possible(w, *us, least_us, most_us);
}

bool words_ppm(struct words *w, int64_t *ppm)
{
    const char *word = words_next(w);
    if (!word)
        return false;
    size_t sign = *word == '-' || *word == '+', digits;
    int64_t value = words_read_digits(word + sign, &digits);
    if (digits == 0 || strcmp(word + sign + digits, "ppm") != 0)
        return words_refuse(w, word, "is no clock's error; +200ppm and -5000ppm are");
    if (value > WORDS_PPM_MAX)
        return words_refuse(w, word, "is not possible; -%dppm to +%dppm are", WORDS_PPM_MAX,
                            WORDS_PPM_MAX);
    *ppm = *word == '-' ? -value : value;
    return true;
}

bool words_read_share(struct words *w, const char *word, double *share)
{
    struct decimal d;
    const char *end = words_read_decimal(word, &d);
    if (!end || strcmp(end, "%") != 0)
        return words_refuse(w, word, "is no share; 10%% and 0.5%% are");
    *share = words_as_double(&d) / 100;
    if (*share > 1)
        return words_refuse(w, word, "is not possible; 0%% to 100%% are");
    return true;
}

bool words_share(struct words *w, double *share)
{
    const char *word = words_next(w);
    return word && words_read_share(w, word, share);
}

bool words_read_count(struct words *w, const char *word, uint32_t most, uint32_t *count)
{
    size_t digits;
    int64_t value = words_read_digits(word, &digits);
    if (digits == 0 || word[digits] != '\0' || value < 1 || value > most)
        return words_refuse(w, word, "is no number of nodes; 1 to %u are", most);
    *count = (uint32_t)value;
    return true;
}

bool words_is_node(const char *word, int64_t *number)
{
    size_t digits = 0;
    if (*word == 'n')
        *number = words_read_digits(word + 1, &digits);
    return digits > 0 && word[1 + digits] == '\0';
}
