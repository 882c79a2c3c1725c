#include "tests/unit/config_vip_fixture.h"

#include <sys/stat.h>

/* ---- what is refused, word for word ---- */

static const struct {
    const char *text, *expected; /* without the file's name */
} refused[] = {
    /* Voters. */
    {"quorum { }", ":1: quorum: voters is missing; name the members that have a vote, such as "
                   "voters = {\"db1\", \"db2\", \"witness1\"}"},
    {"\nquorum { voters = {} version = 2 }",
     ":2: quorum: voters is missing; name the members that have a vote, such as "
     "voters = {\"db1\", \"db2\", \"witness1\"}"},
    {"quorum { voters = {\"db1\",\n\"10.0.0.12:7949\"} }",
     ":2: quorum: voters \"10.0.0.12:7949\": a name is 1 to 128 letters, digits, '.', '_' or '-'; "
     "voters are members' names, and no addresses"},
    {"quorum { voters = {db1, db2,\n db1} }",
     ":2: quorum: voters \"db1\": named twice; once is enough"},
    {"quorum {\n voters = {db1,\n db2}\n version = 3 }",
     ":2: quorum: voters: two voters cannot be safe: either one alone is no majority, so that an "
     "address is held or moved only while both are alive; add a witness, or accept that with "
     "both_voters_must_live = true"},
    {"quorum { voters = {db1, db2} both_voters_must_live = false }",
     ":1: quorum: voters: two voters cannot be safe: either one alone is no majority, so that an "
     "address is held or moved only while both are alive; add a witness, or accept that with "
     "both_voters_must_live = true"},
    {"quorum { both_voters_must_live = true\n voters = {db1, db2, witness1} }",
     ":1: quorum: both_voters_must_live \"true\": is for two voters, and there are 3; remove it"},
    {"quorum { voters = {db1} both_voters_must_live = true }",
     ":1: quorum: both_voters_must_live \"true\": is for two voters, and there are 1; remove it"},
    {"quorum { both_voters_must_live = maybe }",
     ":1: quorum: both_voters_must_live \"maybe\": neither yes nor no; use true or false"},
    {"quorum { version = 0 }",
     ":1: quorum: version \"0\": not a whole number from 1 to 2147483647"},
    {"quorum { version = 2147483648 }",
     ":1: quorum: version \"2147483648\": not a whole number from 1 to 2147483647"},
    {"quorum { version = 99999999999999999999 }",
     ":1: quorum: version \"99999999999999999999\": not a whole number from 1 to 2147483647"},
    {"quorum { version = 1.5 }",
     ":1: quorum: version \"1.5\": not a whole number from 1 to 2147483647"},
    {"quorum { version = -1 }",
     ":1: quorum: version \"-1\": not a whole number from 1 to 2147483647"},
    {QUORUM "\n" QUORUM, ":3: quorum: given twice, first on line 1; merge them"},
    {"quorum { voter = {a} }", ":1: quorum: \"voter\": no such key; did you mean \"voters\"?"},
    /* Vips as a whole. */
    {"\nvip web {\n address = \"10.0.0.30/32\" interface = eth0 }",
     ":2: vip \"web\": voters must decide which member holds it; name them, such as quorum "
     "{ voters = {\"db1\", \"db2\", \"witness1\"} }"},
    {"vip { }", ":1: \"vip\": no name follows; write SECTION \"NAME\" { ... }"},
    {"vip \"a b\" { }", ":1: vip \"a b\": a name is 1 to 128 letters, digits, '.', '_' or '-'"},
    {VIP "}\nvip web { }", ":2: \"web\": two sections have this name; give each its own"},
    {VIP "adress = x }", ":1: vip \"web\": \"adress\": no such key; did you mean \"address\"?"},
    {VIP "zzzzzzzzzzzz = x }",
     ":1: vip \"web\": \"zzzzzzzzzzzz\": no such key; known here are address addresses "
     "interface routes rules track match priority preempt preempt_delay start_delay announce_every "
     "requires hook lease timeout user"},
    {"vip web { interface = eth0 }",
     ":1: vip \"web\": address is missing; give it with its prefix, "
     "such as address = \"10.0.0.30/32\""},
    {QUORUM "vip web { address = \"10.0.0.30/32\" }",
     ":2: vip \"web\": interface is missing; name the one that gets the address, such as "
     "interface = \"eth0\""},
    /* Addresses. The first is the example of what an error should look like. */
    {"vip \"web\" { address = \"10.0.0.300\" }",
     ":1: vip \"web\": address \"10.0.0.300\": not an IPv4 or IPv6 address with a prefix, such as "
     "\"10.0.0.30/32\""},
    {"vip web { address = \"0.0.0.0/32\" }",
     ":1: vip \"web\": address \"0.0.0.0/32\": no host's address; use one that a host can have, "
     "such as \"10.0.0.30/32\""},
    {"vip web { address = \"0.1.2.3/32\" }",
     ":1: vip \"web\": address \"0.1.2.3/32\": no host's address; use one that a host can have, "
     "such as \"10.0.0.30/32\""},
    {"vip web { address = \"::/128\" }",
     ":1: vip \"web\": address \"::/128\": no host's address; use one that a host can have, "
     "such as \"10.0.0.30/32\""},
    {"vip web { address = \"127.0.0.2/8\" }",
     ":1: vip \"web\": address \"127.0.0.2/8\": a loopback address, which others could not reach; "
     "use one of a network, such as \"10.0.0.30/32\""},
    {"vip web { address = \"::1/128\" }",
     ":1: vip \"web\": address \"::1/128\": a loopback address, which others could not reach; "
     "use one of a network, such as \"10.0.0.30/32\""},
    {"vip web { address = \"224.0.0.18/32\" }",
     ":1: vip \"web\": address \"224.0.0.18/32\": a multicast or reserved address; use one that a "
     "host can have, such as \"10.0.0.30/32\""},
    {"vip web { address = \"255.255.255.255/32\" }",
     ":1: vip \"web\": address \"255.255.255.255/32\": a multicast or reserved address; use one "
     "that a host can have, such as \"10.0.0.30/32\""},
    {"vip web { address = \"ff02::12/128\" }",
     ":1: vip \"web\": address \"ff02::12/128\": a multicast or reserved address; use one that a "
     "host can have, such as \"10.0.0.30/32\""},
    {"vip web { address = \"10.0.0.0/24\" }",
     ":1: vip \"web\": address \"10.0.0.0/24\": the address of the network itself; use a host's in "
     "it"},
    {"vip web { address = \"2001:db8::/64\" }",
     ":1: vip \"web\": address \"2001:db8::/64\": the address of the network itself; use a host's "
     "in it"},
    {"vip web { address = \"10.0.0.255/24\" }",
     ":1: vip \"web\": address \"10.0.0.255/24\": the broadcast address of its network; use a "
     "host's in it"},
    {"vip web { address = \"10.0.0.7/30\" }",
     ":1: vip \"web\": address \"10.0.0.7/30\": the broadcast address of its network; use a "
     "host's in it"},
    {VIP "}\nvip more {\n address = \"10.0.0.30/24\" interface = eth1 }",
     ":3: vip \"more\": address \"10.0.0.30/24\": vip \"web\" has this address already; give each "
     "its own"},
    {"bind = \"10.0.0.30\"\n" QUORUM VIP "}",
     ":3: vip \"web\": address \"10.0.0.30/32\": the agent's own, by bind; use one that belongs to "
     "no host"},
    {QUORUM VIP "}\nadvertise = \"10.0.0.30:80\"",
     ":2: vip \"web\": address \"10.0.0.30/32\": the agent's own, by advertise; use one that "
     "belongs to no host"},
    /* The other keys. */
    {"vip web { interface = \"a/b\" }",
     ":1: vip \"web\": interface \"a/b\": not an interface's name, which is 1 to 15 bytes without "
     "'/', ':' and spaces; use one such as \"eth0\""},
    {"vip web { interface = \"eth0:1\" }",
     ":1: vip \"web\": interface \"eth0:1\": not an interface's name, which is 1 to 15 bytes "
     "without '/', ':' and spaces; use one such as \"eth0\""},
    {"vip web { interface = \"et h\" }",
     ":1: vip \"web\": interface \"et h\": not an interface's name, which is 1 to 15 bytes without "
     "'/', ':' and spaces; use one such as \"eth0\""},
    {"vip web { interface = \"..\" }",
     ":1: vip \"web\": interface \"..\": not an interface's name, which is 1 to 15 bytes without "
     "'/', ':' and spaces; use one such as \"eth0\""},
    {"vip web { interface = \"sixteen-letters1\" }",
     ":1: vip \"web\": interface \"sixteen-letters1\": not an interface's name, which is 1 to 15 "
     "bytes without '/', ':' and spaces; use one such as \"eth0\""},
    /* Several addresses, and what comes with them. */
    {VIP "\n addresses = {\"10.0.0.31/32\"} }",
     ":2: vip \"web\": addresses: address is given too, on line 1; name all of them here"},
    {"vip v { interface = eth0\n addresses = {\"10.0.0.1/24\", \"10.0.0.1/32\"} }",
     ":2: vip \"v\": addresses \"10.0.0.1/32\": given twice in this vip; once is enough"},
    {VIP "}\nvip v { interface = eth1 addresses = {\"10.0.0.1/24\", \"10.0.0.30/24\"} }",
     ":2: vip \"v\": addresses \"10.0.0.30/24\": vip \"web\" has this address already; give each "
     "its own"},
    {"vip v { addresses = {\"10.0.0.1/24 dev eth0\", \"10.0.0.2/24\"} }",
     ":1: vip \"v\": interface is missing; name the one that gets the address, such as interface = "
     "\"eth0\""},
    {VIP "routes = {\"default table 100\"} }", ":1: vip \"web\": routes \"default table 100\": no "
                                               "way out; say via ADDRESS, dev INTERFACE, or "
                                               "both"},
    {VIP "rules = {\"from 10.0.0.30 table nosuch\"} }",
     ":1: vip \"web\": rules \"from 10.0.0.30 table nosuch\": no table \"nosuch\" on this host; "
     "use "
     "its number, or name it in /etc/iproute2/rt_tables"},
    {VIP "track = {\"a/b\"} }",
     ":1: vip \"web\": track \"a/b\": not an interface's name, which is 1 to 15 bytes without "
     "'/', ':' and spaces; use one such as \"eth0\""},
    {VIP "preempt_delay = 30s }", ":1: vip \"web\": preempt_delay: nothing is preempted here; set "
                                  "preempt = true, or remove it"},
    {VIP "priority = {\"db1=1\", \"db1=2\"} }",
     ":1: vip \"web\": priority \"db1=2\": \"db1\" has a priority already; give each host one"},
    {VIP "priority = {\"a b=1\"} }", ":1: vip \"web\": priority \"a b=1\": a name is 1 to 128 "
                                     "letters, digits, '.', '_' or '-'; write "
                                     "HOST=NUMBER, such as \"db1=150\""},
    {VIP "match = {\"role\"} }",
     ":1: vip \"web\": match \"role\": tags are KEY=VALUE, keys of letters, digits, '_', '.' or "
     "'-' (at most 64), values printable UTF-8, together at most 512 bytes"},
    {VIP "match = {\"role=a\", \"role=b\"} }",
     ":1: vip \"web\": match \"role=b\": a tag \"role\" is there already; give each "
     "key one value"},
    {VIP "priority = 256 }", ":1: vip \"web\": priority \"256\": not a whole number from 0 to 255"},
    {VIP "priority = high }",
     ":1: vip \"web\": priority \"high\": not a whole number from 0 to 255"},
    {VIP "preempt = 1 }", ":1: vip \"web\": preempt \"1\": neither yes nor no; use true or false"},
    {VIP "requires = {\"a b\"} }",
     ":1: vip \"web\": requires \"a b\": a name is 1 to 128 letters, digits, '.', '_' or '-'"},
    {VIP "requires = {a, a} }", ":1: vip \"web\": requires \"a\": named twice; once is enough"},
    {VIP "lease = 199ms }", ":1: vip \"web\": lease \"199ms\": below the smallest possible 200ms; "
                            "use a duration such as \"1s\""},
    {VIP "lease = 61s }", ":1: vip \"web\": lease \"61s\": above the largest possible 1m; use a "
                          "duration such as \"1s\""},
    {VIP "lease = 1000 }", ":1: vip \"web\": lease \"1000\": not a duration; use one from 200ms to "
                           "1m, such as \"1s\""},
    {VIP "timeout = 0s }",
     ":1: vip \"web\": timeout \"0s\": below the smallest possible 1ms; use a "
     "duration such as \"30s\""},
    {QUORUM VIP "hook = \"/bin/true\"\n user = \"no one\" }",
     ":3: vip \"web\": user \"no one\": no such user on this host; make it, or use another, such "
     "as \"nobody\""},
    {VIP "hook = \"vip.sh\" }", ":1: vip \"web\": hook \"vip.sh\": not an absolute path; use one "
                                "such as \"/etc/muster/hooks/page.sh\", without arguments"},
    {QUORUM VIP "hook = \"/etc\" }", ":2: vip \"web\": hook \"/etc\": not a file; name a script"},
    {QUORUM VIP "hook = \"/etc/passwd\" }",
     ":2: vip \"web\": hook \"/etc/passwd\": not executable; chmod +x it"},
};

