/* Packets of whoever is not a member, or not where the member listens: none changes anything, and
 * none is answered with more bytes than it has. */
#include "tests/unit/invariant.h"
#include "tests/unit/lone.h"

enum { RECORDS = 5, MEMBERS = 30 };

static struct lone *l;
static struct peer members[MEMBERS], nobody;

static void setup(void)
{
    l = lone_new();
    for (unsigned i = 0; i < MEMBERS; i++)
        lone_meet(l, &members[i], 1 + i, true);
    for (int i = 0; i < 15; i++) {
        lone_run_ms(l, 1000);
        lone_clear(l);
    }
    peer_init(&nobody, 99);
}

static void teardown(void)
{
    invariant_check(l->g);
    lone_free(l);
}

/* Who it says that it is, and where it comes from. */
static const struct origin {
    const char *name;
    bool own_key, member_key, member_addr;
} origins[] = {
    {"stranger", false, false, false},
    {"stranger at a member's address", false, false, true},
    {"member elsewhere", false, true, false},
    {"ourselves elsewhere", true, false, false},
    {"ourselves at a member's address", true, false, true},
    {"member at its address", false, true, true},
};
enum { ORIGINS = sizeof origins / sizeof *origins, ORIGIN_MEMBER = ORIGINS - 1 };

static uint64_t key_of(const struct origin *o)
{
    return o->own_key ? l->g->key : o->member_key ? members[0].row.key : nobody.row.key;
}

static struct gossip_route route_of(const struct origin *o)
{
    return peer_route(o->member_addr ? &members[0] : &nobody);
}

/* Bodies that ask for as much as they can, and return nothing that we have sent: a view that
 * differs, buckets that differ, all rows wanted. */
static struct wire_writer begin(const struct origin *o, enum wire_kind kind)
{
    struct wire_writer w = wire_begin(l->packet, sizeof l->packet, kind,
                                      wire_cluster_hash(LONE_CLUSTER), key_of(o), l->g->view + 1);
    switch (kind) {
    case WIRE_PING:
        wire_put(&w, 1, 4);
        wire_put(&w, l->g->key, 8);
        wire_put(&w, WIRE_COMPLAINT, 1);
        break;
    case WIRE_ACK:
        wire_put(&w, 1, 4);
        break;
    case WIRE_EVIDENCE:
        wire_put(&w, members[1].row.key, 8);
        wire_put(&w, 600, 2);
        wire_put(&w, WIRE_AGE_NONE, 2);
        wire_put(&w, WIRE_SUSPECTING, 1);
        break;
    case WIRE_JOIN:
    case WIRE_CHALLENGE:
    case WIRE_REFUSE:
        wire_put(&w, 1, 8);
        wire_put(&w, 0, 8);
        break;
    case WIRE_DIGEST:
        wire_put(&w, 1, 8);
        wire_put(&w, 0, 8);
        wire_put(&w, 0, 1);
        wire_put(&w, 1, 8);
        break;
    case WIRE_DELTA:
        wire_put(&w, 0, 8);
        wire_put(&w, 1, 8);
        wire_put(&w, WIRE_WANT_BACK, 1);
        wire_put(&w, 0, 1);
        wire_put(&w, 1, 1);
        break;
    case WIRE_LEASE:
        wire_put_voters(&w, &(struct gossip_voters){0});
        break;
    case WIRE_VOTERS:
        wire_put_names(&w, &(struct gossip_voters){1, 1, 1}, true, NULL, 0);
        break;
    case WIRE_SEEN:
        for (int i = 0; i < 26; i++)
            wire_put(&w, (uint64_t)i, 1);
        break;
    case WIRE_UPDATES:
    case WIRE_KINDS:
        break;
    }
    return w;
}

/* What it says of whom: nothing; that we have failed; of us with the highest versions; the earlier
 * holder of our name; itself. */
