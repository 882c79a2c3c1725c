#include "agent/base/address.h"
#include "tests/unit/config_vip_fixture.h"

static void assert_address(const struct vip_spec *spec, const char *expected)
{
    char text[ADDRESS_PREFIX_TEXT_BYTES];
    ck_assert_str_eq(
        address_prefix_text(spec->addresses[0].ip, spec->addresses[0].prefix_bits, text), expected);
}

/* ---- what is taken ---- */

START_TEST(without_a_quorum_nothing_is_held)
{
    struct config *c = must_load("");
    ck_assert_uint_eq(c->quorum.count + c->vips_count, 0);
    config_free(c);
}
END_TEST

START_TEST(voters_are_taken_in_order)
{
    struct config *c =
        must_load("quorum { voters = {\"db1\", \"db2\"} voters += {\"witness1\"} version = 7 }");
    ck_assert_uint_eq(c->quorum.count, 3);
    ck_assert_str_eq(c->quorum.voters[0], "db1");
    ck_assert_str_eq(c->quorum.voters[1], "db2");
    ck_assert_str_eq(c->quorum.voters[2], "witness1");
    ck_assert_uint_eq(c->quorum.version, 7);
    ck_assert(!c->quorum.both_must_live);
    config_free(c);
    c = must_load("quorum { voters = {db1} version = 2147483647 both_voters_must_live = no }");
    ck_assert_uint_eq(c->quorum.count, 1);
    ck_assert_uint_eq(c->quorum.version, 2147483647);
    config_free(c);
}
END_TEST

START_TEST(two_voters_are_taken_with_both_voters_must_live)
{
    static const char *const yes[] = {"true", "yes", "on", "True", "\"true\""};
    for (size_t i = 0; i < COUNT(yes); i++) {
        char text[128];
        snprintf(text, sizeof text, "quorum { voters = {a, b} both_voters_must_live = %s }",
                 yes[i]);
        struct config *c = must_load(text);
        ck_assert_uint_eq(c->quorum.count, 2);
        ck_assert_uint_eq(c->quorum.version, 1);
        ck_assert(c->quorum.both_must_live);
        config_free(c);
    }
}
END_TEST

START_TEST(vip_has_its_defaults)
{
    struct config *c = must_load(QUORUM VIP "}");
    const struct vip_spec *v = c->vips;
    ck_assert_uint_eq(c->vips_count, 1);
    ck_assert_str_eq(v->name, "web");
    assert_address(v, "10.0.0.30/32");
    ck_assert_str_eq(v->interface, "eth0");
    ck_assert_uint_eq(v->match.bytes + v->requires_count, 0);
    ck_assert(v->fits && vip_spec_may_hold(v) && !v->preempt);
    ck_assert_uint_eq(v->priority, 100);
    ck_assert_ptr_null(v->hook);
    ck_assert_uint_eq(v->timeout_ms, 30000);
    ck_assert_ptr_null(v->user);
    ck_assert_ptr_null(v->account);
    ck_assert_uint_eq(v->lease_ms, 1000);
    config_free(c);
}
END_TEST

