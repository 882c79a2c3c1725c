#include "tests/unit/cli_run.h"
#include "tests/unit/unit.h"

#include <string.h>
#include <unistd.h>

/* members */

static void members_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "view", NULL);
    fake_agent_put_members(f, 3);
    fake_agent_put_member(f, "web1", "failed");
    fake_agent_put_member(f, "db10", "alive");
    fake_agent_put_member(f, "db1", "alive");
    fake_agent_flush(f);
    fake_agent_expect_end(f);
}

START_TEST(members_are_a_table_sorted_by_name)
{
    ck_assert_int_eq(cli_run_against(members_script, members_run, "", false), CLI_YES);
    ck_assert_str_eq(said, "NAME  ADDRESS        STATUS  TAGS\n"
                           "db1   10.0.0.1:7949  alive   role=db\n"
                           "db10  10.0.0.1:7949  alive   role=db\n"
                           "web1  10.0.0.1:7949  failed  role=db\n");
}
END_TEST

START_TEST(members_are_one_json_document)
{
    ck_assert_int_eq(cli_run_against(members_script, members_run, "--status failed", true),
                     CLI_YES);
    ck_assert_str_eq(said, "{\"members\":[{\"name\":\"web1\",\"id\":\"9f00\",\"addr\":\"10.0.0.1\","
                           "\"port\":7949,\"status\":\"failed\",\"unreachable\":false,"
                           "\"incarnation\":3,\"generation\":5,\"tags\":{\"role\":\"db\"}}]}\n");
}
END_TEST

static void partly_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "view", NULL);
    fake_agent_put_members(f, 3);
    fake_agent_put_member(f, "web1", "failed");
    fake_agent_put_partly(f, "db10", "alive");
    fake_agent_put_partly(f, "db1", "suspect");
    fake_agent_flush(f);
    fake_agent_expect_end(f);
}

START_TEST(the_partly_unreachable_are_noted_in_a_last_column)
{
    ck_assert_int_eq(cli_run_against(partly_script, members_run, "", false), CLI_YES);
    ck_assert_str_eq(said, "NAME  ADDRESS        STATUS   TAGS     NOTE\n"
                           "db1   10.0.0.1:7949  suspect  role=db  partly unreachable\n"
                           "db10  10.0.0.1:7949  alive    role=db  partly unreachable\n"
                           "web1  10.0.0.1:7949  failed   role=db\n");
}
END_TEST

START_TEST(the_note_is_left_out_when_none_of_those_listed_has_one)
{
    ck_assert_int_eq(cli_run_against(partly_script, members_run, "--status failed", false),
                     CLI_YES);
    ck_assert_str_eq(said, "NAME  ADDRESS        STATUS  TAGS\n"
                           "web1  10.0.0.1:7949  failed  role=db\n");
}
END_TEST

START_TEST(the_partly_unreachable_are_alive_and_told_to_programs)
{
    const char *arguments = "--status alive --format {name}:{status}:{unreachable}\\n";
    ck_assert_int_eq(cli_run_against(partly_script, members_run, arguments, false), CLI_YES);
    ck_assert_str_eq(said, "db10:alive:yes\n");
    ck_assert_int_eq(cli_run_against(partly_script, members_run, "--status alive", true), CLI_YES);
    ck_assert_ptr_nonnull(strstr(said, "\"status\":\"alive\",\"unreachable\":true,"));
}
END_TEST

START_TEST(members_are_filtered_by_status_and_tag)
{
    const char *arguments = "--status alive --format {name}\\n --tag role=db";
    ck_assert_int_eq(cli_run_against(members_script, members_run, arguments, false), CLI_YES);
    ck_assert_str_eq(said, "db1\ndb10\n");
    arguments = "--tag role=db --tag rack=r7 --format {name}\\n";
    ck_assert_int_eq(cli_run_against(members_script, members_run, arguments, false), CLI_YES);
    ck_assert_str_eq(said, "");
}
END_TEST