static void put_record(struct wire_writer *w, const struct origin *o, int which)
{
    struct peer p = nobody;
    struct gossip_profile self = *gossip_self(l->g).profile;
    struct member row = {.profile = &self, .key = l->g->key, .status = GOSSIP_FAILED};
    p.row.profile = &p.profile;
    switch (which) {
    case 1:
        row.incarnation = WIRE_INCARNATION_MAX;
        ck_assert(wire_put_short(w, &row, members[1].row.key));
        return;
    case 2:
        self.generation += WIRE_GENERATION_STEP_MAX;
        self.addr.port++;
        row.incarnation = WIRE_INCARNATION_MAX;
        ck_assert(wire_put_full(w, &row, 0));
        return;
    case 3:
        p.profile.name = "self";
        p.profile.generation = 0;
        p.row.started_us = -INT64_C(4000000000) * 1000000;
        ck_assert(wire_put_full(w, &p.row, 0));
        return;
    case 4:
        if (o->own_key)
            memcpy(p.profile.id, self.id, sizeof self.id);
        if (o->member_key)
            memcpy(p.profile.id, members[0].profile.id, sizeof self.id);
        p.row.started_us = -INT64_C(4000000000) * 1000000;
        ck_assert(wire_put_full(w, &p.row, 0));
        return;
    default:
        return;
    }
}

struct answer {
    size_t in, out, streams;
};

/* One packet, and what is sent because of it at once and in the moment after. */
static struct answer send_one(const struct origin *o, enum wire_kind kind, int record)
{
    struct gossip_route route = route_of(o);
    struct wire_writer w = begin(o, kind);
    if (kind != WIRE_LEASE && kind != WIRE_VOTERS)
        put_record(&w, o, record);
    struct answer a = {.in = (size_t)(w.at - w.start)};
    lone_clear(l);
    ck_assert_int_eq(gossip_receive(l->g, l->now_us, &route, w.start, a.in), GOSSIP_OK);
    gossip_tick(l->g, l->now_us);
    lone_drain(l);
    for (size_t i = 0; i < l->sent_count; i++) {
        bool to_other = false;
        for (unsigned m = 1; m < MEMBERS; m++)
            to_other |= profile_addr_equal(&l->sent[i].route.addr, &members[m].profile.addr);
        if (to_other && l->sent[i].route.via == GOSSIP_DATAGRAM)
            continue; /* our own pings */
        a.out += l->sent[i].len;
        a.streams += l->sent[i].route.via == GOSSIP_STREAM;
    }
    return a;
}

START_TEST(no_kind_of_packet_is_answered_with_more_than_it_has)
{
    for (int at = 0; at < ORIGIN_MEMBER; at++)
        for (int kind = WIRE_PING; kind < WIRE_KINDS; kind++)
            for (int record = 0; record < RECORDS; record++) {
                struct answer a = send_one(&origins[at], (enum wire_kind)kind, record);
                ck_assert_msg(a.out <= a.in, "%s, kind %d, record %d: %zu bytes in, %zu out",
                              origins[at].name, kind, record, a.in, a.out);
                ck_assert_uint_eq(a.streams, 0);
            }
}
END_TEST

/* It may have been sent by anybody who knows the member's key and address: no state is sent to it,
 * no connection opened, and one packet answered with one. */
START_TEST(a_member_that_has_returned_no_nonce_gets_no_state)
{
    for (int kind = WIRE_PING; kind < WIRE_KINDS; kind++)
        for (int record = 0; record < RECORDS; record++) {
            struct answer a = send_one(&origins[ORIGIN_MEMBER], (enum wire_kind)kind, record);
            ck_assert_uint_eq(lone_sent(l, WIRE_DELTA), 0);
            ck_assert_uint_le(a.out, 2 * GOSSIP_PACKET_BYTES_MAX);
        }
}
END_TEST

/* No event, no other version of us or of anybody, no stop. */
START_TEST(no_kind_of_packet_changes_anything)
{
    for (int via = GOSSIP_DATAGRAM; via <= GOSSIP_STREAM; via++)
        for (int at = 0; at < ORIGIN_MEMBER; at++)
            for (int kind = WIRE_PING; kind < WIRE_KINDS; kind++)
                for (int record = 0; record < RECORDS; record++) {
                    bool is_join = via == GOSSIP_STREAM && kind == WIRE_JOIN; /* is let in */
                    bool same_host = via == GOSSIP_STREAM && origins[at].member_addr;
                    if (is_join || same_host)
                        continue;
                    struct gossip_route route = route_of(&origins[at]);
                    route.via = (enum gossip_via)via;
                    route.conn = via == GOSSIP_STREAM;
                    struct wire_writer w = begin(&origins[at], (enum wire_kind)kind);
                    if (kind != WIRE_LEASE && kind != WIRE_VOTERS)
                        put_record(&w, &origins[at], record);
                    uint64_t view = l->g->view;
                    lone_clear(l);
                    gossip_receive(l->g, l->now_us, &route, w.start, (size_t)(w.at - w.start));
                    lone_run_ms(l, 50);
                    ck_assert_msg(l->events_count == 0, "%s, kind %d, record %d: event %d",
                                  origins[at].name, kind, record, (int)l->events[0].kind);
                    ck_assert_uint_eq(l->g->view, view);
                    ck_assert_uint_eq(gossip_self(l->g).profile->generation, LONE_GENERATION);
                }
}
END_TEST

