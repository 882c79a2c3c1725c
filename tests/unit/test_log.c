#include "agent/base/log.h"
#include "agent/base/text.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TIME "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z "
#define TIME_BYTES 25 /* with its blank */
#define FLOOD_LINES 20000

static int reader; /* what goes to stderr comes out here */
static int stderr_before;

static void setup(void)
{
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
    stderr_before = dup(STDERR_FILENO);
    dup2(fds[1], STDERR_FILENO);
    close(fds[1]);
    reader = fds[0];
    unsetenv("JOURNAL_STREAM");
    log_listen(NULL, NULL);
    log_set_level(LOG_LEVEL_INFO);
}

static void teardown(void)
{
    dup2(stderr_before, STDERR_FILENO);
    close(stderr_before);
    close(reader);
}

/* Ends the log and returns all it has written, up to what a pipe holds. */
static const char *written(void)
{
    static char text[65536];
    struct pollfd more = {.fd = reader, .events = POLLIN};
    size_t len = 0;

    log_close();
    while (len < sizeof text - 1 && poll(&more, 1, 0) == 1)
        len += (size_t)read(reader, text + len, sizeof text - 1 - len);
    text[len] = '\0';
    return text;
}

static void assert_matches(const char *text, const char *pattern)
{
    regex_t regex;

    ck_assert_int_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    ck_assert_msg(regexec(&regex, text, 0, NULL, 0) == 0, "not %s: %s", pattern, text);
    regfree(&regex);
}

static const char *newest_line(void)
{
    enum log_level level;

    return log_line(log_newest(), &level);
}

/* ---- lines ---- */

START_TEST(line_has_time_level_and_text)
{
    ck_assert(log_open(LOG_LEVEL_DEBUG));
    log_info("%s is %d", "answer", 42);
    log_error("e");
    log_warn("w");
    log_debug("d");
    assert_matches(written(),
                   TIME "\\[INFO\\] answer is 42\n"
                        ".{24} \\[ERROR\\] e\n.{24} \\[WARN\\] w\n.{24} \\[DEBUG\\] d\n$");
}
END_TEST

START_TEST(level_decides_what_is_shown_and_not_what_is_kept)
{
    ck_assert(log_open(LOG_LEVEL_WARN));
    uint64_t before = log_newest();
    log_info("hidden");
    log_warn("shown");
    log_set_level(LOG_LEVEL_INFO);
    ck_assert_int_eq(log_get_level(), LOG_LEVEL_INFO);
    log_debug("hidden");
    log_info("shown too");
    ck_assert_uint_eq(log_newest(), before + 4);
    assert_matches(written(), "^.{24} \\[WARN\\] shown\n.{24} \\[INFO\\] shown too\n$");
}
END_TEST

START_TEST(line_before_open_and_after_close_is_written_at_once)
{
    log_warn("early");
    ck_assert(log_open(LOG_LEVEL_INFO));
    log_close();
    log_warn("late");
    assert_matches(written(), "^.{24} \\[WARN\\] early\n.{24} \\[WARN\\] late\n$");
}
END_TEST

START_TEST(control_characters_cannot_forge_a_line)
{
    ck_assert(log_open(LOG_LEVEL_INFO));
    log_info("a\nb\r\tc\x1b[2J\x7f \xc2\x9b d\xff\xc3");
    ck_assert_str_eq(written() + TIME_BYTES,
                     "[INFO] a\\nb\\r\\tc\\x1b[2J\\x7f \\xc2\\x9b d\\xff\\xc3\n");
}
END_TEST

START_TEST(text_of_the_world_is_left_as_it_is)
{
    ck_assert(log_open(LOG_LEVEL_INFO));
    log_info("Zürich, Łódź, 東京, 🦀, C:\\n");
    ck_assert_str_eq(written() + TIME_BYTES, "[INFO] Zürich, Łódź, 東京, 🦀, C:\\n\n");
}
END_TEST

/* A line of LOG_LINE_BYTES_MAX bytes at most, of whole characters, and the dots. */
static void assert_cut(const char *character)
{
    char message[4 * LOG_LINE_BYTES_MAX] = "";
    size_t bytes = strlen(character);

    for (size_t i = 0; i < LOG_LINE_BYTES_MAX; i++)
        memcpy(message + i * bytes, character, bytes + 1);
    log_info("%s", message);
    const char *line = newest_line();
    size_t len = strlen(line);
    ck_assert_uint_lt(len, LOG_LINE_BYTES_MAX);
    ck_assert_uint_gt(len + 8, LOG_LINE_BYTES_MAX);
    ck_assert_str_eq(line + len - 3, "...");
    ck_assert(text_printable(line));
}

START_TEST(long_message_is_cut_between_characters_and_ends_in_dots)
{
    ck_assert(log_open(LOG_LEVEL_INFO));
    assert_cut("x");
    assert_cut("ü");
    assert_cut("東");
    assert_cut("\n");
    assert_matches(written(), "\\.\\.\\.\n$");
}
END_TEST

