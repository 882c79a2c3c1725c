/* bind and advertise: an address, or where it is to be found on this host. */
#include "agent/config/config_table.h"
#include "agent/config/config_type.h"
#include "agent/config/ip_words.h"

#include <string.h>

#define WHERE_BYTES 64

/* Cuts off the port of NETWORK:PORT, [NETWORK]:PORT and INTERFACE:PORT, and the brackets. False: it
 * is no port. */
static bool where_split_port(char *text, uint16_t *port)
{
    char *end = text[0] == '[' ? strchr(text, ']') : NULL, *slash = strchr(text, '/');
    char *colon = end ? end + 1 : strrchr(text, ':');
    uint32_t number = *port;
    if (text[0] == '[' && (!end || (*colon != '\0' && *colon != ':')))
        return false;
    if (!colon || *colon == '\0' || (!end && slash && colon < slash)) /* of an IPv6 network */
        colon = NULL;
    if (colon && (!text_parse_number(colon + 1, UINT16_MAX, &number) || number == 0))
        return false;
    *port = (uint16_t)number;
    if (colon)
        *colon = '\0';
    if (end) {
        *end = '\0';
        memmove(text, text + 1, strlen(text));
    }
    return true;
}

/* An address, or where it is to be found: "10.0.0.0/24", "eth1". */
static bool where_take(const char *value, struct gossip_addr *addr, struct config_where *where,
                       const struct config_place *at)
{
    char text[WHERE_BYTES];
    uint8_t bits;
    *where = (struct config_where){.ipv6 = false};
    if (address_parse(value, addr->ip, &addr->port))
        return !address_is_multicast(addr->ip) ||
               config_refuse(at, "a multicast or reserved address; use one of this host's");
    snprintf(text, sizeof text, "%s", value);
    bool taken = strlen(value) < sizeof text && where_split_port(text, &addr->port);
    if (taken && address_parse_prefix(text, addr->ip, &bits)) {
        where->network_bits = bits;
        return true;
    }
    memset(addr->ip, 0, sizeof addr->ip);
    if (!taken || (text[0] >= '0' && text[0] <= '9') || !ip_words_interface(text))
        return config_refuse(at, "not an address, a network or an interface of this host, with or "
                                 "without a port; use one such as \"10.0.0.11\", "
                                 "\"[2001:db8::11]:7949\", \"10.0.0.0/24\" or \"eth1\"");
    memcpy(where->interface, text, strlen(text) + 1);
    return config_note_interface(text, at);
}

static void where_print(const struct gossip_addr *addr, const struct config_where *where, FILE *out)
{
    char text[ADDRESS_TEXT_BYTES];
    if (where->interface[0] != '\0')
        fprintf(out, " %s:%u (the address of that interface)", where->interface, addr->port);
    else if (where->network_bits > 0)
        fprintf(out, " %s/%u, port %u (the address in that network)",
                address_ip_text(addr->ip, text), where->network_bits, addr->port);
    else
        fprintf(out, " %s", address_text(addr->ip, addr->port, text));
}

static bool advertise_take(const struct config_key *key, void *element, const char *value,
                           const struct config_place *at)
{
    struct gossip_addr *addr = CONFIG_FIELD(struct gossip_addr, key, element);
    struct config_where *where = CONFIG_ALSO(struct config_where, key, element);
    addr->port = 0;
    if (!where_take(value, addr, where, at))
        return false;
    return where->interface[0] != '\0' || !address_is_any(addr->ip) ||
           config_refuse(at, "not an address that others could reach; use one of this host's, "
                             "or leave it out to have it found from the interfaces");
}

static void advertise_print(const struct config_key *key, const void *element, FILE *out)
{
    where_print(CONFIG_FIELD(struct gossip_addr, key, element),
                CONFIG_ALSO(struct config_where, key, element), out);
}

/* Every address is all zero bytes, and its family beside it. */
static bool bind_take(const struct config_key *key, void *element, const char *value,
                      const struct config_place *at)
{
    struct gossip_addr *addr = CONFIG_FIELD(struct gossip_addr, key, element);
    struct config_where *where = CONFIG_ALSO(struct config_where, key, element);
    addr->port = (uint16_t)key->min;
    if (!where_take(value, addr, where, at))
        return false;
    where->ipv6 = where->interface[0] == '\0' && !address_is_ipv4(addr->ip);
    if (address_is_any(addr->ip))
        memset(addr->ip, 0, sizeof addr->ip);
    return true;
}

static void bind_print(const struct config_key *key, const void *element, FILE *out)
{
    const struct gossip_addr *addr = CONFIG_FIELD(struct gossip_addr, key, element);
    const struct config_where *where = CONFIG_ALSO(struct config_where, key, element);
    if (address_is_any(addr->ip) && where->interface[0] == '\0' && !where->ipv6)
        fprintf(out, " 0.0.0.0:%u", addr->port);
    else
        where_print(addr, where, out);
}

const struct config_type config_type_advertise = {
    .storage = CONFIG_PLAIN, .take = advertise_take, .print = advertise_print};
const struct config_type config_type_bind = {
    .storage = CONFIG_PLAIN, .take = bind_take, .print = bind_print};