START_TEST(wrong_value_is_refused_with_its_place_and_advice)
{
    char expected[2 * ERROR_BYTES];
    snprintf(expected, sizeof expected, "muster.conf%s", refused[_i].expected);
    assert_refused(refused[_i].text, expected);
}
END_TEST

START_TEST(address_without_a_valid_prefix_is_refused)
{
    static const char *const bad[] = {
        "10.0.0.30",
        "10.0.0.30/",
        "10.0.0.30/0",
        "10.0.0.30/33",
        "10.0.0.30/-1",
        "10.0.0.30/24/24",
        "10.0.0.30:80/24",
        "[2001:db8::1]/64",
        "2001:db8::1/129",
        "2001:db8::1/0",
        "::ffff:10.0.0.1/128",
        "::ffff:10.0.0.1/32",
        "db1/32",
        "/32",
        "10.0.0.30/255.255.255.0",
        "2001:db8::1",
        "fe80::1%eth0/64",
        "10.0.0.30/4294967328",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        char text[256];
        snprintf(text, sizeof text, "vip v { address = \"%s\" }", bad[i]);
        assert_refused_like(text, "muster.conf:1: vip \"v\": address ",
                            ": not an IPv4 or IPv6 address with a prefix, such as "
                            "\"10.0.0.30/32\"");
    }
}
END_TEST

