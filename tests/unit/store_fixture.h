/* store_fixture: a state directory for each test, and what lies in it. */
#ifndef MUSTER_STORE_FIXTURE_H
#define MUSTER_STORE_FIXTURE_H

#include "agent/base/log.h"
#include "agent/base/worker.h"
#include "agent/state/statefile.h"
#include "agent/state/store.h"
#include "tests/unit/unit.h"

#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES 4096

static char dir[32]; /* the state directory is DIR/state */
static char state[64];
static char error[ERROR_BYTES];
static struct store_identity identity;
static struct gossip_addr peers[STORE_PEERS_MAX];
static const char marker[] = "all before this has been looked at";

/* ---- files ---- */

static inline const char *path_of(const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", state, name);
    return path;
}

static inline bool exists(const char *name)
{
    struct stat st;

    return lstat(path_of(name), &st) == 0;
}

static inline size_t read_file(const char *name, char *bytes)
{
    FILE *f = fopen(path_of(name), "r");

    ck_assert_ptr_nonnull(f);
    size_t len = fread(bytes, 1, FILE_BYTES, f);
    fclose(f);
    return len;
}

static inline void write_file(const char *name, const char *bytes, size_t len)
{
    FILE *f = fopen(path_of(name), "w");

    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, len, f), len);
    fclose(f);
}

static inline int remove_one(const char *path, const struct stat *st, int what, struct FTW *at)
{
    (void)st;
    (void)what;
    (void)at;
    return remove(path);
}

static inline void setup(void)
{
    snprintf(dir, sizeof dir, "/tmp/muster-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(state, sizeof state, "%s/state", dir);
    log_set_level(LOG_LEVEL_ERROR); /* warnings are looked at in the log's history */
    log_info("%s", marker);
}

static inline void teardown(void)
{
    nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline struct store *must_open(void)
{
    struct store *s = store_open(state, error);

    ck_assert_msg(s != NULL, "%s", error);
    return s;
}

/* Hands back what the worker has run, as the agent's loop does; waits for it. */
static inline void deliver(struct worker *w)
{
    struct pollfd ran = {.fd = worker_fd(w), .events = POLLIN};

    poll(&ran, 1, -1);
    worker_deliver(w);
}

/* One start of an agent: its identity, and its peers' count. */
static inline size_t start(void)
{
    struct store *s = must_open();

    ck_assert_msg(store_identity(s, &identity, error), "%s", error);
    size_t count = store_peers(s, peers);
    store_free(s);
    return count;
}

/* True if a line of the log since the test began, or since it was last asked, holds this. */
static inline bool logged(const char *part)
{
    enum log_level level;

    for (uint64_t n = log_newest(); n > 0; n--) {
        const char *line = log_line(n, &level);
        if (line == NULL || strstr(line, marker) != NULL)
            return false;
        if (strstr(line, part) != NULL) {
            log_info("%s", marker);
            return true;
        }
    }
    return false;
}

static inline void assert_refused(const char *part, const char *other)
{
    ck_assert_msg(strstr(error, part) != NULL && strstr(error, other) != NULL, "%s", error);
}

#endif