static const struct {
    cli_run_fn *command;
    const char *arguments, *message;
} wrong_usages[] = {
    {members_run, "--status dead", "\"dead\": there are alive, suspect, failed, leaving and left"},
    {members_run, "--tag role", "\"role\": not KEY=VALUE"},
    {members_run, "--format {nme}", "\"{nme}\": no such field"},
    {members_run, "--format {name} -o json", "take one"},
    {members_run, "db1", "\"db1\" is one argument too many"},
    {members_run, "--nope", "--nope"},
    {members_run, "-o xml", "\"xml\": there are text and json"},
    {watch_run, "--from yesterday", "\"yesterday\": not a number"},
    {watch_run, "--from -1", "\"-1\": not a number"},
    {wait_run, "", "nothing to wait for"},
    {wait_run, "--alive 0", "\"0\": not a number"},
    {wait_run, "--alive many", "\"many\": not a number"},
    {wait_run, "--alive 1 --timeout 5", "\"5\": not a time"},
    {wait_run, "--alive 1 --timeout 0s", "\"0s\": not a time"},
    {explain_run, "", "argument is missing"},
    {explain_run, "db1 db2", "\"db2\" is one argument too many"},
    {join_run, "", "argument is missing"},
    {forget_run, "", "argument is missing"},
    {tags_run, "role", "\"role\": not KEY=VALUE"},
    {tags_run, "=db", "\"=db\": not KEY=VALUE"},
    {leave_run, "now", "\"now\" is one argument too many"},
};

START_TEST(wrong_usage_is_said_before_anybody_is_asked)
{
    fake_agent_start(&fake, NULL); /* would be waited for in vain */
    int status = cli_run(wrong_usages[_i].command, wrong_usages[_i].arguments, false);
    fake_agent_stop(&fake);
    ck_assert_int_eq(status, CLI_USAGE);
    assert_complained(wrong_usages[_i].message);
    assert_complained("usage: muster test ARGUMENTS\n");
    ck_assert_str_eq(said, "");
}
END_TEST

START_TEST(help_after_a_command_is_its_usage)
{
    fake_agent_start(&fake, NULL);
    ck_assert_int_eq(cli_run(members_run, "--status alive --help", false), CLI_YES);
    fake_agent_stop(&fake);
    ck_assert_str_eq(said, "usage: muster test ARGUMENTS\n");
}
END_TEST

/* join, leave, forget, tags, reload */

static void join_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "join", "{\"Existing\"=>[\"db1\", \"[::1]:7949\"], \"Replay\"=>false}");
    fake_agent_put_header(f, f->seq, "");
    fake_agent_put_map(f, 1);
    fake_agent_put_unsigned_pair(f, "Num", 1);
    fake_agent_flush(f);
    fake_agent_expect_end(f);
}

START_TEST(join_says_how_many_answered)
{
    ck_assert_int_eq(cli_run_against(join_script, join_run, "db1 [::1]:7949", false), CLI_YES);
    ck_assert_str_eq(said, "joined through 1 of 2 addresses\n");
    ck_assert_int_eq(cli_run_against(join_script, join_run, "db1 [::1]:7949", true), CLI_YES);
    ck_assert_str_eq(said, "{\"joined\":1}\n");
}
END_TEST

static void forget_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "force-leave", "{\"Node\"=>\"db1\", \"Prune\"=>true}");
    fake_agent_answer(f, "");
    fake_agent_expect_end(f);
}

static void forget_refused_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "force-leave", "{\"Node\"=>\"db1\", \"Prune\"=>true}");
    fake_agent_answer(f, "the member is alive");
    fake_agent_expect_end(f);
}

START_TEST(forget_prunes_and_a_refusal_is_a_no)
{
    ck_assert_int_eq(cli_run_against(forget_script, forget_run, "db1", false), CLI_YES);
    ck_assert_str_eq(said, "");
    ck_assert_int_eq(cli_run_against(forget_script, forget_run, "db1", true), CLI_YES);
    ck_assert_str_eq(said, "{\"forgotten\":true}\n");
    ck_assert_int_eq(cli_run_against(forget_refused_script, forget_run, "db1", false), CLI_NO);
    ck_assert_str_eq(complained, "muster test: \"db1\": the member is alive\n");
}
END_TEST

static void leave_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "leave", NULL);
    fake_agent_answer(f, ""); /* and ends */
}