/* A newcomer by datagram is asked to return a cookie from where it says that it listens. */
START_TEST(a_newcomer_is_let_in_when_it_has_returned_the_cookie)
{
    struct wire_writer w = lone_begin_join(l, &nobody, 5, 0);
    ck_assert(wire_put_full(&w, &nobody.row, 0));
    lone_receive(l, &nobody, &w);
    const struct sent *challenge = lone_last(l, WIRE_CHALLENGE, &nobody);
    ck_assert_ptr_nonnull(challenge);
    ck_assert_uint_eq(challenge->message.join.token, 5);
    ck_assert_int_eq(lone_status(l, &nobody), -1);
    uint64_t cookie = challenge->message.join.cookie;
    lone_clear(l);
    struct peer elsewhere = nobody;
    elsewhere.row.profile = &elsewhere.profile;
    elsewhere.profile.addr.port++;
    w = lone_begin_join(l, &elsewhere, 5, cookie);
    ck_assert(wire_put_full(&w, &elsewhere.row, 0));
    lone_receive(l, &nobody, &w);
    ck_assert_int_eq(lone_status(l, &nobody), -1);
    w = lone_begin_join(l, &nobody, 5, cookie);
    ck_assert(wire_put_full(&w, &nobody.row, 0));
    lone_receive(l, &nobody, &w);
    ck_assert_int_eq(lone_status(l, &nobody), GOSSIP_ALIVE);
    ck_assert_uint_eq(lone_last(l, WIRE_DELTA, &nobody)->message.delta.echo, 5);
}
END_TEST

/* It listens at 10.0.0.99, so it says; the packet is from elsewhere. */
START_TEST(a_newcomer_that_names_another_address_learns_from_where_it_is_seen)
{
    struct peer elsewhere;
    peer_init(&elsewhere, 98);
    for (int via = GOSSIP_DATAGRAM; via <= GOSSIP_STREAM; via++) {
        struct gossip_route route = peer_route(&elsewhere);
        route.via = (enum gossip_via)via;
        struct wire_writer w = lone_begin_join(l, &nobody, 5, 0);
        ck_assert(wire_put_full(&w, &nobody.row, 0));
        lone_clear(l);
        gossip_receive(l->g, l->now_us, &route, w.start, (size_t)(w.at - w.start));
        lone_drain(l);
        const struct sent *seen = lone_last(l, WIRE_SEEN, &elsewhere);
        ck_assert_ptr_nonnull(seen);
        ck_assert_int_eq(seen->route.via, via);
        ck_assert_uint_eq(seen->message.seen.token, 5);
        ck_assert_mem_eq(&seen->message.seen.addr, &elsewhere.profile.addr,
                         sizeof elsewhere.profile.addr);
        ck_assert_int_eq(lone_status(l, &nobody), -1);
    }
    struct wire_writer w = lone_begin_join(l, &nobody, 5, 0);
    ck_assert(wire_put_full(&w, &nobody.row, 0));
    lone_clear(l);
    lone_receive(l, &nobody, &w);
    ck_assert_uint_eq(lone_sent(l, WIRE_SEEN), 0);
}
END_TEST

/* To a token that we have not drawn nothing is believed. */
START_TEST(where_we_are_seen_is_told_if_a_join_of_ours_was_answered)
{
    gossip_join(l->g, l->now_us, &nobody.profile.addr);
    lone_run_ms(l, 0);
    const struct sent *join = lone_last(l, WIRE_JOIN, &nobody);
    ck_assert_ptr_nonnull(join);
    const uint64_t token = join->message.join.token;
    for (int ours = 0; ours <= 1; ours++) {
        struct wire_writer w = lone_begin(l, &nobody, WIRE_SEEN);
        wire_put(&w, token + !ours, 8);
        for (size_t i = 0; i < 16; i++)
            wire_put(&w, members[1].profile.addr.ip[i], 1);
        wire_put(&w, 7949, 2);
        lone_clear(l);
        lone_receive(l, &nobody, &w);
        ck_assert_uint_eq(l->events_count, (size_t)ours);
    }
    ck_assert_int_eq(l->events[0].kind, GOSSIP_EVENT_SEEN_ELSEWHERE);
}
END_TEST