START_TEST(journal_gets_no_time_as_it_has_its_own)
{
    char stream[64];
    struct stat st;

    fstat(STDERR_FILENO, &st);
    snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    ck_assert(log_open(LOG_LEVEL_INFO));
    log_info("x");
    log_error("y");
    log_warn("z");
    ck_assert_str_eq(written(), "<6>[INFO] x\n<3>[ERROR] y\n<4>[WARN] z\n");
    assert_matches(newest_line(), TIME "\\[WARN\\] z$"); /* monitors have no clock of their own */
}
END_TEST

START_TEST(journal_of_another_stream_is_not_meant)
{
    setenv("JOURNAL_STREAM", "8:12345", 1);
    ck_assert(log_open(LOG_LEVEL_INFO));
    log_info("x");
    assert_matches(written(), TIME "\\[INFO\\] x\n$");
}
END_TEST

START_TEST(level_is_known_by_its_names_in_any_case)
{
    static const struct {
        const char *text;
        enum log_level level;
    } known[] = {
        {"error", LOG_LEVEL_ERROR}, {"ERR", LOG_LEVEL_ERROR},   {"Warn", LOG_LEVEL_WARN},
        {"INFO", LOG_LEVEL_INFO},   {"debug", LOG_LEVEL_DEBUG}, {"TRACE", LOG_LEVEL_DEBUG},
    };
    enum log_level level = LOG_LEVEL_WARN;

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        ck_assert(log_level_parse(known[i].text, &level));
        ck_assert_int_eq(level, known[i].level);
        ck_assert(log_level_parse(log_level_text(level), &level));
        ck_assert_int_eq(level, known[i].level);
    }
    ck_assert(!log_level_parse("loud", &level));
    ck_assert(!log_level_parse("", &level));
    ck_assert(!log_level_parse("info ", &level));
    ck_assert_int_eq(level, LOG_LEVEL_DEBUG);
}
END_TEST

/* ---- the writer ---- */

/* What a slow reader has seen, once it reads. */
struct seen {
    pthread_mutex_t lock;
    uint64_t lines, dropped, notices;
};

static void count_line(struct seen *seen, const char *line)
{
    const char *text = strstr(line, "] ");
    uint64_t dropped;

    ck_assert_ptr_nonnull(text);
    if (sscanf(text, "] %" SCNu64 " lines dropped", &dropped) == 1) {
        seen->dropped += dropped;
        seen->notices++;
    } else {
        seen->lines++;
    }
}

static void *read_all(void *arg)
{
    struct seen *seen = arg;
    char line[LOG_LINE_BYTES_MAX + 2];
    FILE *f = fdopen(dup(reader), "r");

    while (fgets(line, sizeof line, f) != NULL && strstr(line, "the end") == NULL) {
        pthread_mutex_lock(&seen->lock);
        count_line(seen, line);
        pthread_mutex_unlock(&seen->lock);
    }
    fclose(f);
    return NULL;
}

static uint64_t notices(struct seen *seen)
{
    pthread_mutex_lock(&seen->lock);
    uint64_t n = seen->notices;
    pthread_mutex_unlock(&seen->lock);
    return n;
}

START_TEST(stalled_reader_costs_lines_and_is_told_how_many)
{
    struct seen seen = {.lock = PTHREAD_MUTEX_INITIALIZER};
    uint64_t written_lines = FLOOD_LINES;
    pthread_t thread;

    ck_assert(log_open(LOG_LEVEL_INFO));
    for (int i = 0; i < FLOOD_LINES; i++)
        log_info("a line of a usual length, that nobody reads: %d", i);
    pthread_create(&thread, NULL, read_all, &seen);
    while (notices(&seen) == 0) { /* until the next line that fits */
        log_info("more");
        written_lines++;
        poll(NULL, 0, 1);
    }
    log_close();
    log_error("the end"); /* at once */
    pthread_join(thread, NULL);
    ck_assert_uint_gt(seen.dropped, 0);
    ck_assert_uint_eq(seen.lines + seen.dropped, written_lines);
}
END_TEST

START_TEST(reader_that_never_reads_does_not_hold_up_the_end)
{
    ck_assert(log_open(LOG_LEVEL_INFO));
    for (int i = 0; i < FLOOD_LINES; i++)
        log_info("a line of a usual length, that nobody reads: %d", i);
    int null = open("/dev/null", O_WRONLY); /* what is left behind goes there after this test */
    dup2(null, stderr_before);
    close(null);
    log_close();
    struct pollfd waiting = {.fd = reader, .events = POLLIN};
    ck_assert_int_eq(poll(&waiting, 1, 0), 1); /* and what fitted is there */
    for (int i = 0; i < FLOOD_LINES; i++)
        log_info("nor does what comes after it: %d", i);
}
END_TEST

START_TEST(reader_that_is_gone_does_no_harm)
{
    ck_assert(log_open(LOG_LEVEL_INFO));
    close(reader);
    for (int i = 0; i < FLOOD_LINES; i++)
        log_info("nobody will ever read this: %d", i);
    ck_assert_ptr_nonnull(strstr(newest_line(), "19999"));
    log_close();
    reader = dup(stderr_before); /* for teardown */
}
END_TEST

