#include "agent/config/config.h"

#include "agent/base/ip.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define HOST_BYTES_MAX 253 /* a domain name written out (RFC 1035 2.3.4) */
#define DURATION_MS_MAX (30u * 24 * 60 * 60 * 1000)
#define DURATION_SCALE_MAX 1000000000 /* nine digits behind the point; more mean nothing */

/* ---- hosts and ports ---- */

/* The parts of HOST[:PORT], borrowed from the text. */
struct parts {
    const char *host;
    size_t host_bytes;
    const char *port; /* NULL: none */
};

/* Splits at the colon before the port, if there is one; an IPv6 address that a port follows stands
 * in brackets. False: brackets do not match. */
static bool split(const char *text, struct parts *parts)
{
    const char *colon = strchr(text, ':');

    *parts = (struct parts){.host = text, .host_bytes = strlen(text)};
    if (text[0] == '[') {
        const char *close = strchr(text, ']');
        if (close == NULL || (close[1] != '\0' && close[1] != ':'))
            return false;
        parts->host = text + 1;
        parts->host_bytes = (size_t)(close - parts->host);
        parts->port = close[1] == ':' ? close + 2 : NULL;
    } else if (colon != NULL && strchr(colon + 1, ':') == NULL) {
        parts->host_bytes = (size_t)(colon - text);
        parts->port = colon + 1;
    }
    return true;
}

bool config_number_parse(const char *text, uint32_t max, uint32_t *value)
{
    uint64_t parsed = 0;

    if (text[0] == '\0')
        return false;
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        parsed = parsed * 10 + (uint64_t)(text[i] - '0');
        if (parsed > max)
            return false;
    }
    *value = (uint32_t)parsed;
    return true;
}

static bool port_parse(const char *text, uint16_t *port)
{
    uint32_t value;

    if (!config_number_parse(text, UINT16_MAX, &value) || value == 0)
        return false;
    *port = (uint16_t)value;
    return true;
}

static bool ip_parse(const char *text, uint8_t *ip)
{
    if (inet_pton(AF_INET6, text, ip) == 1)
        return true;
    if (inet_pton(AF_INET, text, ip + sizeof ip_mapped) != 1)
        return false;
    memcpy(ip, ip_mapped, sizeof ip_mapped);
    return true;
}

/* True if the last label is a number: an IPv4 address or a slip, never a host's name. */
static bool ends_in_number(const char *host)
{
    const char *dot = strrchr(host, '.');
    const char *label = dot == NULL ? host : dot + 1;

    return label[0] != '\0' && strspn(label, "0123456789") == strlen(label);
}

/* Letters, digits, '-', '.', and the '_' that many networks have. */
static bool host_name_valid(const char *host)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789._-";

    return host[0] != '\0' && host[0] != '.' && host[0] != '-' &&
           strspn(host, allowed) == strlen(host) && !ends_in_number(host);
}

bool config_host_parse(const char *text, char *host, size_t host_bytes, uint16_t *port)
{
    struct parts parts;
    uint8_t ip[16];

    if (!split(text, &parts) || parts.host_bytes > HOST_BYTES_MAX || parts.host_bytes >= host_bytes)
        return false;
    memcpy(host, parts.host, parts.host_bytes);
    host[parts.host_bytes] = '\0';
    bool valid = text[0] == '[' ? inet_pton(AF_INET6, host, ip) == 1
                                : ip_parse(host, ip) || host_name_valid(host);
    return valid && (parts.port == NULL || port_parse(parts.port, port));
}

bool config_addr_parse(const char *text, struct gossip_addr *addr)
{
    char host[INET6_ADDRSTRLEN];
    struct gossip_addr parsed = *addr;

    if (!config_host_parse(text, host, sizeof host, &parsed.port) || !ip_parse(host, parsed.ip))
        return false;
    *addr = parsed;
    return true;
}

bool config_addr_is_ipv4(const struct gossip_addr *addr)
{
    return ip_is_ipv4(addr->ip);
}