START_TEST(every_key_of_a_vip_is_taken)
{
    struct config *c =
        must_load("tags = {\"role=db\", \"rack=r7\", \"more=1\"}\n"
                  "vip \"database\" {\n"
                  "    address = \"2001:db8::30/64\" interface = \"eth1\"\n"
                  "    match = {\"role=db\", \"rack=r7\"} priority = 255 preempt = true\n"
                  "    requires = {\"postgres\", \"disk\"}\n"
                  "    hook = \"/bin/true\" timeout = \"90s\" user = \"root\" lease = \"60s\"\n"
                  "}\n"
                  "vip other { address = \"10.0.0.31/24\" interface = eth1 priority = 0\n"
                  "            lease = 200ms preempt = off }\n" QUORUM);
    const struct vip_spec *v = c->vips;
    ck_assert_uint_eq(c->vips_count, 2);
    ck_assert_str_eq(v[0].name, "database");
    assert_address(&v[0], "2001:db8::30/64");
    ck_assert_str_eq(v[0].interface, "eth1");
    ck_assert_uint_eq(v[0].match.bytes, sizeof "rack\0r7\0role\0db");
    ck_assert_str_eq(tag_match_find(v[0].match.tags, v[0].match.bytes, "rack"), "r7");
    ck_assert_uint_eq(v[0].priority, 255);
    ck_assert(v[0].preempt && v[0].fits);
    ck_assert_uint_eq(v[0].requires_count, 2);
    ck_assert_str_eq(v[0].requires[1], "disk");
    ck_assert_str_eq(v[0].hook, "/bin/true");
    ck_assert_uint_eq(v[0].timeout_ms, 90000);
    ck_assert_str_eq(v[0].user, "root");
    ck_assert_uint_eq(v[0].account->uid, 0);
    ck_assert_uint_eq(v[0].lease_ms, 60000);
    assert_address(&v[1], "10.0.0.31/24");
    ck_assert_uint_eq(v[1].priority, 0);
    ck_assert_uint_eq(v[1].lease_ms, 200);
    config_free(c);
}
END_TEST

START_TEST(addresses_at_the_ends_of_a_network_are_only_hosts_where_it_has_no_others)
{
    static const char *const good[] = {
        "10.0.0.0/31", "10.0.0.1/31",    "10.0.0.255/32",        "10.0.0.0/32",
        "10.0.1.0/23", "2001:db8::/128", "2001:db8::ffff/112",   "223.255.255.254/24",
        "1.0.0.1/8",   "fe80::30/64",    "2001:db8:0:0::30/127",
    };
    for (size_t i = 0; i < COUNT(good); i++) {
        char text[256];
        snprintf(text, sizeof text, QUORUM "vip v { address = \"%s\" interface = eth0 }", good[i]);
        config_free(must_load(text));
    }
}
END_TEST

START_TEST(vip_that_requires_checks_is_never_held_without_checks)
{
    struct config *c = must_load(QUORUM VIP "requires = {postgres} }");
    ck_assert(c->vips[0].fits);
    ck_assert(!vip_spec_may_hold(&c->vips[0]));
    config_free(c);
}
END_TEST

/* A witness takes the same file as the others, with what it says of them. */
START_TEST(host_that_is_no_candidate_needs_neither_interface_nor_hook_nor_user)
{
    struct config *c =
        must_load(QUORUM "tags = {\"role=witness\"}\n"
                         "vip web { address = \"10.0.0.30/32\" interface = nowhere0\n"
                         "          match = {\"role=web\"} hook = \"/nowhere/vip.sh\"\n"
                         "          user = \"no one\" }");
    const struct vip_spec *v = c->vips;
    ck_assert(!v->fits && !vip_spec_may_hold(v));
    ck_assert_str_eq(v->interface, "nowhere0");
    ck_assert_str_eq(v->hook, "/nowhere/vip.sh");
    ck_assert_str_eq(v->user, "no one");
    ck_assert_ptr_null(v->account);
    config_free(c);
}
END_TEST

/* ---- several addresses ---- */

START_TEST(addresses_that_belong_together_are_taken_in_order)
{
    struct config *c = must_load(
        QUORUM
        "vip router { interface = eth0\n"
        "    addresses = {\"10.0.0.100/24\", \"2001:db8::100/64\", \"192.0.2.1/24 dev eth1\"}\n"
        "    routes = {\"default via 192.0.2.254 table 100\"} track = {eth1, bond0}\n"
        "    rules = {\"from 10.0.0.100 table 100\"} }");
    const struct vip_spec *v = c->vips;
    ck_assert_uint_eq(v->addresses_count, 3);
    assert_address(v, "10.0.0.100/24");
    ck_assert_str_eq(v->addresses[1].interface, "eth0");
    ck_assert_uint_eq(v->addresses[1].prefix_bits, 64);
    ck_assert_str_eq(v->addresses[2].interface, "eth1");
    ck_assert_uint_eq(v->routes_count, 1);
    ck_assert_uint_eq(v->routes[0].table, 100);
    ck_assert_uint_eq(v->rules_count, 1);
    ck_assert_uint_eq(v->rules[0].from_bits, 32);
    ck_assert_uint_eq(v->track_count, 2);
    ck_assert_str_eq(v->track[1], "bond0");
    config_free(c);
}
END_TEST

