/* proof: who is at the address that a packet names as its source.
 *
 * Anybody can send a datagram under another's address. So a packet is only taken for a member's if
 * it comes from where that member listens, or from where it has answered a ping of ours; a newcomer
 * proves its address by returning a cookie that was sent there (as in RFC 4987 3.6 and RFC 9000
 * 8.1); and an answer to anything else is no longer than the question. A stream proves the address
 * of the host that opened it: TCP's handshake has been there and back. */
#ifndef GOSSIP_PROOF_H
#define GOSSIP_PROOF_H

#include "gossip/wire.h"

struct proof {
    uint8_t secret[16];
    uint64_t nonces; /* drawn so far */
};

/* The cookie for a member that has that key and receives at addr: the same for as long as we run.
 * Never 0. SipHash-2-4 of both under our secret (Aumasson and Bernstein, 2012). */
uint64_t proof_cookie(const struct gossip *g, uint64_t key, const struct gossip_addr *addr);

/* A number that nobody else can guess, and that was not drawn before. Never 0. */
uint64_t proof_nonce(struct gossip *g);

/* The slot of the member with that key, dead or alive, if `from` is an address of its own.
 * MEMBER_NONE: nobody is proved to be the sender, or it is ourselves. */
uint32_t proof_sender(const struct gossip *g, uint64_t key, const struct gossip_route *from);

/* Has the member that has sent from there listed addr as its own? Of a stream the port says
 * nothing; of a datagram nothing is proved. */
bool proof_by_stream(const struct gossip_route *from, const struct gossip_addr *addr);

/* The member has answered a ping of ours from there, or returned a cookie: a host of several
 * networks sends from another address than the one that it listens at. */
void proof_note_source(struct member *m, const struct gossip_route *from);

#endif
