/* address: IP addresses and ports, to and from text and the kernel's form. An IP is 16 bytes in
 * network order: IPv6, or IPv4 mapped into it (RFC 4291, 2.5.5.2). A port is in host order. */
#ifndef MUSTER_BASE_ADDRESS_H
#define MUSTER_BASE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define ADDRESS_IP_BYTES 16
#define ADDRESS_IPV4_AT 12    /* the four bytes of a mapped IPv4 address */
#define ADDRESS_TEXT_BYTES 56 /* "[IPV6]:PORT" and its NUL */
#define ADDRESS_PREFIX_TEXT_BYTES (ADDRESS_TEXT_BYTES + 4) /* "IPV6/BITS" and its NUL */

/* What kind of address it is; IPv4 addresses are recognised as they are mapped. */
bool address_is_ipv4(const uint8_t ip[ADDRESS_IP_BYTES]);
bool address_is_any(const uint8_t ip[ADDRESS_IP_BYTES]);       /* 0.0.0.0, :: */
bool address_is_loopback(const uint8_t ip[ADDRESS_IP_BYTES]);  /* 127.0.0.0/8, ::1 */
bool address_is_multicast(const uint8_t ip[ADDRESS_IP_BYTES]); /* 224.0.0.0/3, reserved ones and the
                                                                * broadcast among them; ff00::/8 */
/* 169.254.0.0/16 (RFC 3927), fe80::/10: another host's on each link. */
bool address_is_link_local(const uint8_t ip[ADDRESS_IP_BYTES]);

/* Maps the four bytes of an IPv4 address, network order. */
void address_from_ipv4(const void *ipv4, uint8_t ip[ADDRESS_IP_BYTES]);

/* Fills in the network of `ip`: all but its first `bits`, of the family, are 0. */
void address_network(const uint8_t ip[ADDRESS_IP_BYTES], uint8_t bits,
                     uint8_t network[ADDRESS_IP_BYTES]);
/* True if both are of one family and their first `bits` are the same. */
bool address_same_network(const uint8_t a[ADDRESS_IP_BYTES], const uint8_t b[ADDRESS_IP_BYTES],
                          uint8_t bits);

/* The kernel's form, for a socket of `family` (AF_INET, or AF_INET6, where IPv4 is mapped).
 * Returns its length; 0: an IPv6 address has no form on an AF_INET socket. */
socklen_t address_to_socket(const uint8_t ip[ADDRESS_IP_BYTES], uint16_t port, int family,
                            struct sockaddr_storage *into);
/* And back. False: neither IPv4 nor IPv6, and nothing changed. */
bool address_from_socket(const struct sockaddr_storage *from, uint8_t ip[ADDRESS_IP_BYTES],
                         uint16_t *port);

/* From text, as numbers only, without a look-up. False: not one, and nothing changed. */
/* "10.0.0.1", "10.0.0.1:7949", "2001:db8::1", "[2001:db8::1]:7949"; port is kept if none is given,
 * and never 0 if one is. */
bool address_parse(const char *text, uint8_t ip[ADDRESS_IP_BYTES], uint16_t *port);
/* "10.0.0.30/32", "2001:db8::30/64"; *bits from 1. */
bool address_parse_prefix(const char *text, uint8_t ip[ADDRESS_IP_BYTES], uint8_t *bits);
/* Splits HOST[:PORT] for a look-up: the forms of address_parse, or a host's name of letters,
 * digits, '-', '_' and '.'. `host` holds host_bytes, and is scratch where the text is refused. */
bool address_parse_host(const char *text, char *host, size_t host_bytes, uint16_t *port);

/* To text; all return `into`. address_text and address_ip_text: ADDRESS_TEXT_BYTES.
 * "10.0.0.1:7949" or "[2001:db8::1]:7949". */
char *address_text(const uint8_t ip[ADDRESS_IP_BYTES], uint16_t port, char *into);
/* The IP alone, without brackets. */
char *address_ip_text(const uint8_t ip[ADDRESS_IP_BYTES], char *into);
/* "10.0.0.30/32"; ADDRESS_PREFIX_TEXT_BYTES. */
char *address_prefix_text(const uint8_t ip[ADDRESS_IP_BYTES], uint8_t bits, char *into);

#endif
