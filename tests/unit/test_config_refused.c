#include "tests/unit/config_fixture.h"

#include <sys/stat.h>

#define TEXT_BYTES 65536

/* ---- what is refused, word for word ---- */

static const struct {
    const char *text, *expected; /* without the file's name */
} refused[] = {
    /* The example of what an error should look like. */
    {"\n\n\n\n\n\ndetect = \"5ms\"",
     ":7: detect \"5ms\": below the smallest possible 200ms; use a duration such as \"1.5s\""},
    {"detect = \"61s\"",
     ":1: detect \"61s\": above the largest possible 1m; use a duration such as \"1.5s\""},
    {"detect = 1500",
     ":1: detect \"1500\": not a duration; use one from 200ms to 1m, such as \"1.5s\""},
    {"name = \"a b\"", ":1: name \"a b\": a name is 1 to 128 letters, digits, '.', '_' or '-'"},
    {"name = \"$(reboot)\"",
     ":1: name \"$(reboot)\": a name is 1 to 128 letters, digits, '.', '_' or '-'"},
    {"name = \"\"", ":1: name \"\": empty; give a value, or leave it out"},
    {"name = \"a\\nb\"",
     ":1: name \"a\\nb\": a control character, or not UTF-8; use printable UTF-8 only"},
    {"cluster = \"a\\tb\"",
     ":1: cluster \"a\\tb\": a control character, or not UTF-8; use printable UTF-8 only"},
    {"cluster = \"a\xff\"",
     ":1: cluster \"a\\xff\": a control character, or not UTF-8; use printable UTF-8 only"},
    {"\nbind = \"10.0.0.300\"",
     ":2: bind \"10.0.0.300\": not an address, a network or an interface of this host, with or "
     "without a port; use one such as \"10.0.0.11\", \"[2001:db8::11]:7949\", \"10.0.0.0/24\" or "
     "\"eth1\""},
    {"bind = \"10.0.0.11:0\"",
     ":1: bind \"10.0.0.11:0\": not an address, a network or an interface of this host, with or "
     "without a port; use one such as \"10.0.0.11\", \"[2001:db8::11]:7949\", \"10.0.0.0/24\" or "
     "\"eth1\""},
    {"bind = \"10.0.0.0/33\"",
     ":1: bind \"10.0.0.0/33\": not an address, a network or an interface of this host, with or "
     "without a port; use one such as \"10.0.0.11\", \"[2001:db8::11]:7949\", \"10.0.0.0/24\" or "
     "\"eth1\""},
    {"bind = \"eth0:x\"",
     ":1: bind \"eth0:x\": not an address, a network or an interface of this host, with or without "
     "a port; use one such as \"10.0.0.11\", \"[2001:db8::11]:7949\", \"10.0.0.0/24\" or \"eth1\""},
    {"bind = \"[10.0.0.0/24\"",
     ":1: bind \"[10.0.0.0/24\": not an address, a network or an interface of this host, with or "
     "without a port; use one such as \"10.0.0.11\", \"[2001:db8::11]:7949\", \"10.0.0.0/24\" or "
     "\"eth1\""},
    {"bind = \"224.0.0.1\"",
     ":1: bind \"224.0.0.1\": a multicast or reserved address; use one of this host's"},
    {"advertise = \"0.0.0.0\"", ":1: advertise \"0.0.0.0\": not an address that others could "
                                "reach; use one of this host's, or leave "
                                "it out to have it found from the interfaces"},
    {"advertise = \"ff02::1\"",
     ":1: advertise \"ff02::1\": a multicast or reserved address; use one of this host's"},
    {"bind = \"::\"\nadvertise = \"10.0.0.1\"\n\n",
     ":2: advertise \"10.0.0.1\": nothing listens there, as bind is an IPv6 address; use one of "
     "the same "
     "family"},
    {"join = {\"db1\",\n\"db2:99999\"}",
     ":2: join \"db2:99999\": not a host's name or address, with or without a port; use one such "
     "as "
     "\"10.0.0.12\", \"db2.example.org:7949\" or \"[2001:db8::12]:7949\""},
    {"join = {\"0.0.0.0\"}",
     ":1: join \"0.0.0.0\": not one host's address; use one that a member listens on"},
    {"tags = {\"role\"}", ":1: tags \"role\": tags are KEY=VALUE, keys of letters, digits, '_', "
                          "'.' or '-' (at most 64), values "
                          "printable UTF-8, together at most 512 bytes"},
    {"tags = {\"ro le=db\"}", ":1: tags \"ro le=db\": tags are KEY=VALUE, keys of letters, digits, "
                              "'_', '.' or '-' (at most 64), "
                              "values printable UTF-8, together at most 512 bytes"},
    {"tags = {\"=db\"}", ":1: tags \"=db\": tags are KEY=VALUE, keys of letters, digits, '_', '.' "
                         "or '-' (at most 64), values "
                         "printable UTF-8, together at most 512 bytes"},
    {"tags = {\"role=db\",\n\"rack=r7\",\n\"role=web\"}",
     ":3: tags \"role=web\": a tag \"role\" is there already; give each key one value"},
    {"log_level = \"loud\"",
     ":1: log_level \"loud\": not a level; use \"error\", \"warn\", \"info\" or \"debug\""},
    /* Keys. */
    {"nmae = \"x\"", ":1: \"nmae\": no such key; did you mean \"name\"?"},
    {"\ndetcet = \"1s\"", ":2: \"detcet\": no such key; did you mean \"detect\"?"},
    {"contrl { }", ":1: \"contrl\": no such key; did you mean \"control\"?"},
    {"keyring = \"/etc/muster/keyring\"",
     ":1: \"keyring\": no such key; known here are include name "
     "cluster bind advertise join tags detect log_level "
     "user handler control quorum vip host"},
    {HANDLER "\n tiemout = \"1s\" }",
     ":2: handler \"h\": \"tiemout\": no such key; did you mean \"timeout\"?"},
    {"control { name = x }",
     ":1: control: \"name\": no such key; known here are group rpc rpc_auth"},
    {"name = a\n\nname = b", ":3: name \"b\": given twice, first on line 1; keep one of them"},
    {"join = {a}\njoin = {b}", ":2: join \"b\": given twice, first on line 1; keep one of them"},
    {"join = {a, b}\njoin = {}", ":1: join: given again further on, as {}; keep one of them"},
    {HANDLER "run = \"/bin/false\" }",
     ":1: handler \"h\": run \"/bin/false\": given twice, first on line 1; keep one of them"},
    {HANDLER "\n on = {} }",
     ":1: handler \"h\": on: given again further on, as {}; keep one of them"},
    {"control { }\n\ncontrol {\n group = root }",
     ":3: control: given twice, first on line 1; merge them"},
    {"control { }\ncontrol { }", ":2: control: given twice, first on line 1; merge them"},
    {"control { rpc_auth = secret\n rpc_auth = secret }",
     ":2: control: rpc_auth: given twice, first on line 1; keep one of them"},
    /* Handlers. */
    {HANDLER "}\n" HANDLER "}", ":2: \"h\": two sections have this name; give each its own"},
    {HANDLER "}\nhandler \"h\" { }", ":2: \"h\": two sections have this name; give each its own"},
    {"\nhandler \"a b\" {\n run = \"/bin/true\" }",
     ":2: handler \"a b\": a name is 1 to 128 letters, digits, '.', '_' or '-'"},
    {"handler \"\" { }", ":1: handler \"\": a name is 1 to 128 letters, digits, '.', '_' or '-'"},
    {"handler h { }", ":1: handler \"h\": on is missing; say which events it is for, such as on = "
                      "{\"member-failed\"}"},
    {"handler h { on = {} run = \"/bin/true\" }",
     ":1: handler \"h\": on is missing; say which events it is for, such as on = "
     "{\"member-failed\"}"},
    {"\nhandler h {\n on = {\"member-join\"}\n}",
     ":2: handler \"h\": run is missing; name the script, such as run = "
     "\"/etc/muster/hooks/page.sh\""},
    {"handler h {\n on = {\"member-join\",\n \"member-gone\"} }",
     ":3: handler \"h\": on \"member-gone\": no such event; known are member-join member-leave "
     "member-failed member-update member-reap member-suspect member-unreachable "
     "member-reachable vip-acquired vip-released vip-conflict vip-restored quorum-lost "
     "quorum-regained"},
    {"handler h {\n run = \"page.sh\" }",
     ":2: handler \"h\": run \"page.sh\": not an absolute path; use one such as "
     "\"/etc/muster/hooks/page.sh\", without arguments"},
    {"handler h { run = \"/\" }", ":1: handler \"h\": run \"/\": not a file; name a script"},
    {"handler h { run = \"/etc/passwd\" }",
     ":1: handler \"h\": run \"/etc/passwd\": not executable; chmod +x it"},
    {"handler h { timeout = \"0s\" }",
     ":1: handler \"h\": timeout \"0s\": below the smallest possible 1ms; use "
     "a duration such as \"30s\""},
    {"handler h { timeout = \"-1s\" }", ":1: handler \"h\": timeout \"-1s\": not a duration; use "
                                        "one from 1ms to 720h, such as \"30s\""},
    {"handler h { timeout = \"721h\" }", ":1: handler \"h\": timeout \"721h\": not a duration; use "
                                         "one from 1ms to 720h, such as \"30s\""},
    {"handler h { user = \"no one\" }", ":1: handler \"h\": user \"no one\": no such user on this "
                                        "host; make it, or use another, such as "
                                        "\"nobody\""},
    {"handler h { match = {\"role\"} }",
     ":1: handler \"h\": match \"role\": tags are KEY=VALUE, keys of letters, digits, '_', '.' or "
     "'-' (at "
     "most 64), values printable UTF-8, together at most 512 bytes"},
    {"handler h { match = {\"role=a\", \"role=b\"} }",
     ":1: handler \"h\": match \"role=b\": a tag \"role\" is there already; give each "
     "key one value"},
    /* Control. */
    {"control {\n group = \"no such\" }",
     ":2: control: group \"no such\": no such group on this host; make it, or use another"},
    {"control { rpc = \"localhost\" }",
     ":1: control: rpc \"localhost\": not an IPv4 or IPv6 address with or without a port; use one "
     "such as "
     "\"10.0.0.11\", \"10.0.0.11:7949\" or \"[2001:db8::11]:7949\""},
    {"control {\n rpc = \"10.0.0.11\"\n\n}",
     ":2: control: rpc \"10.0.0.11:7373\": other hosts can reach it, so clients must authenticate; "
     "set rpc_auth too, or use \"127.0.0.1:7373\""},
    {"control { rpc = \"0.0.0.0:7373\" }",
     ":1: control: rpc \"0.0.0.0:7373\": other hosts can reach it, so clients must authenticate; "
     "set rpc_auth too, or use \"127.0.0.1:7373\""},
    {"control { rpc_auth = \"\" }", ":1: control: rpc_auth: empty; give a value, or leave it out"},
    /* What is no configuration at all. */
    {"handler h {\n on = {\"member-join\"}\n run = \"/bin/true\"\n\nhandler g { }",
     ":1: a { is not closed; end it with }"},
    {"name", ":1: the file ends in the midst of something; is a } missing?"},
    {"name \"x\"", ":1: \"name\": no = follows; write KEY = \"VALUE\""},
    {"name = {\"x\"}",
     ":1: \"{\": has no place here; write KEY = \"VALUE\", KEY = {\"A\", \"B\"} where a list is "
     "taken, or SECTION { ... }"},
    {"name += x", ":1: \"name\": takes one value, so nothing can be added; use ="},
    {"join = {a b}",
     ":1: \"b\": has no place here; write KEY = \"VALUE\", KEY = {\"A\", \"B\"} where a list is "
     "taken, or SECTION { ... }"},
    {"handler { }", ":1: \"handler\": no name follows; write SECTION \"NAME\" { ... }"},
    {"handler = \"x\"", ":1: \"handler\": no name follows; write SECTION \"NAME\" { ... }"},
    {"control = \"x\"",
     ":1: \"control\": no { follows; write SECTION { ... }, with a \"NAME\" before the { where "
     "there may be several"},
    {"name = a\n}", ":2: a } closes nothing; remove it"},
    {"control {\n\n", ":1: a { is not closed; end it with }"},
    {"\nname = \"db1\ncluster = \"x\"",
     ":2: a string is not closed on its line; end it with the quote that it begins with"},
    {"name = 'db1",
     ":1: a string is not closed on its line; end it with the quote that it begins with"},
    {"name = \"a\\\nb\"",
     ":1: a string is not closed on its line; end it with the quote that it begins with"},
    {"name = a\n/* and\n so on", ":2: a comment is not closed; end it with */"},
    {"name = \"a\\x00b\"", ":1: characters by number are not taken; write the character itself"},
    {"name = \"a\\0\"", ":1: characters by number are not taken; write the character itself"},
    {"name = \"${HOSTNAME}\"", ":1: the environment is not looked up; write the value itself, or "
                               "'${...}' in single quotes if it is "
                               "meant as it stands"},
    {"name = ${HOSTNAME}", ":1: the environment is not looked up; write the value itself"},
    {"include(\"/etc/passwd\")", ":1: \"include\": no = follows; write KEY = \"VALUE\""},
};

