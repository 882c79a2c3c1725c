/* muster vip, drain and undrain against a fake agent. */
#include "tests/unit/cli_run.h"
#include "tests/unit/unit.h"

#include <string.h>
#include <unistd.h>

static void put_flag(struct fake_agent *f, const char *key, bool value)
{
    fake_agent_put_text(f, key);
    (value ? msgpack_pack_true : msgpack_pack_false)(&f->pack);
}

/* The pairs of an address that both answers have. */
static void put_summary(struct fake_agent *f, const char *name, const char *holder,
                        const char *state, unsigned epoch)
{
    fake_agent_put_text_pair(f, "name", name);
    fake_agent_put_text_pair(f, "address", "10.0.0.100/32");
    fake_agent_put_text_pair(f, "interface", "eth0");
    fake_agent_put_text_pair(f, "holder", holder);
    fake_agent_put_unsigned_pair(f, "epoch", epoch);
    fake_agent_put_text_pair(f, "state", state);
}

static void put_list(struct fake_agent *f, const char *holder, const char *state)
{
    fake_agent_expect(f, "vips", NULL);
    fake_agent_put_header(f, f->seq, "");
    fake_agent_put_map(f, 3);
    put_flag(f, "quorum", true);
    put_flag(f, "drained", false);
    fake_agent_put_text(f, "vips");
    msgpack_pack_array(&f->pack, 1);
    fake_agent_put_map(f, 6);
    put_summary(f, "web", holder, state, 7);
    fake_agent_flush(f);
}

static void put_explanation(struct fake_agent *f, const char *holder, const char *state,
                            unsigned epoch, unsigned left_ms)
{
    fake_agent_expect(f, "vip-explain", "{\"Name\"=>\"web\"}");
    fake_agent_put_header(f, f->seq, "");
    fake_agent_put_map(f, 15);
    put_summary(f, "web", holder, state, epoch);
    fake_agent_put_text_pair(f, "obstacle", "");
    put_flag(f, "quorum", true);
    put_flag(f, "gate", true);
    fake_agent_put_unsigned_pair(f, "version", 3);
    fake_agent_put_unsigned_pair(f, "priority", 90);
    fake_agent_put_unsigned_pair(f, "lease_ms", 1000);
    fake_agent_put_unsigned_pair(f, "left_ms", left_ms);
    fake_agent_put_text(f, "waiting");
    msgpack_pack_array(&f->pack, 1);
    fake_agent_put_map(f, 2);
    fake_agent_put_text_pair(f, "name", "db2");
    fake_agent_put_unsigned_pair(f, "priority", 80);
    fake_agent_put_text(f, "voters");
    msgpack_pack_array(&f->pack, 1);
    fake_agent_put_map(f, 2);
    fake_agent_put_text_pair(f, "name", "w1");
    fake_agent_put_text_pair(f, "note", "agrees");
    fake_agent_flush(f);
}

static void list_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    put_list(f, "db1", "holding");
    fake_agent_expect_end(f);
}

START_TEST(addresses_are_a_table_or_one_document)
{
    ck_assert_int_eq(cli_run_against(list_script, vip_run, "", false), CLI_YES);
    ck_assert_str_eq(said, "NAME  ADDRESS        INTERFACE  HOLDER  EPOCH  STATE\n"
                           "web   10.0.0.100/32  eth0       db1     7      holding\n");
    ck_assert_int_eq(cli_run_against(list_script, vip_run, "list", true), CLI_YES);
    ck_assert_str_eq(said, "{\"quorum\":true,\"drained\":false,\"vips\":[{\"name\":\"web\","
                           "\"address\":\"10.0.0.100/32\",\"interface\":\"eth0\","
                           "\"holder\":\"db1\",\"epoch\":7,\"state\":\"holding\"}]}\n");
}
END_TEST

static void explain_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    put_explanation(f, "db1", "holding", 7, 600);
    fake_agent_expect_end(f);
}

START_TEST(an_explanation_is_rows_or_one_document)
{
    ck_assert_int_eq(cli_run_against(explain_script, vip_run, "explain web", false), CLI_YES);
    ck_assert_str_eq(said, "vip          web\n"
                           "address      10.0.0.100/32 on eth0\n"
                           "holder       db1, epoch 7\n"
                           "here         holding\n"
                           "lease        1000 ms, 600 ms left, priority 90\n"
                           "fence        the kernel ends it by itself\n"
                           "quorum       enough voters are alive and agree, list version 3\n"
                           "waiting      db2, priority 80\n"
                           "voters       w1: agrees\n");
    ck_assert_int_eq(cli_run_against(explain_script, vip_run, "explain web", true), CLI_YES);
    ck_assert_str_eq(said, "{\"name\":\"web\",\"address\":\"10.0.0.100/32\",\"interface\":\"eth0\","
                           "\"holder\":\"db1\",\"epoch\":7,\"state\":\"holding\",\"obstacle\":\"\","
                           "\"quorum\":true,\"gate\":true,\"version\":3,\"priority\":90,"
                           "\"lease_ms\":1000,\"left_ms\":600,"
                           "\"waiting\":[{\"name\":\"db2\",\"priority\":80}],"
                           "\"voters\":[{\"name\":\"w1\",\"note\":\"agrees\"}]}\n");
}
END_TEST

static void move_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "vip-move", "{\"Name\"=>\"web\", \"Host\"=>\"db2\"}");
    fake_agent_answer(f, "");
    put_explanation(f, "db1", "holding", 7, 600);
    put_explanation(f, "", "waiting", 7, 0);
    put_explanation(f, "db2", "waiting", 8, 0);
    fake_agent_expect_end(f);
}

