#include "agent/base/address.h"
#include "agent/base/duration.h"
#include "tests/unit/config_fixture.h"

#include <sys/stat.h>

static const char *host_name = "host1";

/* The host's name is the test's to choose. */
int gethostname(char *name, size_t bytes)
{
    snprintf(name, bytes, "%s", host_name);
    return 0;
}

static void assert_addr(const struct gossip_addr *addr, const char *expected)
{
    char text[ADDRESS_TEXT_BYTES];
    ck_assert_str_eq(address_text(addr->ip, addr->port, text), expected);
}

static void assert_tags(const struct config *c, const char *tags, size_t bytes)
{
    ck_assert_uint_eq(c->tags_bytes, bytes);
    ck_assert_mem_eq(c->tags, tags, bytes);
}

#define ASSERT_TAGS(c, literal) assert_tags(c, literal, sizeof literal)

/* ---- what is taken ---- */

START_TEST(empty_file_means_the_defaults)
{
    static const uint8_t unset[16];
    struct config *c = must_load("");
    ck_assert_str_eq(c->file, "muster.conf");
    ck_assert_str_eq(c->name, "host1");
    ck_assert_str_eq(c->cluster, "default");
    ck_assert_mem_eq(c->bind.ip, unset, 16);
    ck_assert_uint_eq(c->bind.port, 7949);
    ck_assert(!c->bind_where.ipv6);
    ck_assert_mem_eq(c->advertise.ip, unset, 16);
    ck_assert_uint_eq(c->join_count + c->tags_bytes + c->handlers_count, 0);
    ck_assert_uint_eq(c->detect_ms, 1500);
    ck_assert_int_eq(c->log_level, LOG_LEVEL_INFO);
    ck_assert_str_eq(c->run_dir, "/run/muster");
    ck_assert_str_eq(c->state_dir, "/var/lib/muster");
    ck_assert_ptr_null(c->control_group);
    ck_assert_uint_eq(c->rpc.port, 0);
    ck_assert_ptr_null(c->rpc_auth);
    config_free(c);
}
END_TEST

START_TEST(default_file_may_be_missing)
{
    options.file = NULL;
    if (access(CONFIG_DEFAULT_FILE, F_OK) == 0)
        return; /* this host has one; what it says is its own */
    struct config *c = config_load(&options, error);
    ck_assert_msg(c, "%s", error);
    ck_assert_ptr_null(c->file);
    ck_assert_str_eq(c->name, "host1");
    config_free(c);
}
END_TEST

START_TEST(every_key_is_taken)
{
    struct config *c =
        must_load("name = \"db1\"\n"
                  "cluster = \"Prod & co, Zürich\"\n"
                  "bind = \"10.0.0.11:7950\"\n"
                  "advertise = \"192.0.2.1:8000\"\n"
                  "join = {\"10.0.0.12\", \"db3.example.org:7951\"}\n"
                  "tags = {\"role=db\", \"rack=\", \"a.b-c_d=x=y é\"}\n"
                  "detect = \"800ms\"\n"
                  "log_level = \"debug\"\n"
                  "control { group = \"root\" rpc = \"0.0.0.0\" rpc_auth = \"s\" }\n");
    ck_assert_str_eq(c->name, "db1");
    ck_assert_str_eq(c->cluster, "Prod & co, Zürich");
    assert_addr(&c->bind, "10.0.0.11:7950");
    assert_addr(&c->advertise, "192.0.2.1:8000");
    ck_assert_uint_eq(c->join_count, 2);
    ck_assert_str_eq(c->join[0], "10.0.0.12");
    ck_assert_str_eq(c->join[1], "db3.example.org:7951");
    ASSERT_TAGS(c, "a.b-c_d\0x=y é\0rack\0\0role\0db");
    ck_assert_uint_eq(c->detect_ms, 800);
    ck_assert_int_eq(c->log_level, LOG_LEVEL_DEBUG);
    ck_assert_str_eq(c->control_group, "root");
    assert_addr(&c->rpc, "0.0.0.0:7373");
    ck_assert_str_eq(c->rpc_auth, "s");
    config_free(c);
}
END_TEST

