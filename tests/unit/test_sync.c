/* Views that differ are found out, and made one. */
#include "gossip/membership/sync.h"

#include "tests/unit/invariant.h"
#include "tests/unit/lone.h"

enum { PEERS = 12, NONCE = 4321 };

static struct lone *l;
static struct peer peers[PEERS];
static uint32_t delay_ms;

static void settle(struct lone *lone)
{
    for (int i = 0; i < 15; i++) {
        lone_run_ms(lone, 1000);
        lone_clear(lone);
    }
}

static void setup(void)
{
    l = lone_new();
    for (unsigned i = 0; i < PEERS; i++)
        lone_meet(l, &peers[i], 1 + i, true);
    settle(l);
    delay_ms = gossip_get_timing(l->g)->sync_delay_ms;
}

static void teardown(void)
{
    invariant_check(l->g);
    lone_free(l);
}

/* Empty updates from a peer whose view's hash is off by so much. */
static void receive_view(const struct peer *from, uint64_t off)
{
    struct wire_writer w =
        wire_begin(l->packet, sizeof l->packet, WIRE_UPDATES, wire_cluster_hash(LONE_CLUSTER),
                   from->row.key, l->g->view + off);
    lone_receive(l, from, &w);
}

START_TEST(equal_views_exchange_nothing)
{
    for (int i = 0; i < 100; i++) {
        receive_view(&peers[i % PEERS], 0);
        lone_run_ms(l, 100);
    }
    ck_assert_uint_eq(lone_sent(l, WIRE_DIGEST) + lone_sent(l, WIRE_DELTA), 0);
}
END_TEST

START_TEST(after_a_change_updates_get_their_time_to_arrive)
{
    peers[3].row.incarnation++;
    lone_receive_record(l, &peers[3], &peers[3], GOSSIP_ALIVE, WIRE_UPDATES);
    for (uint32_t ms = 0; ms < delay_ms - 20; ms += 10) {
        receive_view(&peers[0], 1);
        lone_run_ms(l, 10);
    }
    ck_assert_uint_eq(lone_sent(l, WIRE_DIGEST), 0);
    lone_run_ms(l, 20);
    receive_view(&peers[0], 1);
    ck_assert_uint_eq(lone_sent(l, WIRE_DIGEST), 1);
    ck_assert_ptr_nonnull(lone_last(l, WIRE_DIGEST, &peers[0]));
}
END_TEST

START_TEST(exchanges_are_limited_in_their_rate)
{
    for (int i = 0; i < 100; i++) {
        receive_view(&peers[i % PEERS], 1);
        lone_run_ms(l, delay_ms / 10);
    }
    ck_assert_uint_ge(lone_sent(l, WIRE_DIGEST), 9);
    ck_assert_uint_le(lone_sent(l, WIRE_DIGEST), 10);
}
END_TEST

/* Half of what a member hears is its own view: the other half must be noticed all the same. */
START_TEST(two_camps_are_noticed)
{
    for (uint32_t ms = 0; ms < 2 * delay_ms; ms += 20) {
        receive_view(&peers[0], 0);
        receive_view(&peers[1], 1);
        lone_run_ms(l, 20);
    }
    ck_assert_uint_ge(lone_sent(l, WIRE_DIGEST), 1);
}
END_TEST

START_TEST(one_that_lags_behind_asks_even_while_its_view_changes)
{
    for (unsigned i = 0; i < PEERS; i++)
        peers[i].answers = false; /* their answers would say that all agree */
    for (int i = 0; i < 15; i++) {
        peers[3].row.incarnation++;
        lone_receive_record(l, &peers[3], &peers[3], GOSSIP_ALIVE, WIRE_DELTA);
        receive_view(&peers[0], 1);
        lone_run_ms(l, delay_ms / 10);
    }
    ck_assert_uint_eq(lone_sent(l, WIRE_DIGEST), 1);
}
END_TEST