START_TEST(wrong_value_is_refused_with_its_place_and_advice)
{
    char expected[2 * ERROR_BYTES];
    snprintf(expected, sizeof expected, "muster.conf%s", refused[_i].expected);
    assert_refused(refused[_i].text, expected);
}
END_TEST

START_TEST(comments_of_any_kind_leave_the_lines_as_they_are)
{
    assert_refused_like("# one\n## two # three\n/* four\n five */ name = a // six\n//\n#\n\n/**/\n"
                        "cluster = \"/* # // '\" # \"\ntags = {# \"}\n\"a=b#c\", /* } */\n'c=//'}\n"
                        "bind = 1x",
                        "muster.conf:13: bind \"1x\": ", "");
    struct config *c = must_load("cluster = a//b# c\n");
    ck_assert_str_eq(c->cluster, "a//b");
    config_free(c);
}
END_TEST

START_TEST(first_error_wins)
{
    options.name = "b c";
    assert_refused_like("log_level = loud\nbind = x\nname = \"a b\"\n", "muster.conf:1: log_level ",
                        "");
    assert_refused_like("name = a", "-n \"b c\": ", "");
}
END_TEST

START_TEST(error_leaves_nothing_behind_for_the_next_file)
{
    for (size_t i = 0; i < COUNT(refused); i++) {
        ck_assert_ptr_null(load(refused[i].text));
        struct config *c = must_load("name = db1\n" HANDLER "}\ncontrol { group = \"root\" }\n");
        ck_assert_str_eq(c->name, "db1");
        ck_assert_uint_eq(c->handlers_count, 1);
        ck_assert_str_eq(error, "");
        config_free(c);
    }
}
END_TEST