START_TEST(hook_that_others_could_change_is_refused)
{
    char text[256], expected[ERROR_BYTES];
    if (geteuid() != 0)
        return;
    FILE *f = fopen("vip.sh", "w");
    ck_assert_ptr_nonnull(f);
    fclose(f);
    ck_assert_int_eq(chmod("vip.sh", 0757), 0);
    snprintf(text, sizeof text, QUORUM VIP "\n hook = \"%s/vip.sh\" }", dir);
    snprintf(expected, sizeof expected,
             "muster.conf:3: vip \"web\": hook \"%s/vip.sh\": others could change what is run: "
             "%s/vip.sh: can be written by others than its owner; chmod go-w it",
             dir, dir);
    assert_refused(text, expected);
    ck_assert_int_eq(chmod("vip.sh", 0755), 0);
    config_free(must_load(text));
    unlink("vip.sh");
}
END_TEST

/* ---- too much of it ---- */

static char many_text[65536];

/* BEFORE, then `count` times ITEM, a format of its number, then AFTER. */
#define MANY(before, item, count, after)                                                           \
    do {                                                                                           \
        size_t len = (size_t)snprintf(many_text, sizeof many_text, "%s", before);                  \
        for (int i = 0; i < (count); i++) {                                                        \
            len += (size_t)snprintf(many_text + len, sizeof many_text - len, item, i);             \
            ck_assert_uint_lt(len, sizeof many_text);                                              \
        }                                                                                          \
        snprintf(many_text + len, sizeof many_text - len, "%s", after);                            \
    } while (0)