START_TEST(leave_ends_with_the_agent)
{
    ck_assert_int_eq(cli_run_against(leave_script, leave_run, "", false), CLI_YES);
    ck_assert_str_eq(said, "");
    ck_assert_int_eq(cli_run_against(leave_script, leave_run, "", true), CLI_YES);
    ck_assert_str_eq(said, "{\"left\":true}\n");
}
END_TEST

static void reload_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "reload", NULL);
    fake_agent_answer(f, "a.conf:2: bind \"x\": not an address");
    fake_agent_expect_end(f);
}

START_TEST(refused_reload_is_a_no_in_the_agents_words)
{
    ck_assert_int_eq(cli_run_against(reload_script, reload_run, "", false), CLI_NO);
    ck_assert_str_eq(complained, "muster test: a.conf:2: bind \"x\": not an address\n");
}
END_TEST

static void tags_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(
        f, "tags", "{\"Tags\"=>{\"role\"=>\"db\", \"note\"=>\"a=b\"}, \"DeleteTags\"=>[\"old\"]}");
    fake_agent_answer(f, "");
    fake_agent_expect_end(f);
}

static void own_tags_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "stats", NULL);
    fake_agent_put_header(f, f->seq, "");
    fake_agent_put_map(f, 2);
    fake_agent_put_text(f, "agent");
    fake_agent_put_map(f, 0);
    fake_agent_put_text(f, "tags");
    fake_agent_put_map(f, 2);
    fake_agent_put_text_pair(f, "note", "a\nb");
    fake_agent_put_text_pair(f, "role", "db");
    fake_agent_flush(f);
    fake_agent_expect_end(f);
}

START_TEST(tags_are_set_and_deleted_in_one_request)
{
    const char *arguments = "role=db -d old note=a=b";
    ck_assert_int_eq(cli_run_against(tags_script, tags_run, arguments, false), CLI_YES);
}
END_TEST

START_TEST(tags_without_arguments_are_shown)
{
    ck_assert_int_eq(cli_run_against(own_tags_script, tags_run, "", false), CLI_YES);
    ck_assert_str_eq(said, "note=a\\nb\nrole=db\n");
    ck_assert_int_eq(cli_run_against(own_tags_script, tags_run, "", true), CLI_YES);
    ck_assert_str_eq(said, "{\"tags\":{\"note\":\"a\\u000ab\",\"role\":\"db\"}}\n");
}
END_TEST

/* info, explain, version */

static void info_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "info", NULL);
    fake_agent_put_header(f, f->seq, "");
    fake_agent_put_map(f, 2);
    fake_agent_put_text(f, "agent");
    fake_agent_put_map(f, 2);
    fake_agent_put_text_pair(f, "name", "db1");
    fake_agent_put_text_pair(f, "version", "9.9");
    fake_agent_put_text(f, "handlers");
    fake_agent_put_map(f, 1);
    fake_agent_put_text(f, "page");
    fake_agent_put_map(f, 2);
    fake_agent_put_text_pair(f, "state", "idle");
    fake_agent_put_unsigned_pair(f, "runs", 12);
    fake_agent_flush(f);
    fake_agent_expect_end(f);
}

START_TEST(info_is_shown_by_section)
{
    ck_assert_int_eq(cli_run_against(info_script, info_run, "", false), CLI_YES);
    ck_assert_str_eq(said, "agent\n  name     db1\n  version  9.9\n"
                           "handlers\n  page\n    state  idle\n    runs   12\n");
    ck_assert_int_eq(cli_run_against(info_script, info_run, "", true), CLI_YES);
    ck_assert_str_eq(said, "{\"agent\":{\"name\":\"db1\",\"version\":\"9.9\"},"
                           "\"handlers\":{\"page\":{\"state\":\"idle\",\"runs\":12}}}\n");
}
END_TEST

START_TEST(version_names_both_programs)
{
    ck_assert_int_eq(cli_run_against(info_script, version_run, "", false), CLI_YES);
    ck_assert_str_eq(said, "muster " PACKAGE_VERSION "\nmusterd 9.9\n");
    ck_assert_int_eq(cli_run_against(info_script, version_run, "", true), CLI_YES);
    ck_assert_str_eq(said, "{\"version\":\"" PACKAGE_VERSION "\",\"agent_version\":\"9.9\"}\n");
}
END_TEST