START_TEST(each_address_can_have_its_own_interface_and_the_vip_none)
{
    struct config *c = must_load(QUORUM "vip v { addresses = {\"fe80::1/64 dev eth0\",\n"
                                        "  \"fe80::1/64 dev eth1\"} }");
    ck_assert_ptr_null(c->vips[0].interface);
    ck_assert_str_eq(c->vips[0].addresses[0].interface, "eth0");
    ck_assert_str_eq(c->vips[0].addresses[1].interface, "eth1");
    config_free(c);
}
END_TEST

START_TEST(priority_is_of_this_host_where_it_is_named)
{
    static const struct {
        const char *name, *priority;
        unsigned expected;
    } cases[] = {
        {"db1", "{\"db1=150\", \"db2=90\"}", 150}, {"db2", "{\"db1=150\", \"db2=90\"}", 90},
        {"db3", "{\"db1=150\", \"db2=90\"}", 100}, {"db3", "{\"db1=150\", \"80\"}", 80},
        {"db1", "{\"80\", \"db1=0\"}", 0},         {"db1", "255", 255}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[256];
        snprintf(text, sizeof text, "name = %s\n" QUORUM VIP "priority = %s }", cases[i].name,
                 cases[i].priority);
        struct config *c = must_load(text);
        ck_assert_uint_eq(c->vips[0].priority, cases[i].expected);
        config_free(c);
    }
}
END_TEST

/* What a host does not have yet is named by -t, and no error. */
START_TEST(what_is_not_there_yet_is_noted)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"vip web { address = \"10.0.0.30/32\"\n interface = \"eth7\" }",
         "muster.conf:3: vip \"web\": interface \"eth7\": no such interface on this host, so it is "
         "waited for; there are lo eth0 eth1\n"},
        {"vip web { address = \"10.0.0.30/32 dev eth8\" }",
         "muster.conf:2: vip \"web\": interface \"eth8\": no such interface on this host, so it is "
         "waited for; there are lo eth0 eth1\n"},
        {VIP "track = {\"eth1\", \"bond0\"} }",
         "muster.conf:2: vip \"web\": track \"bond0\": no such interface on this host, so it is "
         "waited for; there are lo eth0 eth1\n"},
        {VIP "routes = {\"192.0.2.0/24 dev wg0\"} }",
         "muster.conf:2: vip \"web\": routes \"wg0\": no such interface on this host, so it is "
         "waited for; there are lo eth0 eth1\n"},
        {VIP "hook = \"/nowhere/vip.sh\" }",
         "muster.conf:2: vip \"web\": hook \"/nowhere/vip.sh\": no such file, so nothing is run "
         "until it is there; a script is named without arguments\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[256];
        snprintf(text, sizeof text, QUORUM "%s", cases[i].text);
        struct config *c = must_load(text);
        ck_assert_str_eq(c->notes, cases[i].expected);
        config_free(c);
    }
}
END_TEST

START_TEST(many_interfaces_are_named_as_far_as_they_fit)
{
    for (size_t i = 0; i < COUNT(interface_names); i++)
        snprintf(interface_names[i], IFNAMSIZ, "interface-%zu", i);
    struct config *c = must_load(QUORUM VIP "}");
    ck_assert_str_eq(c->notes + strlen(c->notes) - 5, " ...\n");
    config_free(c);
}
END_TEST