/* ---- scripts that others could change ---- */

/* An executable file in the tests' folder, of that mode. */
static void make_script(const char *name, mode_t mode)
{
    FILE *f = fopen(name, "w");
    ck_assert_ptr_nonnull(f);
    fclose(f);
    ck_assert_int_eq(chmod(name, mode), 0);
}

/* A handler with the script in the tests' folder; `more` goes on with the section. */
static const char *handler_with(const char *script, const char *more)
{
    static char section[256];
    snprintf(section, sizeof section, "handler h {\n on = {\"member-join\"}\n run = \"%s/%s\"%s }",
             dir, script, more);
    return section;
}

START_TEST(root_runs_no_script_that_others_could_change)
{
    char expected[ERROR_BYTES];
    make_script("page.sh", 0775);
    snprintf(expected, sizeof expected,
             "muster.conf:3: handler \"h\": run \"%s/page.sh\": others could change what is run: "
             "%s/page.sh: can be written by others than its owner; chmod go-w it",
             dir, dir);
    if (geteuid() == 0)
        assert_refused(handler_with("page.sh", ""), expected);
    else
        config_free(must_load(handler_with("page.sh", "")));
    ck_assert_int_eq(chmod("page.sh", 0755), 0);
    config_free(must_load(handler_with("page.sh", "")));
    unlink("page.sh");
}
END_TEST