START_TEST(stderr_that_does_not_block_loses_nothing)
{
    struct seen seen = {.lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t thread;

    fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK);
    ck_assert(log_open(LOG_LEVEL_INFO));
    for (int i = 0; i < 2000; i++) /* more than a pipe holds, less than waits for it */
        log_info("a line of a usual length, that is read later: %d", i);
    pthread_create(&thread, NULL, read_all, &seen);
    log_info("the end");
    pthread_join(thread, NULL);
    log_close();
    ck_assert_uint_eq(seen.lines, 2000);
    ck_assert_uint_eq(seen.dropped, 0);
}
END_TEST

/* ---- the history ---- */

static void discard_stderr(void)
{
    log_set_level(LOG_LEVEL_ERROR);
}

START_TEST(history_holds_512_lines_of_usual_length)
{
    enum log_level level;

    discard_stderr();
    for (int i = 0; i < 2 * LOG_HISTORY_LINES; i++)
        log_write(i % 2 == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG,
                  "member \"db%d\" at 10.0.0.11:7949 is alive; its role is database", i);
    uint64_t newest = log_newest();
    for (int i = 0; i < LOG_HISTORY_LINES; i++) {
        char name[16];
        snprintf(name, sizeof name, "\"db%d\"", 2 * LOG_HISTORY_LINES - 1 - i);
        const char *line = log_line(newest - (uint64_t)i, &level);
        ck_assert_ptr_nonnull(line);
        ck_assert_ptr_nonnull(strstr(line, name));
        ck_assert_int_eq(level, i % 2 == 0 ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
    }
    ck_assert_ptr_null(log_line(newest - LOG_HISTORY_LINES, &level));
    ck_assert_ptr_null(log_line(newest + 1, &level));
    ck_assert_ptr_null(log_line(0, &level));
}
END_TEST

/* Line `number` of a run of lines of very different lengths, without its time. */
static void make_text(uint64_t number, char *into)
{
    size_t bytes = (size_t)(number * number * 7919 % 900);

    memset(into, 'a' + (int)(number % 26), bytes);
    snprintf(into + bytes, 32, " %" PRIu64, number);
}

START_TEST(history_keeps_whole_lines_of_any_length_in_order)
{
    char text[1024];
    enum log_level level;

    discard_stderr();
    uint64_t first = log_newest() + 1;
    for (int i = 0; i < 5000; i++) {
        uint64_t number = log_newest() + 1;
        make_text(number, text);
        log_info("%s", text);
        ck_assert_uint_eq(log_newest(), number);
        uint64_t kept = 0;
        for (const char *line; (line = log_line(number - kept, &level)) != NULL; kept++) {
            make_text(number - kept, text);
            ck_assert_str_eq(line + TIME_BYTES + strlen("[INFO] "), text);
            if (number - kept == first)
                break;
        }
        ck_assert_uint_gt(kept + 1, i < 60 ? (uint64_t)i : 60); /* 64 KiB hold that many at least */
    }
}
END_TEST

static uint64_t heard[3];
static int heard_count;

static void listen_to(void *arg)
{
    ck_assert_ptr_eq(arg, heard);
    heard[heard_count++] = log_newest();
}

START_TEST(listener_hears_of_each_line_kept)
{
    discard_stderr();
    log_listen(listen_to, heard);
    uint64_t before = log_newest();
    log_info("one");
    log_debug("two");
    log_listen(NULL, NULL);
    log_info("three");
    ck_assert_int_eq(heard_count, 2);
    ck_assert_uint_eq(heard[0], before + 1);
    ck_assert_uint_eq(heard[1], before + 2);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("log");
    TCase *t = tcase_create("log");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, line_has_time_level_and_text);
    tcase_add_test(t, level_decides_what_is_shown_and_not_what_is_kept);
    tcase_add_test(t, line_before_open_and_after_close_is_written_at_once);
    tcase_add_test(t, control_characters_cannot_forge_a_line);
    tcase_add_test(t, text_of_the_world_is_left_as_it_is);
    tcase_add_test(t, long_message_is_cut_between_characters_and_ends_in_dots);
    tcase_add_test(t, journal_gets_no_time_as_it_has_its_own);
    tcase_add_test(t, journal_of_another_stream_is_not_meant);
    tcase_add_test(t, level_is_known_by_its_names_in_any_case);
    tcase_add_test(t, stalled_reader_costs_lines_and_is_told_how_many);
    tcase_add_test(t, reader_that_is_gone_does_no_harm);
    tcase_add_test(t, stderr_that_does_not_block_loses_nothing);
    tcase_add_test(t, history_holds_512_lines_of_usual_length);
    tcase_add_test(t, history_keeps_whole_lines_of_any_length_in_order);
    tcase_add_test(t, listener_hears_of_each_line_kept);
    tcase_add_test(t, reader_that_never_reads_does_not_hold_up_the_end); /* last: its log stays */
    suite_add_tcase(s, t);
    return unit_run(s);
}