START_TEST(tags_of_options_make_a_candidate)
{
    options.tags[0] = "role=web";
    options.tags_count = 1;
    struct config *c =
        must_load("tags = {\"role=witness\"}\n" QUORUM VIP "match = {\"role=web\"} }");
    ck_assert(c->vips[0].fits);
    config_free(c);
}
END_TEST

/* ---- what it means, for -t ---- */

/* The lines from the one that begins with `from` to that of the next part must be these. */
static void assert_printed(const char *text, const char *from, const char *expected)
{
    struct config *c = must_load(text);
    char *printed = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&printed, &len);
    config_print(c, out);
    fclose(out);
    config_free(c);
    char *begin = strstr(printed, from);
    ck_assert_msg(begin, "%s", printed);
    ck_assert_msg(strncmp(begin, expected, strlen(expected)) == 0, "%s", begin);
    const char *end = begin + strlen(expected);
    ck_assert_msg(strncmp(end, "vip.", 4) == 0 || strncmp(end, "timing", 6) == 0, "%s", end);
    free(printed);
}

START_TEST(printed_quorum_says_how_many_may_fail)
{
    assert_printed("name = db2\n" QUORUM, "quorum.",
                   "quorum.voters = db1, db2, witness1\n"
                   "quorum.version = 1\n"
                   "quorum.both_voters_must_live = false\n"
                   "quorum.majority = 2 of 3 (1 may fail)\n"
                   "quorum.here = a voter\n"
                   "quorum.silent_at_start = 1s\n");
    assert_printed("quorum { voters = {a, b, c, d} version = 12 }", "quorum.",
                   "quorum.voters = a, b, c, d\n"
                   "quorum.version = 12\n"
                   "quorum.both_voters_must_live = false\n"
                   "quorum.majority = 3 of 4 (1 may fail)\n"
                   "quorum.here = no voter (it can hold all the same)\n"
                   "quorum.silent_at_start = 1s\n");
    assert_printed("quorum { voters = {a, b, c, d, e} }", "quorum.majority",
                   "quorum.majority = 3 of 5 (2 may fail)\n"
                   "quorum.here = no voter (it can hold all the same)\n"
                   "quorum.silent_at_start = 1s\n");
}
END_TEST

START_TEST(printed_quorum_of_one_or_two_says_what_it_means)
{
    assert_printed("name = a quorum { voters = {a} }", "quorum.",
                   "quorum.voters = a\n"
                   "quorum.version = 1\n"
                   "quorum.both_voters_must_live = false\n"
                   "quorum.majority = 1 of 1 (no failover: without a nothing is held)\n"
                   "quorum.here = a voter\n"
                   "quorum.silent_at_start = 1s\n");
    assert_printed("name = a quorum { voters = {a, b} both_voters_must_live = true }", "quorum.",
                   "quorum.voters = a, b\n"
                   "quorum.version = 1\n"
                   "quorum.both_voters_must_live = true\n"
                   "quorum.majority = 2 of 2 (both must be alive for anything to be held or "
                   "moved)\n"
                   "quorum.here = a voter\n"
                   "quorum.silent_at_start = 1s\n");
}
END_TEST

