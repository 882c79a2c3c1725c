/* ip_words: an address, a route or a rule of a vip, in the words of ip(8): ip-address(8),
 * ip-route(8), ip-rule(8). */
#ifndef MUSTER_CONFIG_IP_WORDS_H
#define MUSTER_CONFIG_IP_WORDS_H

#include "agent/config/vip_spec.h"

#include <stdbool.h>
#include <stdio.h>

#define IP_WORDS_RULE_PRIORITY 1000 /* of a rule that gives none: before the kernel's 32766 */

/* Each takes the text apart. False: it is refused, and `why` (ERROR_BYTES) says why and what would
 * do. Names of tables are looked up in the files of iproute2. */

/* "10.0.0.100/24", "192.0.2.1/24 dev eth1". Whether a host can have the address is not judged. */
bool ip_words_address(const char *text, struct vip_address *into, char *why);
/* "default via 192.0.2.254 table 100": a destination, then via, dev, src, table, metric, mtu and
 * onlink in any order. */
bool ip_words_route(const char *text, struct vip_route *into, char *why);
/* "from 10.0.0.100 table 100": from, to, iif, fwmark, table and priority in any order. */
bool ip_words_rule(const char *text, struct vip_rule *into, char *why);
/* A name that the kernel may give an interface (dev_valid_name). */
bool ip_words_interface(const char *text);

/* Print them so that they can be read again. */
void ip_words_print_address(const struct vip_address *a, FILE *out);
void ip_words_print_route(const struct vip_route *r, FILE *out);
void ip_words_print_rule(const struct vip_rule *r, FILE *out);

#endif