START_TEST(a_newcomer_by_stream_is_let_in_at_once_if_it_listens_where_it_comes_from)
{
    struct gossip_route route = {.addr = nobody.profile.addr, .via = GOSSIP_STREAM, .conn = 7};
    route.addr.port = 40000;
    struct wire_writer w = lone_begin_join(l, &nobody, 5, 0);
    ck_assert(wire_put_full(&w, &nobody.row, 0));
    gossip_receive(l->g, l->now_us, &route, w.start, (size_t)(w.at - w.start));
    lone_drain(l);
    ck_assert_int_eq(lone_status(l, &nobody), GOSSIP_ALIVE);
    struct peer victim;
    peer_init(&victim, 100);
    w = lone_begin_join(l, &victim, 5, 0);
    ck_assert(wire_put_full(&w, &victim.row, 0));
    gossip_receive(l->g, l->now_us, &route, w.start, (size_t)(w.at - w.start));
    lone_drain(l);
    ck_assert_int_eq(lone_status(l, &victim), -1);
    ck_assert_ptr_nonnull(lone_last(l, WIRE_CHALLENGE, &victim));
}
END_TEST

/* A member may be known on one side only: of the two, the other has forgotten it. */
START_TEST(a_member_that_is_asked_by_another_introduces_itself)
{
    struct wire_writer w = lone_begin(l, &members[3], WIRE_CHALLENGE);
    wire_put(&w, 0, 8);
    wire_put(&w, 77, 8);
    lone_receive(l, &members[3], &w);
    const struct sent *join = lone_last(l, WIRE_JOIN, &members[3]);
    ck_assert_ptr_nonnull(join);
    ck_assert_uint_eq(join->message.join.token, 0);
    ck_assert_uint_eq(join->message.join.cookie, 77);
    struct wire_record r;
    ck_assert(sent_record(join, l->g->key, &r) && r.full);
}
END_TEST

/* Its host has several networks, and sends from another address than it listens at. */
START_TEST(a_member_is_one_where_it_has_answered_a_ping_from)
{
    struct peer moved = members[3];
    struct gossip_route route = peer_route(&members[3]);
    route.addr.ip[15] = 250;
    moved.row.incarnation++;
    moved.row.profile = &moved.profile;
    struct wire_writer w = lone_begin(l, &moved, WIRE_UPDATES);
    ck_assert(wire_put_full(&w, &moved.row, 0));
    uint64_t view = l->g->view;
    gossip_receive(l->g, l->now_us, &route, w.start, (size_t)(w.at - w.start));
    ck_assert_uint_eq(l->g->view, view);
    members[3].answers = false;
    const struct sent *ping = NULL;
    for (int i = 0; i < 600 && !ping; i++) {
        lone_clear(l);
        lone_run_ms(l, 50);
        ping = lone_last(l, WIRE_PING, &members[3]);
    }
    ck_assert_ptr_nonnull(ping);
    w = lone_begin(l, &moved, WIRE_ACK);
    wire_put(&w, ping->message.ping.seq, 4);
    gossip_receive(l->g, l->now_us, &route, w.start, (size_t)(w.at - w.start));
    w = lone_begin(l, &moved, WIRE_UPDATES);
    ck_assert(wire_put_full(&w, &moved.row, 0));
    gossip_receive(l->g, l->now_us, &route, w.start, (size_t)(w.at - w.start));
    ck_assert_uint_ne(l->g->view, view);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("stranger");
    TCase *t = tcase_create("stranger");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, no_kind_of_packet_is_answered_with_more_than_it_has);
    tcase_add_test(t, a_member_that_has_returned_no_nonce_gets_no_state);
    tcase_add_test(t, no_kind_of_packet_changes_anything);
    suite_add_tcase(s, t);
    t = tcase_create("proof");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_newcomer_is_let_in_when_it_has_returned_the_cookie);
    tcase_add_test(t, a_newcomer_that_names_another_address_learns_from_where_it_is_seen);
    tcase_add_test(t, where_we_are_seen_is_told_if_a_join_of_ours_was_answered);
    tcase_add_test(t, a_newcomer_by_stream_is_let_in_at_once_if_it_listens_where_it_comes_from);
    tcase_add_test(t, a_member_that_is_asked_by_another_introduces_itself);
    tcase_add_test(t, a_member_is_one_where_it_has_answered_a_ping_from);
    suite_add_tcase(s, t);
    return unit_run(s);
}