START_TEST(handlers_are_taken_in_order)
{
    struct config *c =
        must_load("handler \"page\" {\n"
                  "    on = {\"member-failed\", \"member-join\", \"member-failed\"}\n"
                  "    match = {\"role=db\", \"rack=r7\"}\n"
                  "    run = \"/bin/true\"\n"
                  "    timeout = \"90s\"\n"
                  "    user = \"root\"\n"
                  "}\n"
                  "handler log { on = {member-unreachable, member-reachable} run = /bin/false }\n");
    const struct handler_spec *h = c->handlers;
    ck_assert_uint_eq(c->handlers_count, 2);
    ck_assert_str_eq(h[0].name, "page");
    ck_assert_uint_eq(h[0].kinds, 1u << EVENT_MEMBER_FAILED | 1u << EVENT_MEMBER_JOIN);
    ck_assert_uint_eq(h[0].match.bytes, sizeof "rack\0r7\0role\0db");
    ck_assert_mem_eq(h[0].match.tags, "rack\0r7\0role\0db", h[0].match.bytes);
    ck_assert_str_eq(h[0].run, "/bin/true");
    ck_assert_uint_eq(h[0].timeout_ms, 90000);
    ck_assert_str_eq(h[0].user, "root");
    ck_assert_str_eq(h[1].name, "log");
    ck_assert_uint_eq(h[1].kinds, 1u << EVENT_MEMBER_UNREACHABLE | 1u << EVENT_MEMBER_REACHABLE);
    ck_assert_uint_eq(h[1].match.bytes, 0);
    ck_assert_uint_eq(h[1].timeout_ms, 30000);
    ck_assert_ptr_null(h[1].user);
    config_free(c);
}
END_TEST

START_TEST(bind_knows_its_family_also_for_every_address)
{
    static const struct {
        const char *value, *text;
        bool ipv6;
    } all[] = {{"0.0.0.0", "[::]:7949", false},
               {"0.0.0.0:80", "[::]:80", false},
               {"::", "[::]:7949", true},
               {"[::]:80", "[::]:80", true},
               {"10.0.0.1", "10.0.0.1:7949", false},
               {"fe80::1", "[fe80::1]:7949", true}};
    for (size_t i = 0; i < COUNT(all); i++) {
        options.bind = all[i].value;
        struct config *c = must_load("");
        assert_addr(&c->bind, all[i].text);
        ck_assert_int_eq(c->bind_where.ipv6, all[i].ipv6);
        config_free(c);
    }
}
END_TEST

START_TEST(advertise_takes_the_port_of_bind_whichever_comes_first)
{
    struct config *c = must_load("advertise = \"192.0.2.1\"\nbind = \"10.0.0.1:8000\"\n");
    assert_addr(&c->advertise, "192.0.2.1:8000");
    config_free(c);
    options.bind = "10.0.0.2:9000";
    c = must_load("bind = \"10.0.0.1:8000\"\nadvertise = \"192.0.2.1\"\n");
    assert_addr(&c->advertise, "192.0.2.1:9000");
    config_free(c);
}
END_TEST

START_TEST(tags_that_scripts_see_as_one_are_noted)
{
    static const struct {
        const char *tags;
        bool is_noted;
    } cases[] = {{"{\"a-b=1\", \"a.b=2\"}", true},
                 {"{\"role=1\", \"ROLE=2\"}", true},
                 {"{\"a_b=1\", \"A-B=2\"}", true},
                 {"{\"a=1\", \"ab=2\"}", false},
                 {"{\"a-b=1\", \"ab=2\"}", false}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[64];
        snprintf(text, sizeof text, "tags = %s", cases[i].tags);
        struct config *c = must_load(text);
        ck_assert_int_eq(c->notes && strstr(c->notes, "are one variable"), cases[i].is_noted);
        config_free(c);
    }
}
END_TEST