START_TEST(a_move_is_done_when_the_host_has_it)
{
    ck_assert_int_eq(cli_run_against(move_script, vip_run, "move web db2", true), CLI_YES);
    ck_assert_str_eq(said, "{\"moved\":true}\n");
}
END_TEST

/* The agent's first answer takes so long that the move is asked for again, while nobody has the
 * address. */
static void move_repeated_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "vip-move", "{\"Name\"=>\"web\", \"Host\"=>\"db2\"}");
    fake_agent_answer(f, "");
    usleep(600000);
    put_explanation(f, "", "waiting", 7, 0);
    fake_agent_expect(f, "vip-move", "{\"Name\"=>\"web\", \"Host\"=>\"db2\"}");
    fake_agent_answer(f, "nobody holds it");
    put_explanation(f, "db2", "waiting", 8, 0);
    fake_agent_expect_end(f);
}

START_TEST(a_move_goes_on_while_nobody_holds_the_address)
{
    ck_assert_int_eq(cli_run_against(move_repeated_script, vip_run, "move web db2", true), CLI_YES);
    ck_assert_str_eq(said, "{\"moved\":true}\n");
}
END_TEST

static void move_refused_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "vip-move", "{\"Name\"=>\"web\", \"Host\"=>\"db9\"}");
    fake_agent_answer(f, "no such member");
    fake_agent_expect_end(f);
}

START_TEST(a_refused_move_names_what_there_is_not)
{
    ck_assert_int_eq(cli_run_against(move_refused_script, vip_run, "move web db9", false), CLI_NO);
    ck_assert_str_eq(complained, "muster test: \"db9\": no such member\n");
}
END_TEST

static void release_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "vip-release", "{\"Name\"=>\"web\"}");
    fake_agent_answer(f, "");
    put_explanation(f, "db1", "stopping", 7, 600);
    put_explanation(f, "db2", "waiting", 8, 0);
    fake_agent_expect_end(f);
}

START_TEST(a_release_is_done_when_this_host_waits)
{
    ck_assert_int_eq(cli_run_against(release_script, vip_run, "release web", true), CLI_YES);
    ck_assert_str_eq(said, "{\"released\":true}\n");
}
END_TEST

static void drain_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    put_list(f, "db1", "holding");
    fake_agent_expect(f, "drain", NULL);
    fake_agent_answer(f, "");
    put_list(f, "db1", "stopping");
    put_list(f, "", "out");
    put_list(f, "db2", "out");
    fake_agent_expect_end(f);
}

START_TEST(a_drain_is_done_when_others_hold_what_was_here)
{
    ck_assert_int_eq(cli_run_against(drain_script, drain_run, "", true), CLI_YES);
    ck_assert_str_eq(said, "{\"drained\":true}\n");
}
END_TEST

static void drain_refused_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    put_list(f, "db1", "holding");
    fake_agent_expect(f, "drain", NULL);
    fake_agent_answer(f, "no");
    fake_agent_expect_end(f);
}

START_TEST(a_refused_drain_is_a_no)
{
    ck_assert_int_eq(cli_run_against(drain_refused_script, drain_run, "", false), CLI_NO);
    ck_assert_str_eq(complained, "muster test: no\n");
}
END_TEST

static void undrain_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "undrain", NULL);
    fake_agent_answer(f, "");
    fake_agent_expect_end(f);
}

START_TEST(an_undrain_is_done_at_once)
{
    ck_assert_int_eq(cli_run_against(undrain_script, undrain_run, "", true), CLI_YES);
    ck_assert_str_eq(said, "{\"undrained\":true}\n");
}
END_TEST

static void wrong_list_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "vips", NULL);
    fake_agent_put_header(f, f->seq, "");
    fake_agent_put_map(f, 1);
    put_flag(f, "vips", true);
    fake_agent_flush(f);
    fake_agent_expect_end(f);
}

START_TEST(an_answer_that_is_no_list_is_none)
{
    ck_assert_int_eq(cli_run_against(wrong_list_script, vip_run, "", false), CLI_UNASKED);
    assert_complained("not of the control protocol: vips");
}
END_TEST

START_TEST(wrong_words_are_wrong_usage)
{
    static const struct {
        const char *arguments, *message;
    } wrong[] = {{"explode", "not list, explain, move or release"},
                 {"move web", "move takes 2 arguments"},
                 {"list web", "list takes 0 arguments"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        fake_agent_start(&fake, NULL);
        ck_assert_int_eq(cli_run(vip_run, wrong[i].arguments, false), CLI_USAGE);
        fake_agent_stop(&fake);
        assert_complained(wrong[i].message);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cli_vip");
    TCase *t = tcase_create("cli_vip");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, addresses_are_a_table_or_one_document);
    tcase_add_test(t, an_explanation_is_rows_or_one_document);
    tcase_add_test(t, a_move_is_done_when_the_host_has_it);
    tcase_add_test(t, a_move_goes_on_while_nobody_holds_the_address);
    tcase_add_test(t, a_refused_move_names_what_there_is_not);
    tcase_add_test(t, a_release_is_done_when_this_host_waits);
    tcase_add_test(t, a_drain_is_done_when_others_hold_what_was_here);
    tcase_add_test(t, a_refused_drain_is_a_no);
    tcase_add_test(t, an_undrain_is_done_at_once);
    tcase_add_test(t, an_answer_that_is_no_list_is_none);
    tcase_add_test(t, wrong_words_are_wrong_usage);
    suite_add_tcase(s, t);
    return unit_run(s);
}