START_TEST(user_runs_its_own_scripts_and_root_does_not)
{
    if (geteuid() != 0)
        return;
    make_script("page.sh", 0755);
    ck_assert_int_eq(chown("page.sh", 65534, 65534), 0);
    config_free(must_load(handler_with("page.sh", " user = nobody")));
    assert_refused_like(handler_with("page.sh", ""), "muster.conf:3: handler \"h\": run ",
                        "belongs to another user, 65534; chown it to root");
    unlink("page.sh");
}
END_TEST

/* ---- too much of it ---- */

static char text[TEXT_BYTES];

/* KEY = "xxx...", of so many bytes. */
static const char *long_value(const char *before, size_t bytes, const char *after)
{
    size_t len = (size_t)snprintf(text, sizeof text, "%s", before);
    memset(text + len, 'x', bytes);
    snprintf(text + len + bytes, sizeof text - len - bytes, "%s", after);
    return text;
}

START_TEST(long_values_are_refused_and_shown_in_part)
{
    assert_refused_like(long_value("name = ", 10240, ""), "muster.conf:1: name \"xxx",
                        "xx...\": 10240 bytes");
    assert_refused_like(long_value("name = ", 129, ""), "muster.conf:1: name \"xxx", "1 to 128");
    assert_refused_like(long_value("cluster = ", 129, ""), "muster.conf:1: cluster \"xxx",
                        "at most 128");
    assert_refused_like(long_value("tags = {\"a=", 10240, "\"}"), "muster.conf:1: tags \"a=x",
                        "10242 bytes");
    assert_refused_like(long_value("tags = {\"a=", 510, "\"}"), "muster.conf:1: tags \"a=x",
                        "at most 512");
    assert_refused_like(long_value("tags = {\"", 65, "=1\"}"), "muster.conf:1: tags \"xxx",
                        "at most 64");
    assert_refused_like(long_value("join = ", 254, ""), "muster.conf:1: join \"xxx",
                        "not a host's name");
    assert_refused_like(long_value("handler \"", 10240, "\" { }"), "muster.conf:1: handler \"xxx",
                        "1 to 128");
    assert_refused_like(long_value("handler h { run = \"/", 4095, "\" }"),
                        "muster.conf:1: handler \"h\": run ", "4096 bytes are too long");
    assert_refused_like(long_value("", 10240, " = 1"), "muster.conf:1: \"xxx",
                        "no such key; known here");
    assert_refused_like(long_value("handler h { on = {\"", 4000, "\"} }"),
                        "muster.conf:1: handler \"h\": on ", "no such event");
    assert_refused_like(long_value("detect = \"", 4000, "s\""), "muster.conf:1: detect ",
                        "not a duration");
}
END_TEST

