#include "agent/config/config.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define ARGS_MAX 160
#define SAID_BYTES 8192

static struct config_options options;
static FILE *said[2]; /* stdout, stderr: what was there before lies in `before` */
static int before[2];

static void setup(void)
{
    for (int i = 0; i < 2; i++) {
        fflush(i == 0 ? stdout : stderr);
        before[i] = dup(i + 1);
        said[i] = tmpfile();
        dup2(fileno(said[i]), i + 1);
    }
}

static void restore(void)
{
    for (int i = 0; i < 2; i++) {
        fflush(i == 0 ? stdout : stderr);
        if (before[i] >= 0) {
            dup2(before[i], i + 1);
            close(before[i]);
        }
        before[i] = -1;
    }
}

static void teardown(void)
{
    restore();
    fclose(said[0]);
    fclose(said[1]);
}

/* What came out of stdout (0) or stderr (1) so far. */
static const char *out(int i)
{
    static char text[SAID_BYTES];
    fflush(i == 0 ? stdout : stderr);
    ssize_t n = pread(fileno(said[i]), text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

/* Parses a command line whose words stand between blanks. */
static int parse(const char *line)
{
    static char words[8192];
    static char *argv[ARGS_MAX];
    int argc = 0;
    snprintf(words, sizeof words, "musterd %s", line);
    for (char *word = strtok(words, " "); word && argc < ARGS_MAX - 1; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    return config_options_parse(argc, argv, &options);
}

START_TEST(nothing_given_is_nothing_set)
{
    static const struct config_options none;
    memset(&options, 0x5a, sizeof options);
    ck_assert_int_eq(parse(""), -1);
    ck_assert_ptr_null(options.file);
    ck_assert_ptr_null(options.name);
    ck_assert_uint_eq(options.join_count + options.tags_count, 0);
    ck_assert_int_eq(options.check, none.check);
}
END_TEST

START_TEST(every_option_is_taken)
{
    ck_assert_int_eq(
        parse("-c f -t -n db1 -b ::1 -a 10.0.0.1:1 -j a -j b:2 -T role=db -Tx=y -r run -s state "
              "-ldebug -k"),
        -1);
    ck_assert_str_eq(options.file, "f");
    ck_assert(options.check);
    ck_assert_str_eq(options.name, "db1");
    ck_assert_str_eq(options.bind, "::1");
    ck_assert_str_eq(options.advertise, "10.0.0.1:1");
    ck_assert_uint_eq(options.join_count, 2);
    ck_assert_str_eq(options.join[1], "b:2");
    ck_assert_uint_eq(options.tags_count, 2);
    ck_assert_str_eq(options.tags[0], "role=db");
    ck_assert_str_eq(options.tags[1], "x=y");
    ck_assert_str_eq(options.run_dir, "run");
    ck_assert_str_eq(options.state_dir, "state");
    ck_assert_str_eq(options.log_level, "debug");
    ck_assert(options.keep_user);
    ck_assert_str_eq(out(0), "");
    ck_assert_str_eq(out(1), "");
}
END_TEST

START_TEST(option_given_again_counts_the_last_time)
{
    ck_assert_int_eq(parse("-n a -n b"), -1);
    ck_assert_str_eq(options.name, "b");
}
END_TEST

static const struct {
    const char *line, *said; /* on stderr, before the usage */
} wrong[] = {
    {"-x", "'x'"},
    {"--quiet", "--quiet"},
    {"-n", "'n'"},
    {"start", "\"start\": not an option"},
    {"-t start", "\"start\""},
    {"-n a -- -t", "\"-t\""},
};

START_TEST(wrong_use_is_explained_and_exits_2)
{
    ck_assert_int_eq(parse(wrong[_i].line), 2);
    const char *text = out(1), *usage = strstr(text, "usage: musterd [-c FILE]");
    const char *what = strstr(text, wrong[_i].said);
    ck_assert_msg(usage && what && what < usage, "%s", text);
    ck_assert_str_eq(out(0), "");
}
END_TEST

START_TEST(help_and_version_go_to_stdout_and_exit_0)
{
    ck_assert_int_eq(parse("-V"), 0);
    ck_assert_msg(strncmp(out(0), "musterd ", 8) == 0, "%s", out(0));
    ck_assert_int_eq(parse("--version"), 0);
    ck_assert_int_eq(parse("-h"), 0);
    ck_assert_ptr_nonnull(strstr(out(0), "usage: musterd"));
    ck_assert_int_eq(parse("--help"), 0);
    ck_assert_str_eq(out(1), "");
    /* All that the interface lists is explained. */
    for (const char *o = "ctnbajTrslVh"; *o != '\0'; o++) {
        char text[] = {'\n', ' ', ' ', '-', *o, '\0'};
        ck_assert_msg(strstr(out(0), text), "-%c", *o);
    }
}
END_TEST

/* So many times an option, and once more with another value. */
static int parse_many(const char *option, size_t times, const char *last)
{
    char line[4096] = "";
    size_t len = 0;
    for (size_t i = 0; i < times; i++)
        len += (size_t)snprintf(line + len, sizeof line - len, "%s a=b ", option);
    snprintf(line + len, sizeof line - len, "%s", last);
    return parse(line);
}

START_TEST(too_many_of_a_list_are_refused)
{
    ck_assert_int_eq(parse_many("-j", CONFIG_JOINS_MAX, ""), -1);
    ck_assert_int_eq(parse_many("-j", CONFIG_JOINS_MAX, "-j more"), 2);
    ck_assert_ptr_nonnull(strstr(out(1), "-j \"more\": more than 64"));
    ck_assert_int_eq(parse_many("-T", COUNT(options.tags), ""), -1);
    ck_assert_int_eq(parse_many("-T", COUNT(options.tags), "-T more=1"), 2);
    ck_assert_ptr_nonnull(strstr(out(1), "-T \"more=1\": more than 64"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("options");
    TCase *t = tcase_create("options");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, nothing_given_is_nothing_set);
    tcase_add_test(t, every_option_is_taken);
    tcase_add_test(t, option_given_again_counts_the_last_time);
    tcase_add_loop_test(t, wrong_use_is_explained_and_exits_2, 0, COUNT(wrong));
    tcase_add_test(t, help_and_version_go_to_stdout_and_exit_0);
    tcase_add_test(t, too_many_of_a_list_are_refused);
    suite_add_tcase(s, t);
    return unit_run(s);
}
