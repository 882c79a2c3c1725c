/* contest: two agents with one name or one id. An agent that is told of an earlier one does not
 * believe it: it opens a stream to that agent's address and JOINs there, with a new token. Only a
 * REFUSE that returns this token on that stream, from an agent that started earlier, ends it
 * (gossip/admission.h). So neither a stranger's packet does, nor an old update about an agent that
 * is gone. */
#ifndef GOSSIP_CONTEST_H
#define GOSSIP_CONTEST_H

#include "gossip/wire.h"

struct contest {
    struct gossip_addr addr;
    uint64_t token;      /* 0: none is under way */
    uint64_t generation; /* the other's, if it has our id */
    bool outdo;          /* over: we are to take a generation above that one */
    bool yields; /* to the other agent of our id, if it lives, even one that started later */
    unsigned tries;
    int64_t next_us;
    int64_t rest_us; /* no other begins before */
};

/* True if the agent of that record, which has our name or id, started before us. The times that
 * both say to have run decide, for their clocks may differ; of starts at about the same time the
 * generation (`first`: the one that the other started with) and the key, of copies the
 * address. */
bool contest_is_earlier(const struct gossip *g, const struct wire_record *record, uint64_t first);

/* A member has told us of another agent with our name or id: checks it, unless a check is under way
 * or was a moment ago. A higher generation of our id at our own address is ours, from before our
 * clock or our state directory was set back. */
void contest_begin(struct gossip *g, const struct wire_record *record);
/* Ends the check: there is no earlier agent. */
void contest_end(struct gossip *g);

/* True if the token is that of the check under way. */
bool contest_is_token(const struct gossip *g, uint64_t token);
/* Asks again, with the cookie that the other has given to us. */
void contest_return(struct gossip *g, uint64_t cookie);

void contest_tick(struct gossip *g);
int64_t contest_deadline(const struct gossip *g);

#endif
