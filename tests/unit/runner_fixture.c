#include "tests/unit/runner_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[32];
struct runner *tested;
int agent_fd;
/* What came with the last script that was asked for. */
static int input_fd, env_fd, output_fd;

/* ---- scripts ---- */

char *in_dir(const char *name)
{
    static char paths[4][PATH_BYTES];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, PATH_BYTES, "%s/%s", dir, name);
    return path;
}

uint64_t script(const char *name, const char *body)
{
    char *path = in_dir(name);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fprintf(f, "#!/bin/sh\nD='%s'\n%s\n", dir, body);
    fclose(f);
    ck_assert_int_eq(chmod(path, 0755), 0);
    return script_key(path, NULL);
}

static void list(struct script_list *into, const char *path)
{
    into->all[into->count++] = (struct script){.key = script_key(path, NULL), .path = strdup(path)};
}

static bool load(void *arg, struct script_list *into, char *error)
{
    time_t end = time(NULL) + DEADLINE_S;
    ck_assert_ptr_eq(arg, &tested);
    while (access(in_dir("waits"), F_OK) == 0 && time(NULL) < end)
        poll(NULL, 0, TURN_MS);
    list(into, in_dir("new.sh"));
    snprintf(error, RUNNER_ERROR_BYTES, "it is broken");
    return access(in_dir("broken"), F_OK) != 0;
}

void touch(const char *name)
{
    int fd = open(in_dir(name), O_CREAT | O_WRONLY, 0600);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

bool exists(const char *name)
{
    return access(in_dir(name), F_OK) == 0;
}

static void setup(void)
{
    struct script_list scripts = {.count = 0};
    int pair[2];
    strcpy(dir, "/tmp/muster-runner.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    list(&scripts, in_dir("old.sh"));
    list(&scripts, in_dir("gone.sh"));
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
                     0);
    agent_fd = pair[0];
    input_fd = env_fd = output_fd = -1;
    timeout_ms = 1000 * DEADLINE_S;
    tested = runner_new(pair[1], &scripts, load, &tested);
    ck_assert_ptr_nonnull(tested);
}

void close_sent(void)
{
    const int fds[] = {input_fd, env_fd, output_fd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    input_fd = env_fd = output_fd = -1;
}

static void teardown(void)
{
    char command[PATH_BYTES];
    runner_free(tested);
    close(agent_fd);
    close_sent();
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    ck_assert_int_eq(system(command), 0);
}

/* ---- asking, and being told ---- */

static int file_in_memory(const void *bytes, size_t count)
{
    int fd = memfd_create("muster-test", MFD_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, bytes, count, 0), (ssize_t)count);
    return fd;
}

void send_with(const void *bytes, size_t count, const int *fds, size_t fds_count)
{
    union {
        char bytes[CMSG_SPACE(SENT_FDS_MAX * sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    union {
        const void *from;
        void *bytes;
    } part = {bytes};
    struct iovec iov = {part.bytes, count};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    if (fds_count > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(fds_count * sizeof *fds);
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(fds_count * sizeof *fds);
        memcpy(CMSG_DATA(c), fds, fds_count * sizeof *fds);
    }
    ck_assert_int_eq(sendmsg(agent_fd, &message, MSG_NOSIGNAL), (ssize_t)count);
}

uint64_t timeout_ms;

struct runner_request request(enum runner_request_kind kind, uint32_t id)
{
    return (struct runner_request){.version = RUNNER_VERSION,
                                   .kind = (uint8_t)kind,
                                   .id = id,
                                   .descriptors = DESCRIPTORS,
                                   .timeout_ms = timeout_ms};
}

void ask(enum runner_request_kind kind, uint32_t id)
{
    struct runner_request r = request(kind, id);
    send_with(&r, sizeof r, NULL, 0);
}

void run_in(uint32_t id, uint64_t key, const void *env, size_t env_bytes)
{
    struct runner_request r = request(RUNNER_RUN, id);
    close_sent();
    r.key = key;
    input_fd = file_in_memory("input\n", strlen("input\n"));
    env_fd = file_in_memory(env, env_bytes);
    output_fd = file_in_memory("", 0);
    send_with(&r, sizeof r, (int[]){input_fd, env_fd, output_fd}, RUNNER_FDS);
}

void run(uint32_t id, uint64_t key)
{
    run_in(id, key, USUAL_ENV, sizeof USUAL_ENV);
}

const char *output(void)
{
    static char text[4096];
    ssize_t n = pread(output_fd, text, sizeof text - 1, 0);
    ck_assert_int_ge(n, 0);
    text[n] = '\0';
    return text;
}

struct runner_report told(void)
{
    struct runner_report r = {0};
    uint8_t bytes[64];
    runner_turn(tested);
    ssize_t n = recv(agent_fd, bytes, sizeof bytes, 0);
    if (n >= 0)
        ck_assert_int_eq(runner_report_check(bytes, (size_t)n, &r), 0);
    return r;
}

int expect(enum runner_report_kind kind, uint32_t id)
{
    struct runner_report r;
    TURN_UNTIL((r = told()).kind != 0);
    ck_assert_uint_eq(r.kind, kind);
    ck_assert_uint_eq(r.id, id);
    return r.value;
}

void expect_refused(uint32_t id, int error)
{
    ck_assert_int_eq(expect(RUNNER_REFUSED, id), error);
}

void expect_exit(uint32_t id, int status)
{
    int got = expect(RUNNER_ENDED, id);
    ck_assert_msg(WIFEXITED(got), "status %#x: %s", (unsigned)got, output());
    ck_assert_int_eq(WEXITSTATUS(got), status);
}

size_t open_fds(void)
{
    size_t count = 0;
    DIR *fds = opendir("/proc/self/fd");
    ck_assert_ptr_nonnull(fds);
    while (readdir(fds))
        count++;
    closedir(fds);
    return count;
}

TCase *fixture_case(Suite *s, const char *name)
{
    TCase *t = tcase_create(name);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 3 * DEADLINE_S);
    suite_add_tcase(s, t);
    return t;
}
