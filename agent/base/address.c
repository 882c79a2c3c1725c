#include "agent/base/address.h"

#include "agent/base/text.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define HOST_BYTES_MAX 253 /* a domain name written out (RFC 1035 2.3.4) */

static const uint8_t address_mapped[ADDRESS_IPV4_AT] = {[10] = 0xff, [11] = 0xff};

/* ---- kinds ---- */

bool address_is_ipv4(const uint8_t ip[ADDRESS_IP_BYTES])
{
    return memcmp(ip, address_mapped, sizeof address_mapped) == 0;
}

bool address_is_any(const uint8_t ip[ADDRESS_IP_BYTES])
{
    static const uint8_t zero[ADDRESS_IP_BYTES];
    size_t from = address_is_ipv4(ip) ? ADDRESS_IPV4_AT : 0;
    return memcmp(ip + from, zero, sizeof zero - from) == 0;
}

bool address_is_loopback(const uint8_t ip[ADDRESS_IP_BYTES])
{
    static const uint8_t ipv6[ADDRESS_IP_BYTES] = {[15] = 1};
    return address_is_ipv4(ip) ? ip[ADDRESS_IPV4_AT] == 127 : memcmp(ip, ipv6, sizeof ipv6) == 0;
}

bool address_is_multicast(const uint8_t ip[ADDRESS_IP_BYTES])
{
    return address_is_ipv4(ip) ? ip[ADDRESS_IPV4_AT] >= 224 : ip[0] == 0xff;
}

bool address_is_link_local(const uint8_t ip[ADDRESS_IP_BYTES])
{
    if (address_is_ipv4(ip))
        return ip[ADDRESS_IPV4_AT] == 169 && ip[ADDRESS_IPV4_AT + 1] == 254;
    return ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80;
}

/* ---- the kernel's form ---- */

void address_from_ipv4(const void *ipv4, uint8_t ip[ADDRESS_IP_BYTES])
{
    memcpy(ip, address_mapped, sizeof address_mapped);
    memcpy(ip + ADDRESS_IPV4_AT, ipv4, ADDRESS_IP_BYTES - ADDRESS_IPV4_AT);
}

void address_network(const uint8_t ip[ADDRESS_IP_BYTES], uint8_t bits,
                     uint8_t network[ADDRESS_IP_BYTES])
{
    size_t kept = bits + (address_is_ipv4(ip) ? ADDRESS_IPV4_AT * 8 : 0);
    for (size_t i = 0; i < ADDRESS_IP_BYTES; i++) {
        size_t of_byte = kept > i * 8 ? kept - i * 8 : 0;
        network[i] = of_byte >= 8 ? ip[i] : (uint8_t)(ip[i] & ~(0xff >> of_byte));
    }
}

bool address_same_network(const uint8_t a[ADDRESS_IP_BYTES], const uint8_t b[ADDRESS_IP_BYTES],
                          uint8_t bits)
{
    uint8_t of_a[ADDRESS_IP_BYTES], of_b[ADDRESS_IP_BYTES];
    address_network(a, bits, of_a);
    address_network(b, bits, of_b);
    return address_is_ipv4(a) == address_is_ipv4(b) && memcmp(of_a, of_b, sizeof of_a) == 0;
}

socklen_t address_to_socket(const uint8_t ip[ADDRESS_IP_BYTES], uint16_t port, int family,
                            struct sockaddr_storage *into)
{
    memset(into, 0, sizeof *into);
    if (family == AF_INET6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)into;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        memcpy(&in6->sin6_addr, ip, sizeof in6->sin6_addr);
        return sizeof *in6;
    }
    if (!address_is_ipv4(ip))
        return 0;
    struct sockaddr_in *in = (struct sockaddr_in *)into;
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    memcpy(&in->sin_addr, ip + ADDRESS_IPV4_AT, sizeof in->sin_addr);
    return sizeof *in;
}

bool address_from_socket(const struct sockaddr_storage *from, uint8_t ip[ADDRESS_IP_BYTES],
                         uint16_t *port)
{
    if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;
        memcpy(ip, &in6->sin6_addr, ADDRESS_IP_BYTES);
        *port = ntohs(in6->sin6_port);
        return true;
    }
    if (from->ss_family != AF_INET)
        return false;
    const struct sockaddr_in *in = (const struct sockaddr_in *)from;
    address_from_ipv4(&in->sin_addr, ip);
    *port = ntohs(in->sin_port);
    return true;
}

/* ---- from text ---- */

/* The parts of HOST[:PORT], borrowed from the text. */
struct address_parts {
    const char *host;
    size_t host_bytes;
    const char *port; /* NULL: none */
};

/* Splits at the colon before the port, if there is one; an IPv6 address that a port follows stands
 * in brackets. False: brackets do not match. */