START_TEST(version_needs_no_agent)
{
    fake_agent_start(&fake, NULL);
    unlink(fake.address.sun_path);
    int status = cli_run(version_run, "", true);
    fake_agent_stop(&fake);
    ck_assert_int_eq(status, CLI_YES);
    ck_assert_str_eq(said, "{\"version\":\"" PACKAGE_VERSION "\"}\n");
    ck_assert_str_eq(complained, "");
}
END_TEST

/* A number under that key, or nil where it is not known. */
static void put_known(struct fake_agent *f, const char *key, bool known, double number)
{
    fake_agent_put_text(f, key);
    if (!known)
        msgpack_pack_nil(&f->pack);
    else if (number == (double)(int64_t)number)
        msgpack_pack_int64(&f->pack, (int64_t)number);
    else
        msgpack_pack_double(&f->pack, number);
}

static void put_boolean(struct fake_agent *f, const char *key, bool value)
{
    fake_agent_put_text(f, key);
    (value ? msgpack_pack_true : msgpack_pack_false)(&f->pack);
}

static void put_explanation(struct fake_agent *f, bool watched,
                            void put_member(struct fake_agent *f, const char *name,
                                            const char *status))
{
    fake_agent_greet(f);
    fake_agent_expect(f, "explain", "{\"Node\"=>\"db1\"}");
    fake_agent_put_header(f, f->seq, "");
    fake_agent_put_map(f, 12);
    fake_agent_put_text(f, "member");
    put_member(f, "db1", "suspect");
    put_boolean(f, "watched", watched);
    put_known(f, "phi", watched, 2.5);
    put_known(f, "loss", watched, 0.25);
    put_known(f, "rtt_us", watched, 1234);
    put_known(f, "last_ack_us", false, 0);
    put_known(f, "unanswered", watched, 3);
    put_boolean(f, "suspicion", watched);
    put_boolean(f, "suspicion_ours", watched);
    put_known(f, "confirmations", watched, 2);
    put_known(f, "suspicion_left_us", watched, 500000);
    fake_agent_put_text(f, "observers");
    msgpack_pack_array(&f->pack, 1);
    fake_agent_put_text(f, "db2");
    fake_agent_flush(f);
    fake_agent_expect_end(f);
}

static void watched_script(struct fake_agent *f)
{
    put_explanation(f, true, fake_agent_put_member);
}

static void watched_partly_script(struct fake_agent *f)
{
    put_explanation(f, true, fake_agent_put_partly);
}

static void unwatched_script(struct fake_agent *f)
{
    put_explanation(f, false, fake_agent_put_member);
}

#define EXPLAINED_MEMBER                                                                           \
    "{\"member\":{\"name\":\"db1\",\"id\":\"9f00\",\"addr\":\"10.0.0.1\",\"port\":7949,"           \
    "\"status\":\"suspect\",\"unreachable\":false,\"incarnation\":3,\"generation\":5,"             \
    "\"tags\":{\"role\":\"db\"}},"

START_TEST(explain_tells_what_holds)
{
    ck_assert_int_eq(cli_run_against(watched_script, explain_run, "db1", false), CLI_YES);
    ck_assert_str_eq(said,
                     "member       db1\n"
                     "id           9f00\n"
                     "generation   5, incarnation 3\n"
                     "address      10.0.0.1:7949\n"
                     "status       suspect\n"
                     "tags         role=db\n"
                     "watched      from here\n"
                     "phi          2.50\n"
                     "loss         25.0 %\n"
                     "round trip   1.2 ms\n"
                     "last answer  never\n"
                     "unanswered   3 pings\n"
                     "suspicion    from here, 2 observers suspect it, 500.0 ms left to refute\n"
                     "observers    db2\n");
    ck_assert_int_eq(cli_run_against(watched_script, explain_run, "db1", true), CLI_YES);
    ck_assert_str_eq(said, EXPLAINED_MEMBER
                     "\"watched\":true,\"phi\":2.5,\"loss\":0.25,\"rtt_us\":1234,"
                     "\"last_ack_us\":null,\"unanswered\":3,\"suspicion\":true,"
                     "\"suspicion_ours\":true,\"confirmations\":2,\"suspicion_left_us\":500000,"
                     "\"observers\":[\"db2\"]}\n");
}
END_TEST