START_TEST(values_of_the_longest_length_are_taken)
{
    struct config *c = must_load(long_value("name = ", 128, ""));
    config_free(c);
    c = must_load(long_value("cluster = ", 128, ""));
    config_free(c);
    c = must_load(long_value("tags = {\"a=", 508, "\"}"));
    ck_assert_uint_eq(c->tags_bytes, GOSSIP_TAGS_BYTES_MAX - 1);
    config_free(c);
}
END_TEST

/* BEFORE, then `count` times ITEM with its number and TAIL, then AFTER. */
static const char *many(const char *before, const char *item, const char *tail, int count,
                        const char *after)
{
    size_t len = (size_t)snprintf(text, sizeof text, "%s", before);
    for (int i = 0; i < count; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%d%s", item, i, tail);
        ck_assert_uint_lt(len, sizeof text);
    }
    snprintf(text + len, sizeof text - len, "%s", after);
    return text;
}

#define HANDLER_TAIL "\" { on = {\"member-join\"} run = \"/bin/true\" }\n"

START_TEST(lists_are_taken_up_to_their_limit)
{
    struct config *c = must_load(many("join = {", "h", ",", CONFIG_JOINS_MAX, "}"));
    ck_assert_uint_eq(c->join_count, CONFIG_JOINS_MAX);
    config_free(c);
    c = must_load(many("", "handler \"h", HANDLER_TAIL, CONFIG_HANDLERS_MAX, ""));
    ck_assert_uint_eq(c->handlers_count, CONFIG_HANDLERS_MAX);
    config_free(c);
}
END_TEST

START_TEST(lists_beyond_their_limit_are_refused)
{
    assert_refused_like(many("join = {", "h", ",\n", CONFIG_JOINS_MAX + 1, "}"),
                        "muster.conf:65: join \"h64\": ", "more than 64");
    assert_refused_like(many("", "handler \"h", HANDLER_TAIL, CONFIG_HANDLERS_MAX + 1, ""),
                        "muster.conf:65: handler \"h64\": ", "more than 64");
    assert_refused_like(many(HANDLER "match = {", "\"key", "=value\",\n", 100, "} }"),
                        "muster.conf:", "at most 512");
    assert_refused_like(many("tags = {", "\"key", "=value\",\n", 100, "}"),
                        "muster.conf:", "at most 512");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("config: what is refused");
    TCase *t = tcase_create("refused");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, wrong_value_is_refused_with_its_place_and_advice, 0, COUNT(refused));
    tcase_add_test(t, comments_of_any_kind_leave_the_lines_as_they_are);
    tcase_add_test(t, first_error_wins);
    tcase_add_test(t, error_leaves_nothing_behind_for_the_next_file);
    tcase_add_test(t, root_runs_no_script_that_others_could_change);
    tcase_add_test(t, user_runs_its_own_scripts_and_root_does_not);
    tcase_add_test(t, long_values_are_refused_and_shown_in_part);
    tcase_add_test(t, values_of_the_longest_length_are_taken);
    tcase_add_test(t, lists_are_taken_up_to_their_limit);
    tcase_add_test(t, lists_beyond_their_limit_are_refused);
    suite_add_tcase(s, t);
    return unit_run(s);
}