static bool address_split(const char *text, struct address_parts *parts)
{
    const char *colon = strchr(text, ':');
    *parts = (struct address_parts){.host = text, .host_bytes = strlen(text)};
    if (text[0] == '[') {
        const char *close = strchr(text, ']');
        if (!close || (close[1] != '\0' && close[1] != ':'))
            return false;
        parts->host = text + 1;
        parts->host_bytes = (size_t)(close - parts->host);
        parts->port = close[1] == ':' ? close + 2 : NULL;
    } else if (colon && !strchr(colon + 1, ':')) {
        parts->host_bytes = (size_t)(colon - text);
        parts->port = colon + 1;
    }
    return true;
}

static bool address_port_parse(const char *text, uint16_t *port)
{
    uint32_t value;
    if (!text_parse_number(text, UINT16_MAX, &value) || value == 0)
        return false;
    *port = (uint16_t)value;
    return true;
}

static bool address_ip_parse(const char *text, uint8_t ip[ADDRESS_IP_BYTES])
{
    struct in_addr ipv4;
    if (inet_pton(AF_INET6, text, ip) == 1)
        return true;
    if (inet_pton(AF_INET, text, &ipv4) != 1)
        return false;
    address_from_ipv4(&ipv4, ip);
    return true;
}

/* True if the last label is a number: an IPv4 address or a slip, never a host's name. */
static bool address_ends_in_number(const char *host)
{
    const char *dot = strrchr(host, '.');
    const char *label = dot ? dot + 1 : host;
    return label[0] != '\0' && strspn(label, "0123456789") == strlen(label);
}

/* Letters, digits, '-', '.', and the '_' that many networks have. */
static bool address_host_valid(const char *host)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789._-";
    return host[0] != '\0' && host[0] != '.' && host[0] != '-' &&
           strspn(host, allowed) == strlen(host) && !address_ends_in_number(host);
}

bool address_parse_host(const char *text, char *host, size_t host_bytes, uint16_t *port)
{
    struct address_parts parts;
    uint8_t ip[ADDRESS_IP_BYTES];
    if (!address_split(text, &parts) || parts.host_bytes > HOST_BYTES_MAX ||
        parts.host_bytes >= host_bytes)
        return false;
    memcpy(host, parts.host, parts.host_bytes);
    host[parts.host_bytes] = '\0';
    bool valid = text[0] == '[' ? inet_pton(AF_INET6, host, ip) == 1
                                : address_ip_parse(host, ip) || address_host_valid(host);
    return valid && (!parts.port || address_port_parse(parts.port, port));
}

bool address_parse(const char *text, uint8_t ip[ADDRESS_IP_BYTES], uint16_t *port)
{
    char host[INET6_ADDRSTRLEN];
    uint8_t parsed_ip[ADDRESS_IP_BYTES];
    uint16_t parsed_port = *port;
    if (!address_parse_host(text, host, sizeof host, &parsed_port) ||
        !address_ip_parse(host, parsed_ip))
        return false;
    memcpy(ip, parsed_ip, sizeof parsed_ip);
    *port = parsed_port;
    return true;
}

bool address_parse_prefix(const char *text, uint8_t ip[ADDRESS_IP_BYTES], uint8_t *bits)
{
    char host[INET6_ADDRSTRLEN];
    uint8_t parsed[ADDRESS_IP_BYTES];
    size_t bytes = strcspn(text, "/");
    bool ipv6 = memchr(text, ':', bytes);
    uint32_t value;
    if (text[bytes] == '\0' || bytes >= sizeof host)
        return false;
    memcpy(host, text, bytes);
    host[bytes] = '\0';
    if (!address_ip_parse(host, parsed) || address_is_ipv4(parsed) == ipv6 ||
        !text_parse_number(text + bytes + 1, ipv6 ? 128 : 32, &value) || value == 0)
        return false;
    memcpy(ip, parsed, sizeof parsed);
    *bits = (uint8_t)value;
    return true;
}

/* ---- to text ---- */

char *address_ip_text(const uint8_t ip[ADDRESS_IP_BYTES], char *into)
{
    bool ipv4 = address_is_ipv4(ip);
    inet_ntop(ipv4 ? AF_INET : AF_INET6, ipv4 ? ip + ADDRESS_IPV4_AT : ip, into,
              ADDRESS_TEXT_BYTES);
    return into;
}

char *address_text(const uint8_t ip[ADDRESS_IP_BYTES], uint16_t port, char *into)
{
    char text[ADDRESS_TEXT_BYTES];
    snprintf(into, ADDRESS_TEXT_BYTES, address_is_ipv4(ip) ? "%.45s:%u" : "[%.45s]:%u",
             address_ip_text(ip, text), port);
    return into;
}

char *address_prefix_text(const uint8_t ip[ADDRESS_IP_BYTES], uint8_t bits, char *into)
{
    char text[ADDRESS_TEXT_BYTES];
    snprintf(into, ADDRESS_PREFIX_TEXT_BYTES, "%s/%u", address_ip_text(ip, text), bits);
    return into;
}
