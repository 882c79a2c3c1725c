/* Several files of one configuration, and sections of hosts. */
#include "agent/base/address.h"
#include "tests/unit/config_fixture.h"

#include <sys/stat.h>

/* A file beside muster.conf. */
static void write_file(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

static void assert_file_refused(const char *text, const char *expected)
{
    assert_refused(text, expected);
}

START_TEST(files_of_a_pattern_are_read_in_the_order_of_their_names)
{
    mkdir("conf.d", 0755);
    write_file("conf.d/20-b.conf", "handler b { on = {member-join} run = \"/bin/true\" }\n");
    write_file("conf.d/10-a.conf", "handler a { on = {member-join} run = \"/bin/true\" }\n");
    write_file("conf.d/.hidden.conf", "nonsense\n");
    write_file("conf.d/30-c.conf~", "nonsense\n");
    struct config *c = must_load("include = \"conf.d/*.conf\"\ncluster = x\n");
    ck_assert_uint_eq(c->handlers_count, 2);
    ck_assert_str_eq(c->handlers[0].name, "a");
    ck_assert_str_eq(c->handlers[1].name, "b");
    ck_assert_str_eq(c->cluster, "x");
    ck_assert_ptr_nonnull(strstr(c->file, "muster.conf"));
    config_free(c);
    config_free(must_load("include = {\"nothing.d/*.conf\", \"conf.d/none-*\"}\n"));
}
END_TEST

START_TEST(errors_name_the_file_that_has_them)
{
    write_file("more.conf", "\n\ndetect = never\n");
    assert_refused_like("include = \"more.conf\"", "more.conf:3: detect \"never\": not a duration",
                        "");
    write_file("more.conf", "cluster = y\n");
    assert_file_refused(
        "include = \"more.conf\"\ncluster = x",
        "more.conf:1: cluster \"y\": given twice, first in muster.conf:2; keep one of "
        "them");
    write_file("more.conf", "\nquorum { voters = {a} }\n");
    assert_file_refused("quorum { voters = {a} }\ninclude = \"more.conf\"",
                        "more.conf:2: quorum: given twice, first in muster.conf:1; merge them");
    write_file("more.conf", "handler h { on = {member-join} run = \"/bin/true\" }\n");
    assert_file_refused(
        "handler h { on = {member-join} run = \"/bin/true\" }\ninclude = more.conf",
        "more.conf:1: handler \"h\": given twice, first in muster.conf:1; give each "
        "section its own name");
}
END_TEST

START_TEST(what_cannot_be_included_is_refused)
{
    assert_file_refused("\ninclude = \"gone.conf\"",
                        "muster.conf:2: include \"gone.conf\": no such file; a pattern, such as "
                        "\"conf.d/*.conf\", may match none");
    assert_file_refused("include = \"muster.conf\"",
                        "muster.conf:1: include \"muster.conf\": muster.conf is read already: it "
                        "includes itself, or is included twice");
    write_file("a.conf", "include = \"b.conf\"\n");
    write_file("b.conf", "\ninclude = \"a.conf\"\n");
    assert_file_refused(
        "include = \"a.conf\"",
        "b.conf:2: include \"a.conf\": a.conf is read already: it includes itself, or "
        "is included twice");
    mkdir("dir.conf", 0755);
    assert_file_refused("include = \"dir.conf\"", "dir.conf: a directory; name the file in it");
}
END_TEST

START_TEST(no_more_files_are_read_than_the_limit)
{
    char name[32];
    mkdir("many", 0755);
    for (int i = 0; i < 70; i++) {
        snprintf(name, sizeof name, "many/%03d.conf", i);
        write_file(name, "");
    }
    assert_refused_like("include = \"many/*\"",
                        "muster.conf:1: include \"many/*\": more than 64 files", "");
}
END_TEST

START_TEST(path_is_relative_to_the_file_that_includes)
{
    mkdir("sub", 0755);
    write_file("sub/one.conf", "include = \"two.conf\"\n");
    write_file("sub/two.conf", "cluster = deep\n");
    struct config *c = must_load("include = \"sub/one.conf\"\n");
    ck_assert_str_eq(c->cluster, "deep");
    config_free(c);
}
END_TEST

START_TEST(section_of_this_host_is_in_force_and_others_are_not)
{
    static const char text[] =
        "name = db1\ntags = {\"role=db\", \"rack=r1\"}\nbind = \"10.0.0.1\"\n"
        "host db1 { tags = {\"rack=r7\", \"more=1\"} bind = \"10.0.0.11:80\" "
        "advertise = \"192.0.2.1\" }\n"
        "host db2 { tags = {\"role=web\"} bind = \"10.0.0.12\" }\n";
    char addr[ADDRESS_TEXT_BYTES];
    struct config *c = must_load(text);
    ck_assert_str_eq(tag_match_find(c->tags, c->tags_bytes, "rack"), "r7");
    ck_assert_str_eq(tag_match_find(c->tags, c->tags_bytes, "role"), "db");
    ck_assert_str_eq(tag_match_find(c->tags, c->tags_bytes, "more"), "1");
    ck_assert_str_eq(address_text(c->bind.ip, c->bind.port, addr), "10.0.0.11:80");
    ck_assert_str_eq(address_text(c->advertise.ip, c->advertise.port, addr), "192.0.2.1:80");
    config_free(c);
    options.name = "db2";
    c = must_load(text);
    ck_assert_str_eq(tag_match_find(c->tags, c->tags_bytes, "role"), "web");
    ck_assert_str_eq(address_text(c->bind.ip, c->bind.port, addr), "10.0.0.12:7949");
    config_free(c);
    options.name = "db3";
    options.bind = "10.0.0.99";
    c = must_load(text);
    ck_assert_str_eq(tag_match_find(c->tags, c->tags_bytes, "rack"), "r1");
    ck_assert_str_eq(address_text(c->bind.ip, c->bind.port, addr), "10.0.0.99:7949");
    config_free(c);
}
END_TEST

START_TEST(byte_order_mark_is_skipped)
{
    struct config *c = must_load("\xef\xbb\xbf"
                                 "cluster = x\n");
    ck_assert_str_eq(c->cluster, "x");
    config_free(c);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("config_include");
    TCase *t = tcase_create("files");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, files_of_a_pattern_are_read_in_the_order_of_their_names);
    tcase_add_test(t, errors_name_the_file_that_has_them);
    tcase_add_test(t, what_cannot_be_included_is_refused);
    tcase_add_test(t, no_more_files_are_read_than_the_limit);
    tcase_add_test(t, path_is_relative_to_the_file_that_includes);
    tcase_add_test(t, section_of_this_host_is_in_force_and_others_are_not);
    tcase_add_test(t, byte_order_mark_is_skipped);
    suite_add_tcase(s, t);
    return unit_run(s);
}