/* All pings but no exchange pass. True: it was said, once, by the end. */
static bool differ_for(int exchanges, int delta_at)
{
    size_t said = 0;
    for (unsigned i = 0; i < PEERS; i++)
        peers[i].answers = false; /* their answers would say that all agree */
    for (int i = 0; i < exchanges; i++) {
        lone_clear(l);
        receive_view(&peers[0], 1);
        lone_run_ms(l, delay_ms + 10);
        receive_view(&peers[0], 1);
        if (i == delta_at) {
            struct wire_writer w = lone_begin_delta(l, &peers[0], 0);
            lone_receive(l, &peers[0], &w);
        }
        for (size_t j = 0; j < l->events_count; j++)
            said += l->events[j].kind == GOSSIP_EVENT_VIEWS_DIFFER;
    }
    ck_assert_uint_le(said, 1);
    return said;
}

START_TEST(exchanges_that_bring_nothing_for_long_are_told)
{
    ck_assert(!differ_for(SYNC_FRUITLESS - 3, -1));
    ck_assert(differ_for(6, -1));
}
END_TEST

START_TEST(one_that_brings_something_begins_the_count_anew)
{
    ck_assert(!differ_for(SYNC_FRUITLESS - 3, -1));
    ck_assert(!differ_for(6, 0));
}
END_TEST

START_TEST(views_of_strangers_and_of_newcomers_are_not_compared)
{
    struct peer stranger;
    peer_init(&stranger, 99);
    for (int i = 0; i < 20; i++) {
        receive_view(&stranger, 1);
        lone_run_ms(l, delay_ms / 2);
    }
    ck_assert_uint_eq(lone_sent(l, WIRE_DIGEST), 0);
}
END_TEST

/* A digest of one bucket from a peer; echo: 0 opens the exchange. */
static void receive_digest(const struct peer *from, uint64_t echo, uint64_t hash)
{
    struct wire_writer w = lone_begin(l, from, WIRE_DIGEST);
    wire_put(&w, NONCE, 8);
    wire_put(&w, echo, 8);
    wire_put(&w, 0, 1);
    wire_put(&w, hash, 8);
    lone_receive(l, from, &w);
}

START_TEST(an_equal_digest_is_not_answered_and_another_with_one_of_the_same_size)
{
    receive_digest(&peers[0], 0, l->g->view);
    ck_assert_uint_eq(l->sent_count, 0);
    receive_digest(&peers[0], 0, l->g->view + 1);
    ck_assert_uint_eq(l->sent_count, 1);
    const struct sent *digest = lone_last(l, WIRE_DIGEST, &peers[0]);
    ck_assert_ptr_nonnull(digest);
    ck_assert_uint_eq(digest->len, WIRE_DIGEST_BYTES_MIN);
    ck_assert_uint_eq(digest->message.digest.echo, NONCE);
}
END_TEST

START_TEST(a_digest_that_returns_our_nonce_is_answered_with_all_that_is_in_the_bucket)
{
    receive_digest(&peers[0], lone_cookie(l, &peers[0]), l->g->view);
    ck_assert_uint_eq(l->sent_count, 0);
    receive_digest(&peers[0], lone_cookie(l, &peers[0]), l->g->view + 1);
    const struct sent *delta = lone_last(l, WIRE_DELTA, &peers[0]);
    ck_assert_ptr_nonnull(delta);
    ck_assert_uint_eq(delta->message.delta.flags, WIRE_WANT_BACK);
    ck_assert_uint_eq(delta->message.delta.echo, NONCE);
    struct wire_record r;
    for (unsigned i = 0; i < PEERS; i++)
        ck_assert(sent_record(delta, peers[i].row.key, &r) && r.full);
}
END_TEST

START_TEST(what_is_wanted_back_is_sent_once)
{
    struct wire_writer w = lone_begin_delta(l, &peers[0], WIRE_WANT_BACK);
    lone_receive(l, &peers[0], &w);
    ck_assert_uint_eq(lone_sent(l, WIRE_DELTA), 1);
    ck_assert_uint_eq(lone_last(l, WIRE_DELTA, &peers[0])->message.delta.flags, 0);
}
END_TEST

