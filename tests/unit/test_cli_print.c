#include "cli/print.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DB1_TAGS "note\0a\033[2Jb\0role\0db"
static const struct member_record db1 = {
    .name = "db1",
    .id = "9f00",
    .addr = "10.0.0.11",
    .status = "alive",
    .port = 7949,
    .incarnation = 3,
    .generation = 1795176000123,
    .tags = {DB1_TAGS, sizeof DB1_TAGS},
};

/* What was printed; each test opens it, prints and closes. */
static char *printed;
static size_t printed_bytes;

static FILE *capture(void)
{
    FILE *out = open_memstream(&printed, &printed_bytes);
    ck_assert_ptr_nonnull(out);
    return out;
}

static void assert_printed(FILE *out, const char *expected)
{
    fclose(out);
    ck_assert_str_eq(printed, expected);
    free(printed);
}

static void assert_template(const char *template, const char *expected)
{
    char error[PRINT_ERROR_BYTES] = "";
    ck_assert_msg(print_template_check(template, error), "%s", error);
    FILE *out = capture();
    print_template(out, template, &db1);
    assert_printed(out, expected);
}

START_TEST(template_fields_stand_for_the_member)
{
    assert_template("{name} {addr}:{port} {tag:role}\\n", "db1 10.0.0.11:7949 db\n");
    assert_template("{id}/{status}/{incarnation}/{generation}", "9f00/alive/3/1795176000123");
    assert_template("{unreachable}", "no");
    struct member_record partly = db1;
    partly.unreachable = true;
    FILE *out = capture();
    print_template(out, "{unreachable}", &partly);
    assert_printed(out, "yes");
}
END_TEST

START_TEST(template_without_fields_is_itself)
{
    assert_template("", "");
    assert_template("a}b%s%n", "a}b%s%n");
}
END_TEST

START_TEST(template_escapes_are_newline_tab_backslash_and_brace)
{
    assert_template("a\\tb\\\\n\\{name}\\n", "a\tb\\n{name}\n");
}
END_TEST

START_TEST(tag_that_is_not_there_is_empty)
{
    assert_template("<{tag:weight}><{tag:rol}><{tag:roles}>", "<><><>");
}
END_TEST

START_TEST(what_a_member_says_is_escaped_in_templates)
{
    assert_template("{tag:note}\\n{tags}", "a\\x1b[2Jb\nnote=a\\x1b[2Jb,role=db");
}
END_TEST

static const struct {
    const char *template, *quoted, *reason;
} wrong_templates[] = {
    {"{name} {nme}", "\"{nme}\"",
     "{status}, {unreachable}, {incarnation}, {generation}, {tags} and {tag:KEY}"},
    {"{}", "\"{}\"", "no such field"},
    {"{tag:}", "\"{tag:}\"", "no such field"},
    {"{Name}", "\"{Name}\"", "no such field"},
    {"{name", "\"{name\"", "no } after it"},
    {"a\\q", "\"\\q\"", "no such escape"},
    {"a\\", "\"\\\"", "no such escape"},
};

START_TEST(wrong_template_is_refused_and_quoted)
{
    char error[PRINT_ERROR_BYTES] = "";
    ck_assert(!print_template_check(wrong_templates[_i].template, error));
    ck_assert_msg(strncmp(error, wrong_templates[_i].quoted, strlen(wrong_templates[_i].quoted)) ==
                      0,
                  "%s", error);
    ck_assert_msg(strstr(error, wrong_templates[_i].reason), "%s", error);
}
END_TEST

START_TEST(error_about_an_endless_field_is_cut)
{
    char error[PRINT_ERROR_BYTES] = "", template[10000] = "{";
    memset(template + 1, 'x', sizeof template - 2);
    ck_assert(!print_template_check(template, error));
    ck_assert_ptr_nonnull(strstr(error, "no } after it"));
}
END_TEST

static const struct {
    const char *text, *safe;
    size_t columns;
} safe_texts[] = {
    {"db1", "db1", 3},
    {"", "", 0},
    {"a\nb", "a\\nb", 4},
    {"\033[31m\a\177", "\\x1b[31m\\x07\\x7f", 16},
    {"M\xc3\xbcnchen", "M\xc3\xbcnchen", 7}, /* UTF-8 stays */
    {"\xc2\x9b"
     "2J",
     "\\xc2\\x9b2J", 10},          /* CSI in one character */
    {"\xff\xc3", "\\xff\\xc3", 8}, /* no UTF-8 */
};

START_TEST(terminal_gets_nothing_but_text)
{
    FILE *out = capture();
    ck_assert_uint_eq(print_safe(out, safe_texts[_i].text), safe_texts[_i].columns);
    assert_printed(out, safe_texts[_i].safe);
    ck_assert_uint_eq(print_safe(NULL, safe_texts[_i].text), safe_texts[_i].columns);
}
END_TEST

START_TEST(table_columns_are_aligned_by_what_is_seen)
{
    struct print_table table = {.columns = 3};
    static const char *const rows[][3] = {
        {"NAME", "STATUS", "TAGS"}, {"a\n", "alive", "k=v"}, {"M\xc3\xbcnchen", "failed", ""}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_cell(&table, rows[i][0]);
        print_status_cell(&table, rows[i][1]);
        print_cell(&table, rows[i][2]);
    }
    FILE *out = capture();
    print_table(out, &table);
    assert_printed(out, "NAME     STATUS  TAGS\n"
                        "a\\n      alive   k=v\n"
                        "M\xc3\xbcnchen  failed\n");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("cli_print");
    TCase *templates = tcase_create("templates");
    tcase_add_test(templates, template_fields_stand_for_the_member);
    tcase_add_test(templates, template_without_fields_is_itself);
    tcase_add_test(templates, template_escapes_are_newline_tab_backslash_and_brace);
    tcase_add_test(templates, tag_that_is_not_there_is_empty);
    tcase_add_test(templates, what_a_member_says_is_escaped_in_templates);
    tcase_add_loop_test(templates, wrong_template_is_refused_and_quoted, 0,
                        sizeof wrong_templates / sizeof wrong_templates[0]);
    tcase_add_test(templates, error_about_an_endless_field_is_cut);
    suite_add_tcase(s, templates);

    TCase *text = tcase_create("text");
    tcase_add_loop_test(text, terminal_gets_nothing_but_text, 0,
                        sizeof safe_texts / sizeof safe_texts[0]);
    tcase_add_test(text, table_columns_are_aligned_by_what_is_seen);
    suite_add_tcase(s, text);
    return s;
}

int main(void)
{
    return unit_run(suite());
}
