#include "gossip/membership/proof.h"

#include "gossip/core.h"
#include "gossip/membership/profile.h"

#include <string.h>

/* What is hashed: of different kinds, so that no cookie is ever a nonce. */
enum { KIND_COOKIE = 1, KIND_NONCE };
enum { WORDS = 4 }; /* of 64 bits, in a message */

struct sip {
    uint64_t v[4];
};

static uint64_t sip_rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static void sip_rounds(struct sip *s, int rounds)
{
    uint64_t *v = s->v;
    while (rounds-- > 0) {
        v[0] += v[1], v[2] += v[3];
        v[1] = sip_rotate(v[1], 13) ^ v[0], v[3] = sip_rotate(v[3], 16) ^ v[2];
        v[0] = sip_rotate(v[0], 32);
        v[2] += v[1], v[0] += v[3];
        v[1] = sip_rotate(v[1], 17) ^ v[2], v[3] = sip_rotate(v[3], 21) ^ v[0];
        v[2] = sip_rotate(v[2], 32);
    }
}

/* Of whole words, in this host's byte order: only we read it again. */
static uint64_t sip_hash(const uint8_t secret[16], const uint64_t words[WORDS])
{
    uint64_t k0, k1;
    memcpy(&k0, secret, sizeof k0);
    memcpy(&k1, secret + sizeof k0, sizeof k1);
    struct sip s = {{k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
                     k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573)}};
    for (int i = 0; i <= WORDS; i++) {
        uint64_t word = i < WORDS ? words[i] : (uint64_t)(WORDS * 8) << 56;
        s.v[3] ^= word;
        sip_rounds(&s, 2);
        s.v[0] ^= word;
    }
    s.v[2] ^= 0xff;
    sip_rounds(&s, 4);
    uint64_t hash = s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
    return hash ? hash : 1;
}

uint64_t proof_cookie(const struct gossip *g, uint64_t key, const struct gossip_addr *addr)
{
    uint64_t words[WORDS] = {(uint64_t)addr->port << 8 | KIND_COOKIE, key};
    memcpy(words + 2, addr->ip, sizeof addr->ip);
    return sip_hash(g->proof.secret, words);
}

uint64_t proof_nonce(struct gossip *g)
{
    const uint64_t words[WORDS] = {KIND_NONCE, ++g->proof.nonces};
    return sip_hash(g->proof.secret, words);
}

bool proof_by_stream(const struct gossip_route *from, const struct gossip_addr *addr)
{
    return from->via == GOSSIP_STREAM && memcmp(from->addr.ip, addr->ip, sizeof addr->ip) == 0;
}

uint32_t proof_sender(const struct gossip *g, uint64_t key, const struct gossip_route *from)
{
    uint32_t slot = member_by_key(&g->members, key);
    if (slot == MEMBER_NONE || slot == g->self)
        return MEMBER_NONE;
    const struct member *m = &g->members.slots[slot];
    bool is_proved = profile_addr_equal(&from->addr, &m->profile->addr) ||
                     profile_addr_equal(&from->addr, &m->source) ||
                     proof_by_stream(from, &m->profile->addr) || proof_by_stream(from, &m->source);
    return is_proved ? slot : MEMBER_NONE;
}

void proof_note_source(struct member *m, const struct gossip_route *from)
{
    if (from->via == GOSSIP_DATAGRAM)
        m->source = from->addr;
}