/* Anybody may have sent it under the member's address. */
START_TEST(a_delta_that_returns_no_nonce_of_ours_changes_and_sends_nothing)
{
    struct peer unknown;
    peer_init(&unknown, 99);
    struct wire_writer w = lone_begin_delta(l, &peers[0], WIRE_WANT_BACK);
    w.start[WIRE_HEADER_BYTES]++;
    ck_assert(wire_put_full(&w, &unknown.row, 0));
    lone_receive(l, &peers[0], &w);
    ck_assert_uint_eq(l->sent_count, 0);
    ck_assert_int_eq(lone_status(l, &unknown), -1);
}
END_TEST

START_TEST(an_alive_in_an_exchange_makes_a_failed_one_be_asked_and_is_not_believed)
{
    peers[4].answers = false;
    lone_receive_claim(l, &peers[0], &peers[4], GOSSIP_SUSPECT);
    lone_run_ms(l, 10000);
    ck_assert_int_eq(lone_status(l, &peers[4]), GOSSIP_FAILED);
    lone_clear(l);
    lone_receive_record(l, &peers[0], &peers[4], GOSSIP_ALIVE, WIRE_DELTA);
    ck_assert_int_eq(lone_status(l, &peers[4]), GOSSIP_FAILED);
    ck_assert(lone_sent_status(l, &peers[4], peers[4].row.key, GOSSIP_FAILED));
}
END_TEST

