#include "agent/config/ip_words.h"

#include "agent/base/error.h"
#include "agent/base/text.h"
#include "agent/config/ip_tables.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define WORD_BYTES 64
#define MTU_MIN 68 /* RFC 791; IPv6 needs more (RFC 8200) */
#define MTU_MIN_IPV6 1280
#define MTU_MAX 65535
#define RULE_PRIORITY_MAX 32765 /* below those of the main and the default table */

/* ---- words ---- */

/* The text that is being taken apart. */
struct ip_words {
    const char *at;
    char word[WORD_BYTES]; /* the last one */
    char *why;             /* ERROR_BYTES, for what is refused */
    bool has_family, ipv6; /* as the first address says */
};

/* False: there are no more, or the word is too long (which no word of ours is). */
static bool words_next(struct ip_words *w)
{
    w->at += strspn(w->at, " \t");
    size_t bytes = strcspn(w->at, " \t");
    size_t kept = bytes < sizeof w->word ? bytes : sizeof w->word - 1;
    memcpy(w->word, w->at, kept);
    w->word[kept] = '\0';
    w->at += bytes;
    return bytes > 0;
}

/* The family of all addresses must be one. */
static bool words_note_family(struct ip_words *w, const uint8_t *ip)
{
    bool ipv6 = !address_is_ipv4(ip);
    if (w->has_family && w->ipv6 != ipv6)
        return error_set(w->why, "\"%s\" is of another family; use IPv4 or IPv6 throughout",
                         w->word);
    w->has_family = true;
    w->ipv6 = ipv6;
    return true;
}

/* ---- what follows a word ---- */

/* Takes w->word into `field`. False: refused. */
typedef bool ip_word_fn(struct ip_words *w, void *field);

static bool word_address(struct ip_words *w, void *field)
{
    uint16_t port = 0;
    uint8_t ip[ADDRESS_IP_BYTES];
    if (strpbrk(w->word, "[]") || !address_parse(w->word, ip, &port) || port != 0 ||
        address_is_any(ip) || address_is_multicast(ip))
        return error_set(w->why, "\"%s\" is not a host's address; use one such as \"192.0.2.254\"",
                         w->word);
    memcpy(field, ip, sizeof ip);
    return words_note_family(w, ip);
}