char *config_ip_text(const struct gossip_addr *addr, char *into)
{
    if (config_addr_is_ipv4(addr))
        inet_ntop(AF_INET, addr->ip + sizeof ip_mapped, into, CONFIG_ADDR_TEXT_BYTES);
    else
        inet_ntop(AF_INET6, addr->ip, into, CONFIG_ADDR_TEXT_BYTES);
    return into;
}

char *config_addr_text(const struct gossip_addr *addr, char *into)
{
    char ip[CONFIG_ADDR_TEXT_BYTES];

    snprintf(into, CONFIG_ADDR_TEXT_BYTES, config_addr_is_ipv4(addr) ? "%.45s:%u" : "[%.45s]:%u",
             config_ip_text(addr, ip), addr->port);
    return into;
}

bool config_prefix_parse(const char *text, struct gossip_addr *addr, uint8_t *bits)
{
    char host[INET6_ADDRSTRLEN];
    struct gossip_addr parsed = *addr;
    size_t bytes = strcspn(text, "/");
    bool ipv6 = memchr(text, ':', bytes) != NULL;
    uint32_t value;

    if (text[bytes] == '\0' || bytes >= sizeof host)
        return false;
    memcpy(host, text, bytes);
    host[bytes] = '\0';
    if (!ip_parse(host, parsed.ip) || config_addr_is_ipv4(&parsed) == ipv6 ||
        !config_number_parse(text + bytes + 1, ipv6 ? 128 : 32, &value) || value == 0)
        return false;
    *addr = parsed;
    *bits = (uint8_t)value;
    return true;
}

char *config_prefix_text(const struct gossip_addr *addr, uint8_t bits, char *into)
{
    char ip[CONFIG_ADDR_TEXT_BYTES];

    snprintf(into, CONFIG_PREFIX_TEXT_BYTES, "%s/%u", config_ip_text(addr, ip), bits);
    return into;
}

/* ---- durations ---- */

/* Longest first, for printing. */
static const struct {
    const char *text;
    uint32_t ms;
} units[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

#define UNITS (sizeof units / sizeof units[0])

static uint32_t unit_parse(const char *text)
{
    for (size_t i = 0; i < UNITS; i++) {
        if (strcmp(text, units[i].text) == 0)
            return units[i].ms;
    }
    return 0;
}

bool config_duration_parse(const char *text, uint32_t *ms)
{
    uint64_t value = 0, scale = 1;
    bool fraction = false;
    const char *at = text;

    for (; (*at >= '0' && *at <= '9') || (*at == '.' && !fraction && at > text); at++) {
        if (*at == '.') {
            fraction = true;
            continue;
        }
        value = value * 10 + (uint64_t)(*at - '0');
        scale = fraction ? scale * 10 : 1;
        if (value > 1000ull * DURATION_MS_MAX || scale > DURATION_SCALE_MAX)
            return false; /* before anything overflows */
    }
    uint64_t unit_ms = unit_parse(at);
    if (at == text || at[-1] == '.' || unit_ms == 0)
        return false;
    if (value * unit_ms % scale != 0 || value * unit_ms / scale > DURATION_MS_MAX)
        return false;
    *ms = (uint32_t)(value * unit_ms / scale);
    return true;
}

char *config_duration_text(uint32_t ms, char *into)
{
    size_t unit = 0;

    while (unit + 1 < UNITS && (ms == 0 || ms % units[unit].ms != 0))
        unit++;
    if (ms > 1000 && units[unit].ms == 1) { /* 1500ms reads better as 1.5s */
        int len = snprintf(into, CONFIG_DURATION_TEXT_BYTES, "%" PRIu32 ".%03" PRIu32, ms / 1000,
                           ms % 1000);
        while (into[len - 1] == '0')
            len--;
        into[len++] = 's';
        into[len] = '\0';
    } else {
        snprintf(into, CONFIG_DURATION_TEXT_BYTES, "%" PRIu32 "%s", ms / units[unit].ms,
                 units[unit].text);
    }
    return into;
}