START_TEST(lists_are_taken_up_to_their_limit_and_refused_beyond)
{
    MANY("quorum { voters = {", "m%d, ", LEASE_VOTERS_MAX, "} }");
    config_free(must_load(many_text));
    MANY("quorum { voters = {", "m%d,\n", LEASE_VOTERS_MAX + 1, "} }");
    assert_refused(many_text, "muster.conf:32: quorum: voters \"m31\": more than 31 voters; three "
                              "or five are enough, and all other members can hold addresses "
                              "without a vote");
    MANY(QUORUM VIP "requires = {", "c%d, ", VIP_REQUIRES_MAX, "} }");
    config_free(must_load(many_text));
    MANY(QUORUM VIP "requires = {", "c%d, ", VIP_REQUIRES_MAX + 1, "} }");
    assert_refused(many_text, "muster.conf:2: vip \"web\": requires \"c16\": more than 16 checks");
}
END_TEST

#define EACH_VIP "vip v%1$d { address = \"2001:db8::1:%1$d/64\" interface = eth0 }\n"

START_TEST(vips_are_taken_up_to_their_limit_and_refused_beyond)
{
    MANY(QUORUM, EACH_VIP, CONFIG_VIPS_MAX, "");
    struct config *c = must_load(many_text);
    ck_assert_uint_eq(c->vips_count, CONFIG_VIPS_MAX);
    ck_assert_str_eq(c->vips[255].name, "v255");
    config_free(c);
    MANY(QUORUM, EACH_VIP, CONFIG_VIPS_MAX + 1, "");
    assert_refused(many_text, "muster.conf:258: vip \"v256\": more than 256 addresses; let one "
                              "agent hold no more");
}
END_TEST

static TCase *refusals(void)
{
    TCase *t = tcase_create("refused");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, wrong_value_is_refused_with_its_place_and_advice, 0, COUNT(refused));
    tcase_add_test(t, address_without_a_valid_prefix_is_refused);
    tcase_add_test(t, hook_that_others_could_change_is_refused);
    tcase_add_test(t, lists_are_taken_up_to_their_limit_and_refused_beyond);
    tcase_add_test(t, vips_are_taken_up_to_their_limit_and_refused_beyond);
    return t;
}

int main(void)
{
    Suite *s = suite_create("config: voters and floating addresses that are refused");

    suite_add_tcase(s, refusals());
    return unit_run(s);
}