bool ip_words_interface(const char *text)
{
    return text[0] != '\0' && strlen(text) <= VIP_INTERFACE_BYTES_MAX &&
           text[strcspn(text, "/: ")] == '\0' && strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

static bool word_interface(struct ip_words *w, void *field)
{
    if (!ip_words_interface(w->word))
        return error_set(w->why, "\"%s\" is not an interface's name; use one such as \"eth1\"",
                         w->word);
    memcpy(field, w->word, strlen(w->word) + 1);
    return true;
}

static bool word_number(struct ip_words *w, uint32_t min, uint32_t max, uint32_t *into)
{
    return (text_parse_number(w->word, max, into) && *into >= min) ||
           error_set(w->why, "\"%s\" is not a whole number from %" PRIu32 " to %" PRIu32, w->word,
                     min, max);
}

static bool word_metric(struct ip_words *w, void *field)
{
    return word_number(w, 1, UINT32_MAX, field);
}

static bool word_mtu(struct ip_words *w, void *field)
{
    return word_number(w, MTU_MIN, MTU_MAX, field);
}

static bool word_priority(struct ip_words *w, void *field)
{
    return word_number(w, 1, RULE_PRIORITY_MAX, field);
}

static bool word_table(struct ip_words *w, void *field)
{
    if (text_parse_number(w->word, UINT32_MAX, field) && *(uint32_t *)field > 0)
        return true;
    return ip_tables_find(w->word, field) ||
           error_set(w->why,
                     "no table \"%s\" on this host; use its number, or name it in "
                     "/etc/iproute2/rt_tables",
                     w->word);
}

/* A number, as fwmark takes it: decimal, or hexadecimal with 0x. */
static bool word_is_mark(const char *text, const char *end, uint32_t *into)
{
    char *stop;
    errno = 0;
    unsigned long value = strtoul(text, &stop, strncmp(text, "0x", 2) == 0 ? 16 : 10);
    *into = (uint32_t)value;
    return stop == end && text[0] >= '0' && text[0] <= '9' && errno == 0 && value <= UINT32_MAX;
}

/* MARK or MARK/MASK; the mask stands behind the mark. */
static bool word_fwmark(struct ip_words *w, void *field)
{
    uint32_t *mark = field, *mask = mark + 1;
    const char *end = w->word + strlen(w->word), *slash = strchr(w->word, '/');
    _Static_assert(offsetof(struct vip_rule, fwmask) ==
                       offsetof(struct vip_rule, fwmark) + sizeof(uint32_t),
                   "the mask stands behind the mark");
    *mask = UINT32_MAX;
    bool ok = word_is_mark(w->word, slash ? slash : end, mark) &&
              (!slash || (word_is_mark(slash + 1, end, mask) && *mask > 0));
    return ok || error_set(w->why, "\"%s\" is not a mark; use one such as \"100\" or \"0x64/0xff\"",
                           w->word);
}

/* ---- networks ---- */

/* "0.0.0.0/0" and "::/0", which address_parse_prefix does not take. */
static bool network_is_any(const char *word, uint8_t *ip)
{
    uint16_t port = 0;
    if (strcmp(word, "0.0.0.0/0") == 0)
        return address_parse("0.0.0.0", ip, &port);
    return strcmp(word, "::/0") == 0 && address_parse("::", ip, &port);
}

/* An address alone is a network of one host. */
static bool word_network(struct ip_words *w, uint8_t *ip, uint8_t *bits)
{
    uint16_t port = 0;
    uint8_t network[ADDRESS_IP_BYTES];
    *bits = 0;
    if (!network_is_any(w->word, ip) && !address_parse_prefix(w->word, ip, bits)) {
        if (strpbrk(w->word, "[]") || !address_parse(w->word, ip, &port) || port != 0)
            return error_set(w->why,
                             "\"%s\" is neither an address nor a network; use one such as "
                             "\"192.0.2.0/24\"",
                             w->word);
        *bits = address_is_ipv4(ip) ? 32 : 128;
    }
    address_network(ip, *bits, network);
    if (memcmp(ip, network, sizeof network) != 0)
        return error_set(w->why, "\"%s\" has bits behind its prefix; the kernel refuses that",
                         w->word);
    if (!words_note_family(w, ip))
        return false;
    if (*bits == 0)
        memset(ip, 0, ADDRESS_IP_BYTES);
    return true;
}

static bool word_from(struct ip_words *w, void *field)
{
    struct vip_rule *r = field;
    return strcmp(w->word, "all") == 0 || word_network(w, r->from, &r->from_bits);
}

static bool word_to(struct ip_words *w, void *field)
{
    struct vip_rule *r = field;
    return strcmp(w->word, "all") == 0 || word_network(w, r->to, &r->to_bits);
}

static bool word_onlink(struct ip_words *w, void *field)
{
    (void)w;
    *(bool *)field = true;
    return true;
}

/* ---- tables of words ---- */

struct ip_word {
    const char *name;
    ip_word_fn *take;
    size_t at;
    bool alone; /* no value follows */
};

#define WORDS_MAX 8

static const struct ip_word *word_find(const struct ip_word *words, const char *name)
{
    while (words->name && strcmp(words->name, name) != 0)
        words++;
    return words->name ? words : NULL;
}

static bool words_refuse(struct ip_words *w, const struct ip_word *words)
{
    char known[ERROR_BYTES] = "";
    size_t len = 0;
    for (; words->name; words++)
        len += (size_t)snprintf(known + len, sizeof known - len, " %s", words->name);
    return error_set(w->why, "\"%s\" is no word that is taken here; known are%s", w->word, known);
}

/* Takes all words up to the end. */
static bool words_take(struct ip_words *w, const struct ip_word *words, void *into)
{
    bool given[WORDS_MAX] = {false};
    while (words_next(w)) {
        const struct ip_word *word = word_find(words, w->word);
        if (!word)
            return words_refuse(w, words);
        if (given[word - words])
            return error_set(w->why, "%s is given twice; keep one of them", word->name);
        given[word - words] = true;
        if (!word->alone && !words_next(w))
            return error_set(w->why, "nothing follows %s", word->name);
        if (!word->take(w, (char *)into + word->at))
            return false;
    }
    return true;
}

/* ---- addresses ---- */

bool ip_words_address(const char *text, struct vip_address *into, char *why)
{
    static const struct ip_word words[] = {
        {"dev", word_interface, offsetof(struct vip_address, interface), false}, {.name = NULL}};
    struct ip_words w = {.at = text, .why = why};
    memset(into, 0, sizeof *into);
    if (!words_next(&w) || !address_parse_prefix(w.word, into->ip, &into->prefix_bits))
        return error_set(why,
                         "not an IPv4 or IPv6 address with a prefix, such as \"10.0.0.30/32\"");
    return words_take(&w, words, into);
}

/* ---- routes ---- */

#define ROUTE(name, take, field)                                                                   \
    {                                                                                              \
        name, take, offsetof(struct vip_route, field), false                                       \
    }
static const struct ip_word route_words[] = {
    ROUTE("via", word_address, via),
    ROUTE("dev", word_interface, dev),
    ROUTE("src", word_address, src),
    ROUTE("table", word_table, table),
    ROUTE("metric", word_metric, metric),
    ROUTE("mtu", word_mtu, mtu),
    {"onlink", word_onlink, offsetof(struct vip_route, onlink), true},
    {.name = NULL},
};
_Static_assert(sizeof route_words / sizeof *route_words <= WORDS_MAX + 1, "each word has a flag");

static bool route_check(const struct ip_words *w, const struct vip_route *r)
{
    if (address_is_any(r->via) && r->dev[0] == '\0')
        return error_set(w->why, "no way out; say via ADDRESS, dev INTERFACE, or both");
    if (r->onlink && (address_is_any(r->via) || r->dev[0] == '\0'))
        return error_set(w->why, "onlink is of a gateway and an interface; say via ADDRESS and dev "
                                 "INTERFACE too");
    if (r->ipv6 && r->mtu > 0 && r->mtu < MTU_MIN_IPV6)
        return error_set(w->why, "mtu %" PRIu32 " is below %d, the least that IPv6 works with",
                         r->mtu, MTU_MIN_IPV6);
    return true;
}

bool ip_words_route(const char *text, struct vip_route *into, char *why)
{
    struct ip_words w = {.at = text, .why = why};
    *into = (struct vip_route){.table = IP_TABLES_MAIN};
    if (!words_next(&w))
        return error_set(why, "no destination; use \"default\" or a network");
    if (strcmp(w.word, "default") != 0 && !word_network(&w, into->to, &into->to_bits))
        return false;
    if (!words_take(&w, route_words, into))
        return false;
    into->ipv6 = w.ipv6;
    return route_check(&w, into);
}

/* ---- rules ---- */

#define RULE(name, take, field)                                                                    \
    {                                                                                              \
        name, take, offsetof(struct vip_rule, field), false                                        \
    }
static const struct ip_word rule_words[] = {
    {"from", word_from, 0, false},
    {"to", word_to, 0, false},
    RULE("iif", word_interface, iif),
    RULE("fwmark", word_fwmark, fwmark),
    RULE("table", word_table, table),
    RULE("priority", word_priority, priority),
    {.name = NULL},
};
_Static_assert(sizeof rule_words / sizeof *rule_words <= WORDS_MAX + 1, "each word has a flag");

bool ip_words_rule(const char *text, struct vip_rule *into, char *why)
{
    struct ip_words w = {.at = text, .why = why};
    *into = (struct vip_rule){.priority = IP_WORDS_RULE_PRIORITY};
    if (!words_take(&w, rule_words, into))
        return false;
    into->ipv6 = w.ipv6;
    return into->table > 0 ||
           error_set(why, "no table; say which one the packets go by, such as table 100");
}

/* ---- printing ---- */

static void print_network(const char *word, const uint8_t *ip, unsigned bits, FILE *out)
{
    char text[ADDRESS_TEXT_BYTES];
    fprintf(out, " %s%s%s/%u", word, *word ? " " : "", address_ip_text(ip, text), bits);
}

static void print_ip(const char *word, const uint8_t *ip, FILE *out)
{
    char text[ADDRESS_TEXT_BYTES];
    if (!address_is_any(ip))
        fprintf(out, " %s %s", word, address_ip_text(ip, text));
}

static void print_number(const char *word, uint32_t value, FILE *out)
{
    if (value > 0)
        fprintf(out, " %s %" PRIu32, word, value);
}

static void print_word(const char *word, const char *value, FILE *out)
{
    if (*value)
        fprintf(out, " %s %s", word, value);
}

void ip_words_print_address(const struct vip_address *a, FILE *out)
{
    print_network("", a->ip, a->prefix_bits, out);
    print_word("dev", a->interface, out);
}

void ip_words_print_route(const struct vip_route *r, FILE *out)
{
    if (r->to_bits > 0)
        print_network("", r->to, r->to_bits, out);
    else
        fputs(r->ipv6 ? " ::/0" : " default", out);
    print_ip("via", r->via, out);
    print_word("dev", r->dev, out);
    print_ip("src", r->src, out);
    print_number("table", r->table, out);
    print_number("metric", r->metric, out);
    print_number("mtu", r->mtu, out);
    if (r->onlink)
        fputs(" onlink", out);
}

void ip_words_print_rule(const struct vip_rule *r, FILE *out)
{
    if (r->from_bits > 0)
        print_network("from", r->from, r->from_bits, out);
    else
        fputs(r->ipv6 ? " from ::/0" : " from all", out);
    if (r->to_bits > 0)
        print_network("to", r->to, r->to_bits, out);
    print_word("iif", r->iif, out);
    if (r->fwmask > 0)
        fprintf(out, " fwmark 0x%" PRIx32 "/0x%" PRIx32, r->fwmark, r->fwmask);
    print_number("table", r->table, out);
    print_number("priority", r->priority, out);
}
