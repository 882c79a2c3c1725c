/* ip: 16 bytes, IPv6, or IPv4 mapped into it (RFC 4291, 2.5.5.2). */
#ifndef MUSTER_AGENT_IP_H
#define MUSTER_AGENT_IP_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define IP_IPV4_AT 12 /* of the 16 */

static const uint8_t ip_mapped[IP_IPV4_AT] = {[10] = 0xff, [11] = 0xff};

static inline bool ip_is_ipv4(const uint8_t *ip)
{
    return memcmp(ip, ip_mapped, sizeof ip_mapped) == 0;
}

#endif