START_TEST(bind_by_network_and_by_interface_is_taken)
{
    static const struct {
        const char *text, *interface, *addr;
        unsigned bits;
    } cases[] = {
        {"10.0.0.0/24", "", "10.0.0.0:7949", 24},
        {"10.0.0.0/24:7950", "", "10.0.0.0:7950", 24},
        {"2001:db8::/64", "", "[2001:db8::]:7949", 64},
        {"[2001:db8::/64]:80", "", "[2001:db8::]:80", 64},
        {"lo", "lo", "[::]:7949", 0},
        {"eth0.100:80", "eth0.100", "[::]:80", 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        options.bind = cases[i].text;
        struct config *c = must_load("");
        assert_addr(&c->bind, cases[i].addr);
        ck_assert_str_eq(c->bind_where.interface, cases[i].interface);
        ck_assert_uint_eq(c->bind_where.network_bits, cases[i].bits);
        config_free(c);
    }
    options.bind = NULL;
    struct config *c = must_load("bind = \"10.0.0.0/24\" advertise = \"lo\"");
    ck_assert_str_eq(c->advertise_where.interface, "lo");
    config_free(c);
}
END_TEST

START_TEST(options_win_over_the_file)
{
    options = (struct config_options){.file = "muster.conf",
                                      .name = "b",
                                      .bind = "127.0.0.2",
                                      .advertise = "127.0.0.3:1",
                                      .run_dir = "run",
                                      .state_dir = "state",
                                      .log_level = "error",
                                      .join = {"h2", "h3:1"},
                                      .join_count = 2,
                                      .tags = {"role=web", "new=1", "new=2"},
                                      .tags_count = 3};
    struct config *c =
        must_load("name = a bind = \"10.0.0.1:1\" advertise = \"::1\" log_level = debug\n"
                  "join = {h1} tags = {\"role=db\", \"rack=r7\"}");
    ck_assert_str_eq(c->name, "b");
    assert_addr(&c->bind, "127.0.0.2:7949");
    assert_addr(&c->advertise, "127.0.0.3:1");
    ck_assert_str_eq(c->run_dir, "run");
    ck_assert_str_eq(c->state_dir, "state");
    ck_assert_int_eq(c->log_level, LOG_LEVEL_ERROR);
    ck_assert_uint_eq(c->join_count, 2);
    ck_assert_str_eq(c->join[0], "h2");
    ck_assert_str_eq(c->join[1], "h3:1");
    ASSERT_TAGS(c, "new\0002\0role\0web");
    config_free(c);
}
END_TEST

START_TEST(values_may_be_quoted_either_way_and_lists_added_to)
{
    struct config *c = must_load("name = 'a'\r\ncluster = \"a\\\"\\\\b\"\n"
                                 "join = {}\njoin += {h1}\njoin += {'h2', h3,}\n"
                                 "tags = {'dollar=${HOME}'}\n");
    ck_assert_str_eq(c->name, "a");
    ck_assert_str_eq(c->cluster, "a\"\\b");
    ck_assert_uint_eq(c->join_count, 3);
    ASSERT_TAGS(c, "dollar\0${HOME}");
    config_free(c);
}
END_TEST

/* ---- options ---- */

START_TEST(options_are_refused_by_their_own_name)
{
    static const struct {
        struct config_options options;
        const char *begin;
    } bad[] = {
        {{.name = "a\nb"}, "-n \"a\\nb\": a control character"},
        {{.name = ""}, "-n \"\": empty"},
        {{.bind = "1x"}, "-b \"1x\": not an address"},
        {{.bind = "127.0.0.1:x"}, "-b \"127.0.0.1:x\": not an address"},
        {{.advertise = "::"}, "-a \"::\": not an address that others"},
        {{.advertise = "::1"}, "-a \"::1\": nothing listens there, as bind is an IPv4 address"},
        {{.join = {"a:b"}, .join_count = 1}, "-j \"a:b\": not a host's name"},
        {{.tags = {"a"}, .tags_count = 1}, "-T \"a\": tags are KEY=VALUE"},
        {{.log_level = "all"}, "-l \"all\": not a level"},
        {{.run_dir = ""}, "-r \"\": empty; give a value, or leave it out"},
        {{.state_dir = ""}, "-s \"\": empty; give a value, or leave it out"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        options = bad[i].options;
        options.file = "muster.conf";
        assert_refused_like("", bad[i].begin, "");
    }
}
END_TEST

START_TEST(run_directory_leaves_room_for_its_sockets)
{
    static char path[5000];
    memset(path, 'x', sizeof path);
    path[94] = '\0';
    options.run_dir =
        path; /* with "/control.sock" and its NUL: the 108 bytes of a socket's address */
    config_free(must_load(""));
    path[94] = 'x';
    path[95] = '\0';
    assert_refused_like("", "-r \"xxx", "too long; use at most 94 bytes");
    memset(path, 'x', sizeof path);
    path[4000] = '\0';
    options.run_dir = NULL;
    options.state_dir = path;
    assert_refused_like("", "-s \"xxx", "too long; use at most ");
}
END_TEST

START_TEST(host_with_an_impossible_name_needs_one_given)
{
    static const char *const bad[] = {"", "bad host", "a\nb", "$(reboot)"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        host_name = bad[i];
        assert_refused_like("", "name \"", "set name in the configuration, or give one with -n");
        struct config *c = must_load("name = good");
        config_free(c);
    }
    host_name = "host1";
}
END_TEST

/* ---- the file ---- */

START_TEST(missing_file_is_refused_if_it_was_named)
{
    ck_assert_ptr_null(config_load(&options, error));
    ck_assert_str_eq(error,
                     "muster.conf: No such file or directory; name a file with -c that the agent's "
                     "user may read");
}
END_TEST

START_TEST(file_that_may_not_be_read_is_refused)
{
    write_bytes("", 0);
    chmod("muster.conf", 0);
    if (geteuid() == 0)
        ck_assert_int_eq(seteuid(65534), 0);
    ck_assert_ptr_null(config_load(&options, error));
    if (getuid() == 0)
        ck_assert_int_eq(seteuid(0), 0);
    ck_assert_str_eq(
        error, "muster.conf: Permission denied; name a file with -c that the agent's user may "
               "read");
}
END_TEST

START_TEST(directory_device_or_fifo_is_refused)
{
    options.file = "/";
    assert_refused("", "/: a directory; name the file in it");
    options.file = "/dev/null";
    assert_refused_like("", "/dev/null: not a plain file", "");
    ck_assert_int_eq(mkfifo("fifo", 0600), 0);
    options.file = "fifo";
    assert_refused_like("", "fifo: not a plain file", "");
    unlink("fifo");
}
END_TEST

START_TEST(file_of_another_kind_is_refused)
{
    write_bytes("name = a\n\0bind", 14);
    ck_assert_ptr_null(config_load(&options, error));
    ck_assert_str_eq(error, "muster.conf:2: a NUL byte; is it the right file?");
    write_bytes("", 0);
    ck_assert_int_eq(truncate("muster.conf", (1 << 20) + 1), 0);
    ck_assert_ptr_null(config_load(&options, error));
    ck_assert_str_eq(error, "muster.conf: larger than 1048576 bytes; is it the right file?");
}
END_TEST

START_TEST(file_of_the_largest_size_is_taken)
{
    char *all = malloc((1 << 20) + 1);
    ck_assert_ptr_nonnull(all);
    memset(all, '\n', 1 << 20);
    memcpy(all + (1 << 20) - 8, "name = z", 9);
    write_bytes(all, 1 << 20);
    struct config *c = config_load(&options, error);
    ck_assert_msg(c, "%s", error);
    ck_assert_str_eq(c->name, "z");
    config_free(c);
    free(all);
}
END_TEST

/* ---- what it means, for -t ---- */

static void assert_printed(const struct config *c, const char *expected)
{
    char *printed = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&printed, &len);
    config_print(c, out);
    fclose(out);
    const char *rest = printed + (len < strlen(expected) ? len : strlen(expected));
    ck_assert_msg(strncmp(printed, expected, strlen(expected)) == 0, "%s", printed);
    ck_assert_ptr_nonnull(strstr(rest, "timing.ping_period = "));
    ck_assert_ptr_nonnull(strstr(rest, "timing.suspicion_max = "));
    for (const char *line = printed; line[0] != '\0'; line = strchr(line, '\n') + 1) {
        const char *equals = strstr(line, " = "), *end = strchr(line, '\n');
        ck_assert_msg(equals && end && equals < end, "%s", line);
    }
    free(printed);
}

START_TEST(printed_defaults_say_where_they_come_from)
{
    options.keep_user = true; /* this host may have the default one */
    struct config *c = must_load("");

    assert_printed(c, "file = muster.conf\n"
                      "include = (nothing)\n"
                      "name = host1\n"
                      "cluster = default\n"
                      "bind = 0.0.0.0:7949\n"
                      "advertise = (found from the interfaces)\n"
                      "join = (nobody: waits to be joined)\n"
                      "tags = (none)\n"
                      "detect = 1.5s\n"
                      "log_level = info\n"
                      "user = (the user that starts musterd)\n"
                      "run_dir = /run/muster\n"
                      "state_dir = /var/lib/muster\n"
                      "control.group = (the process's own)\n"
                      "control.rpc = (none)\n"
                      "control.rpc_auth = (none)\n"
                      "quorum.voters = (none: nothing can be held)\n");
    config_free(c);
}
END_TEST

START_TEST(printed_values_are_all_there_but_for_the_secret)
{
    options.keep_user = true;
    struct config *c = must_load(
        "name = db1 cluster = prod bind = \"[::]:8000\" advertise = \"2001:db8::1\"\n"
        "join = {a, \"b:1\"} tags = {\"role=db\", \"rack=r7\"} detect = 800ms log_level = warn\n"
        "handler \"page\" { on = {member-failed, member-join} match = {\"role=db\", \"rack=r7\"}\n"
        "                 run = \"/bin/true\" timeout = 1500ms user = root }\n"
        "handler log { on = {member-unreachable} run = \"/bin/false\" }\n"
        "control { group = root rpc = \"[::1]:7373\" rpc_auth = hidden }\n");

    assert_printed(c, "file = muster.conf\n"
                      "include = (nothing)\n"
                      "name = db1\n"
                      "cluster = prod\n"
                      "bind = [::]:8000\n"
                      "advertise = [2001:db8::1]:8000\n"
                      "join = a, b:1\n"
                      "tags = rack=r7, role=db\n"
                      "detect = 800ms\n"
                      "log_level = warn\n"
                      "user = (the user that starts musterd)\n"
                      "run_dir = /run/muster\n"
                      "state_dir = /var/lib/muster\n"
                      "handler.page.on = member-join, member-failed\n"
                      "handler.page.match = rack=r7, role=db\n"
                      "handler.page.run = /bin/true\n"
                      "handler.page.timeout = 1.5s\n"
                      "handler.page.user = root\n"
                      "handler.log.on = member-unreachable\n"
                      "handler.log.match = (every member)\n"
                      "handler.log.run = /bin/false\n"
                      "handler.log.timeout = 30s\n"
                      "handler.log.user = (the user that starts musterd)\n"
                      "control.group = root\n"
                      "control.rpc = [::1]:7373\n"
                      "control.rpc_auth = (set)\n"
                      "quorum.voters = (none: nothing can be held)\n");
    config_free(c);
    options.bind = "10.0.0.1:80";
    c = must_load("");
    assert_printed(c, "file = muster.conf\ninclude = (nothing)\nname = host1\ncluster = "
                      "default\nbind = 10.0.0.1:80\n");
    config_free(c);
}
END_TEST

START_TEST(a_detect_that_the_network_cannot_keep_is_named_with_the_smallest_that_it_can)
{
    char advice[ERROR_BYTES] = "untouched";
    ck_assert(!config_detect_advice(GOSSIP_DETECT_MS_MIN, 0, advice)); /* nothing measured yet */
    ck_assert(!config_detect_advice(gossip_detect_ms_min(400000), 400000, advice));
    ck_assert_str_eq(advice, "untouched");
    ck_assert(config_detect_advice(gossip_detect_ms_min(400000) - 1, 400000, advice));
    char least[DURATION_TEXT_BYTES], expected[ERROR_BYTES];
    ck_assert(config_detect_advice(GOSSIP_DETECT_MS_MIN, 400000, advice));
    duration_text(gossip_detect_ms_min(400000), least);
    snprintf(expected, sizeof expected,
             "detect \"200ms\": below the smallest possible %s where answers take 400.0 ms, and "
             "members that live may be suspected; use at least \"%s\", on all members",
             least, least);
    ck_assert_str_eq(advice, expected);
}
END_TEST

static TCase *values(void)
{
    TCase *t = tcase_create("values");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, empty_file_means_the_defaults);
    tcase_add_test(t, default_file_may_be_missing);
    tcase_add_test(t, every_key_is_taken);
    tcase_add_test(t, handlers_are_taken_in_order);
    tcase_add_test(t, bind_knows_its_family_also_for_every_address);
    tcase_add_test(t, advertise_takes_the_port_of_bind_whichever_comes_first);
    tcase_add_test(t, values_may_be_quoted_either_way_and_lists_added_to);
    tcase_add_test(t, options_win_over_the_file);
    tcase_add_test(t, tags_that_scripts_see_as_one_are_noted);
    tcase_add_test(t, bind_by_network_and_by_interface_is_taken);
    tcase_add_test(t, options_are_refused_by_their_own_name);
    tcase_add_test(t, run_directory_leaves_room_for_its_sockets);
    tcase_add_test(t, host_with_an_impossible_name_needs_one_given);
    tcase_add_test(t, printed_defaults_say_where_they_come_from);
    tcase_add_test(t, printed_values_are_all_there_but_for_the_secret);
    tcase_add_test(t, a_detect_that_the_network_cannot_keep_is_named_with_the_smallest_that_it_can);
    return t;
}

static TCase *files(void)
{
    TCase *t = tcase_create("files");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, missing_file_is_refused_if_it_was_named);
    tcase_add_test(t, file_that_may_not_be_read_is_refused);
    tcase_add_test(t, directory_device_or_fifo_is_refused);
    tcase_add_test(t, file_of_another_kind_is_refused);
    tcase_add_test(t, file_of_the_largest_size_is_taken);
    return t;
}

int main(void)
{
    Suite *s = suite_create("config");

    suite_add_tcase(s, values());
    suite_add_tcase(s, files());
    return unit_run(s);
}