START_TEST(printed_vip_says_all_that_follows)
{
    assert_printed(QUORUM VIP "}", "quorum.silent",
                   "quorum.silent_at_start = 1s\n"
                   "vip.web.address = 10.0.0.30/32\n"
                   "vip.web.addresses = 10.0.0.30/32 dev eth0\n"
                   "vip.web.interface = eth0\n"
                   "vip.web.routes = (none)\n"
                   "vip.web.rules = (none)\n"
                   "vip.web.track = (none)\n"
                   "vip.web.match = (every member)\n"
                   "vip.web.priority = 100\n"
                   "vip.web.preempt = false (leaves it to a holder that lives)\n"
                   "vip.web.preempt_delay = 0ms\n"
                   "vip.web.start_delay = 0ms\n"
                   "vip.web.announce_every = 1m\n"
                   "vip.web.requires = (nothing)\n"
                   "vip.web.hook = (none)\n"
                   "vip.web.lease = 1s\n"
                   "vip.web.timeout = 30s\n"
                   "vip.web.user = (the user that starts musterd)\n"
                   "vip.web.here = a candidate\n"
                   "vip.web.priority_here = 100\n"
                   "vip.web.renewed_every = 250ms\n"
                   "vip.web.given_up_unless_renewed_within = 990ms\n");
    assert_printed(QUORUM "tags = {\"role=db\"}\n" VIP
                          "match = {\"role=db\"} requires = {postgres, disk} preempt = true "
                          "hook = \"/bin/true\" user = root lease = 10s priority = 7 }\n",
                   "quorum.silent",
                   "quorum.silent_at_start = 10s\n"
                   "vip.web.address = 10.0.0.30/32\n"
                   "vip.web.addresses = 10.0.0.30/32 dev eth0\n"
                   "vip.web.interface = eth0\n"
                   "vip.web.routes = (none)\n"
                   "vip.web.rules = (none)\n"
                   "vip.web.track = (none)\n"
                   "vip.web.match = role=db\n"
                   "vip.web.priority = 7\n"
                   "vip.web.preempt = true (takes it from a holder of lower priority)\n"
                   "vip.web.preempt_delay = 0ms\n"
                   "vip.web.start_delay = 0ms\n"
                   "vip.web.announce_every = 1m\n"
                   "vip.web.requires = postgres, disk\n"
                   "vip.web.hook = /bin/true\n"
                   "vip.web.lease = 10s\n"
                   "vip.web.timeout = 30s\n"
                   "vip.web.user = root\n"
                   "vip.web.here = no candidate (checks are required, and this version has none)\n"
                   "vip.web.priority_here = 7\n"
                   "vip.web.renewed_every = 2.5s\n"
                   "vip.web.given_up_unless_renewed_within = 9.9s\n");
    assert_printed(QUORUM VIP "match = {\"role=db\"} }", "vip.web.here",
                   "vip.web.here = no candidate (its tags do not match)\n"
                   "vip.web.priority_here = 100\n"
                   "vip.web.renewed_every = 250ms\n"
                   "vip.web.given_up_unless_renewed_within = 990ms\n");
}
END_TEST

static TCase *taken(void)
{
    TCase *t = tcase_create("taken");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, without_a_quorum_nothing_is_held);
    tcase_add_test(t, voters_are_taken_in_order);
    tcase_add_test(t, two_voters_are_taken_with_both_voters_must_live);
    tcase_add_test(t, vip_has_its_defaults);
    tcase_add_test(t, every_key_of_a_vip_is_taken);
    tcase_add_test(t, addresses_at_the_ends_of_a_network_are_only_hosts_where_it_has_no_others);
    tcase_add_test(t, vip_that_requires_checks_is_never_held_without_checks);
    tcase_add_test(t, host_that_is_no_candidate_needs_neither_interface_nor_hook_nor_user);
    tcase_add_test(t, tags_of_options_make_a_candidate);
    tcase_add_test(t, addresses_that_belong_together_are_taken_in_order);
    tcase_add_test(t, each_address_can_have_its_own_interface_and_the_vip_none);
    tcase_add_test(t, priority_is_of_this_host_where_it_is_named);
    tcase_add_test(t, what_is_not_there_yet_is_noted);
    tcase_add_test(t, many_interfaces_are_named_as_far_as_they_fit);
    tcase_add_test(t, printed_quorum_says_how_many_may_fail);
    tcase_add_test(t, printed_quorum_of_one_or_two_says_what_it_means);
    tcase_add_test(t, printed_vip_says_all_that_follows);
    return t;
}

int main(void)
{
    Suite *s = suite_create("config: voters and floating addresses");

    suite_add_tcase(s, taken());
    return unit_run(s);
}