START_TEST(the_hash_is_of_the_live_and_of_their_versions_only)
{
    uint64_t before = l->g->view;
    lone_receive_claim(l, &peers[0], &peers[4], GOSSIP_SUSPECT);
    ck_assert_uint_eq(l->g->view, before);
    peers[4].row.incarnation++;
    lone_receive_record(l, &peers[4], &peers[4], GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert_uint_ne(l->g->view, before);
    lone_receive_claim(l, &peers[0], &peers[4], GOSSIP_LEFT);
    uint64_t without = l->g->view;
    struct peer dead;
    peer_init(&dead, 99);
    lone_receive_record(l, &peers[0], &dead, GOSSIP_FAILED, WIRE_DELTA);
    ck_assert_uint_eq(l->g->view, without);
    peers[4].row.incarnation++;
    lone_receive_record(l, &peers[4], &peers[4], GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert_uint_ne(l->g->view, without);
}
END_TEST

/* A second core, "other", number 201, whom the first knows; the packets to each other are carried.
 * What else they send is dropped. */
static struct lone *other_core(void)
{
    struct lone *other = lone_new();
    struct peer self;
    peer_init(&self, 201);
    self.profile.name = "other";
    struct gossip_config config = {.cluster = LONE_CLUSTER,
                                   .self = self.profile,
                                   .detect_ms = GOSSIP_DETECT_MS_DEFAULT,
                                   .seed = 2};
    enum gossip_error error;
    gossip_free(other->g);
    other->g = gossip_new(&config, other->now_us, &error);
    ck_assert_ptr_nonnull(other->g);
    return other;
}

static size_t carry(struct lone *from, struct lone *to)
{
    struct gossip_member sender = gossip_self(from->g), receiver = gossip_self(to->g);
    struct gossip_route route = {.addr = sender.profile->addr};
    size_t carried = 0;
    for (size_t i = 0; i < from->sent_count; i++) {
        const struct sent *s = &from->sent[i];
        if (!profile_addr_equal(&s->route.addr, &receiver.profile->addr))
            continue;
        route.via = s->route.via;
        gossip_receive(to->g, to->now_us, &route, s->bytes, s->len);
        lone_drain(to);
        carried++;
    }
    lone_clear(from);
    return carried;
}

static void expect_one_exchange_suffices(unsigned members, uint64_t seed)
{
    struct lone *a = lone_new(), *b = other_core();
    struct rng rng;
    rng_seed(&rng, seed);
    for (unsigned i = 0; i < members; i++) {
        struct peer p;
        peer_init(&p, 1 + i);
        p.profile.id[0] = (uint8_t)rng_next(&rng) | 1; /* the keys over all buckets */
        p.row.key = profile_key(p.profile.id);
        unsigned known = rng_below(&rng, 8);
        if (known != 0)
            lone_receive_record(a, &p, &p, GOSSIP_ALIVE, WIRE_UPDATES);
        p.row.incarnation += rng_below(&rng, 8) == 0;
        if (known != 1)
            lone_receive_record(b, &p, &p, GOSSIP_ALIVE, WIRE_UPDATES);
        lone_clear(a), lone_clear(b);
    }
    ck_assert_uint_ne(a->g->view, b->g->view);
    struct gossip_member self = gossip_self(a->g);
    gossip_join(b->g, b->now_us, &self.profile->addr);
    lone_run_ms(b, 0);
    for (int i = 0; i < 4; i++) {
        carry(b, a);
        carry(a, b);
    }
    ck_assert_msg(a->g->view == b->g->view, "%u members, seed %llu", members,
                  (unsigned long long)seed);
    invariant_check(a->g);
    invariant_check(b->g);
    lone_free(a);
    lone_free(b);
}

START_TEST(two_that_meet_know_all_that_either_knew)
{
    for (unsigned members = 2; members < 190; members += 17)
        for (uint64_t seed = 0; seed < 4; seed++)
            expect_one_exchange_suffices(members, seed);
}
END_TEST

/* They know each other already, and have drifted apart: two digests, and two deltas. */
START_TEST(an_exchange_by_digest_makes_two_views_one_and_sends_only_what_differs)
{
    struct lone *a = lone_new(), *b = other_core();
    struct gossip_member self = gossip_self(a->g);
    gossip_join(b->g, b->now_us, &self.profile->addr);
    lone_run_ms(b, 0);
    static struct peer many[120];
    struct rng rng;
    rng_seed(&rng, 4);
    for (unsigned i = 0; i < 120; i++) {
        peer_init(&many[i], 1 + i);
        many[i].profile.id[0] = (uint8_t)rng_next(&rng) | 1;
        many[i].row.key = profile_key(many[i].profile.id);
        lone_receive_record(a, &many[i], &many[i], GOSSIP_ALIVE, WIRE_UPDATES);
        a->sent_count = 0;
    }
    for (int i = 0; i < 4; i++) {
        carry(b, a);
        carry(a, b);
    }
    ck_assert_uint_eq(a->g->view, b->g->view);
    many[5].row.incarnation++;
    lone_receive_record(b, &many[5], &many[5], GOSSIP_ALIVE, WIRE_DELTA);
    lone_clear(a), lone_clear(b);
    a->now_us += 10000000, b->now_us += 10000000;
    uint32_t row = member_by_key(&b->g->members, a->g->key);
    sync_compare(b->g, row, b->g->view, &(struct gossip_route){.addr = self.profile->addr});
    a->now_us += 1000000, b->now_us += 1000000;
    struct wire_writer w = wire_begin(l->packet, sizeof l->packet, WIRE_UPDATES,
                                      wire_cluster_hash(LONE_CLUSTER), a->g->key, a->g->view);
    struct gossip_route route = {.addr = self.profile->addr};
    gossip_receive(b->g, b->now_us, &route, w.start, (size_t)(w.at - w.start));
    lone_drain(b);
    ck_assert_uint_eq(lone_sent(b, WIRE_DIGEST), 1);
    carry(b, a);
    ck_assert_uint_eq(lone_sent(a, WIRE_DIGEST), 1);
    carry(a, b);
    ck_assert_uint_ge(lone_sent(b, WIRE_DELTA), 1);
    struct wire_record r;
    size_t sent = 0;
    for (size_t i = 0; i < b->sent_count; i++)
        for (struct wire_reader at = b->sent[i].message.records; wire_next_record(&at, &r);)
            sent += b->sent[i].message.kind == WIRE_DELTA;
    ck_assert_uint_le(sent, 40);
    carry(b, a);
    carry(a, b);
    ck_assert_uint_eq(a->g->view, b->g->view);
    lone_free(a);
    lone_free(b);
}
END_TEST

START_TEST(a_small_state_goes_in_datagrams_and_the_rest_of_a_large_one_by_stream_in_frames)
{
    receive_digest(&peers[0], lone_cookie(l, &peers[0]), l->g->view + 1);
    for (size_t i = 0; i < l->sent_count; i++)
        ck_assert_int_eq(l->sent[i].route.via, GOSSIP_DATAGRAM);
    static char tags[GOSSIP_TAGS_BYTES_MAX];
    memset(tags, 'v', sizeof tags);
    memcpy(tags, "k", 2);
    tags[sizeof tags - 1] = '\0';
    static struct peer many[60];
    for (unsigned i = 0; i < 60; i++) {
        peer_init(&many[i], 100 + i);
        many[i].profile.tags = tags;
        many[i].profile.tags_bytes = sizeof tags;
        lone_receive_record(l, &many[i], &many[i], GOSSIP_ALIVE, WIRE_UPDATES);
    }
    lone_clear(l);
    receive_digest(&peers[0], lone_cookie(l, &peers[0]), l->g->view + 1);
    ck_assert_uint_gt(l->sent_count, SYNC_DATAGRAMS_MAX);
    size_t records = 0;
    struct wire_record r;
    for (size_t i = 0; i < l->sent_count; i++) {
        ck_assert_int_eq(l->sent[i].route.via,
                         i < SYNC_DATAGRAMS_MAX ? GOSSIP_DATAGRAM : GOSSIP_STREAM);
        ck_assert_uint_eq(l->sent[i].message.delta.flags, i ? 0 : WIRE_WANT_BACK);
        for (struct wire_reader at = l->sent[i].message.records; wire_next_record(&at, &r);)
            records++;
    }
    ck_assert_uint_eq(records, PEERS + 60 + 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("sync");
    TCase *t = tcase_create("when");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, equal_views_exchange_nothing);
    tcase_add_test(t, after_a_change_updates_get_their_time_to_arrive);
    tcase_add_test(t, exchanges_are_limited_in_their_rate);
    tcase_add_test(t, two_camps_are_noticed);
    tcase_add_test(t, one_that_lags_behind_asks_even_while_its_view_changes);
    tcase_add_test(t, exchanges_that_bring_nothing_for_long_are_told);
    tcase_add_test(t, one_that_brings_something_begins_the_count_anew);
    tcase_add_test(t, views_of_strangers_and_of_newcomers_are_not_compared);
    tcase_add_test(t, the_hash_is_of_the_live_and_of_their_versions_only);
    suite_add_tcase(s, t);
    t = tcase_create("what");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, an_equal_digest_is_not_answered_and_another_with_one_of_the_same_size);
    tcase_add_test(t, a_digest_that_returns_our_nonce_is_answered_with_all_that_is_in_the_bucket);
    tcase_add_test(t, a_delta_that_returns_no_nonce_of_ours_changes_and_sends_nothing);
    tcase_add_test(t, what_is_wanted_back_is_sent_once);
    tcase_add_test(t, an_alive_in_an_exchange_makes_a_failed_one_be_asked_and_is_not_believed);
    tcase_add_test(t, two_that_meet_know_all_that_either_knew);
    tcase_add_test(t, an_exchange_by_digest_makes_two_views_one_and_sends_only_what_differs);
    tcase_add_test(t,
                   a_small_state_goes_in_datagrams_and_the_rest_of_a_large_one_by_stream_in_frames);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    return unit_run(s);
}