START_TEST(explain_says_in_words_who_is_partly_unreachable)
{
    ck_assert_int_eq(cli_run_against(watched_partly_script, explain_run, "db1", false), CLI_YES);
    ck_assert_ptr_nonnull(
        strstr(said, "status       suspect\n"
                     "unreachable  partly: it lives, but not all that watch it reach it\n"
                     "tags         role=db\n"));
    ck_assert_int_eq(cli_run_against(watched_partly_script, explain_run, "db1", true), CLI_YES);
    ck_assert_ptr_nonnull(strstr(said, "\"status\":\"suspect\",\"unreachable\":true,"));
}
END_TEST

START_TEST(explain_does_not_tell_what_does_not_hold)
{
    ck_assert_int_eq(cli_run_against(unwatched_script, explain_run, "db1", false), CLI_YES);
    ck_assert_ptr_null(strstr(said, "phi"));
    ck_assert_ptr_nonnull(strstr(said, "watched      not from here\n"));
    ck_assert_ptr_nonnull(strstr(said, "suspicion    none\n"));
    ck_assert_int_eq(cli_run_against(unwatched_script, explain_run, "db1", true), CLI_YES);
    ck_assert_str_eq(said, EXPLAINED_MEMBER
                     "\"watched\":false,\"phi\":null,\"loss\":null,\"rtt_us\":null,"
                     "\"last_ack_us\":null,\"unanswered\":null,\"suspicion\":false,"
                     "\"suspicion_ours\":false,\"confirmations\":null,\"suspicion_left_us\":null,"
                     "\"observers\":[\"db2\"]}\n");
}
END_TEST

static void stranger_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "explain", "{\"Node\"=>\"db9\"}");
    fake_agent_answer(f, "no such member");
    fake_agent_expect_end(f);
}

START_TEST(explaining_a_stranger_is_a_no)
{
    ck_assert_int_eq(cli_run_against(stranger_script, explain_run, "db9", false), CLI_NO);
    ck_assert_str_eq(complained, "muster test: \"db9\": no such member\n");
    ck_assert_str_eq(said, "");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("cli_commands");
    TCase *ask = tcase_create("ask");
    tcase_set_timeout(ask, 30);
    tcase_add_test(ask, members_are_a_table_sorted_by_name);
    tcase_add_test(ask, members_are_one_json_document);
    tcase_add_test(ask, members_are_filtered_by_status_and_tag);
    tcase_add_test(ask, the_partly_unreachable_are_noted_in_a_last_column);
    tcase_add_test(ask, the_note_is_left_out_when_none_of_those_listed_has_one);
    tcase_add_test(ask, the_partly_unreachable_are_alive_and_told_to_programs);
    tcase_add_test(ask, explain_says_in_words_who_is_partly_unreachable);
    tcase_add_test(ask, info_is_shown_by_section);
    tcase_add_test(ask, version_names_both_programs);
    tcase_add_test(ask, version_needs_no_agent);
    tcase_add_test(ask, explain_tells_what_holds);
    tcase_add_test(ask, explain_does_not_tell_what_does_not_hold);
    tcase_add_test(ask, explaining_a_stranger_is_a_no);
    suite_add_tcase(s, ask);

    TCase *usage = tcase_create("usage");
    tcase_add_loop_test(usage, wrong_usage_is_said_before_anybody_is_asked, 0,
                        sizeof wrong_usages / sizeof wrong_usages[0]);
    tcase_add_test(usage, help_after_a_command_is_its_usage);
    suite_add_tcase(s, usage);

    TCase *change = tcase_create("change");
    tcase_set_timeout(change, 30);
    tcase_add_test(change, join_says_how_many_answered);
    tcase_add_test(change, forget_prunes_and_a_refusal_is_a_no);
    tcase_add_test(change, leave_ends_with_the_agent);
    tcase_add_test(change, refused_reload_is_a_no_in_the_agents_words);
    tcase_add_test(change, tags_are_set_and_deleted_in_one_request);
    tcase_add_test(change, tags_without_arguments_are_shown);
    suite_add_tcase(s, change);
    return s;
}

int main(void)
{
    return unit_run(suite());
}
