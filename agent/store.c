#include "agent/store.h"

#include "agent/config.h"
#include "agent/folder.h"
#include "agent/log.h"
#include "agent/statefile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define FORMAT_VERSION 1
#define IDENTITY_FILE "identity"
#define IDENTITY_HEADING "muster-state"
#define PEERS_FILE "peers"
#define PEERS_HEADING "muster-peers"

#define FOLDER_MODE 0700
#define ID_TEXT_BYTES (2 * GOSSIP_ID_BYTES + 1)
#define PEER_LINE_BYTES_MAX (sizeof "peer \n" + CONFIG_ADDR_TEXT_BYTES)

_Static_assert(STORE_PEERS_MAX *PEER_LINE_BYTES_MAX + 64 <= STATEFILE_BYTES_MAX, "all peers fit");

/* Addresses on their way to disk. Holds its own descriptor of the folder: a job that outlives the
 * store must not write to whatever has taken its number by then. */
struct save {
    struct store *store;
    struct worker *worker;
    int dir_fd;
    int error; /* errno of what failed, 0 for none, ECANCELED: it never ran */
    struct gossip_addr peers[STORE_PEERS_MAX];
    size_t peers_count;
};

struct store {
    char *dir;
    struct folder folder;
    struct save *saving; /* what the worker has */
    struct save *next;   /* what it gets then */
    bool save_failed;    /* and that was said */
};

/* ---- the two files' text ---- */

static void identity_write(const struct store_identity *identity, struct statefile *f)
{
    char id[ID_TEXT_BYTES];

    for (size_t i = 0; i < GOSSIP_ID_BYTES; i++)
        snprintf(id + 2 * i, 3, "%02x", identity->id[i]);
    f->len = 0;
    statefile_add(f, IDENTITY_HEADING " %d\nid %s\ngeneration %" PRIu64 "\n", FORMAT_VERSION, id,
                  identity->generation);
    statefile_seal(f);
}

static void peers_write(const struct gossip_addr *peers, size_t count, struct statefile *f)
{
    char addr[CONFIG_ADDR_TEXT_BYTES];

    f->len = 0;
    statefile_add(f, PEERS_HEADING " %d\n", FORMAT_VERSION);
    for (size_t i = 0; i < count; i++)
        statefile_add(f, "peer %s\n", config_addr_text(&peers[i], addr));
    statefile_seal(f);
}

static bool identity_parse(const struct statefile *f, struct store_identity *identity)
{
    struct statefile again;
    char id[ID_TEXT_BYTES];

    if (sscanf(f->bytes, IDENTITY_HEADING " %*u id %32[0-9a-f] generation %" SCNu64, id,
               &identity->generation) != 2)
        return false;
    if (strlen(id) != ID_TEXT_BYTES - 1 || identity->generation > GOSSIP_GENERATION_MAX)
        return false;
    for (size_t i = 0; i < GOSSIP_ID_BYTES; i++) {
        char byte[] = {id[2 * i], id[2 * i + 1], '\0'};
        identity->id[i] = (uint8_t)strtoul(byte, NULL, 16);
    }
    identity_write(identity, &again);
    return statefile_same(f, &again);
}

static bool peers_parse(const struct statefile *f, struct gossip_addr *peers, size_t *count)
{
    struct statefile again;
    char addr[CONFIG_ADDR_TEXT_BYTES];
    const char *line = strchr(f->bytes, '\n');

    for (*count = 0; line != NULL && *count < STORE_PEERS_MAX; ++*count) {
        peers[*count] = (struct gossip_addr){0};
        if (sscanf(line, "\npeer %55s", addr) != 1 || !config_addr_parse(addr, &peers[*count]))
            break;
        line = strchr(line + 1, '\n');
    }
    peers_write(peers, *count, &again);
    return statefile_same(f, &again);
}

/* ---- opening ---- */

static void fail(char *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void fail(char *error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error, STORE_ERROR_BYTES, format, args);
    va_end(args);
}

struct store *store_open(const char *state_dir, char *error)
{
    struct store *s = calloc(1, sizeof *s);
    char *dir = strdup(state_dir);

    if (s == NULL || dir == NULL) {
        fail(error, "%s: out of memory", state_dir);
        free(s);
        free(dir);
        return NULL;
    }
    s->dir = dir;
    if (!folder_open(&s->folder, dir, FOLDER_MODE, "-s", error)) {
        store_free(s);
        return NULL;
    }
    return s;
}

static void save_free(struct save *save)
{
    if (save == NULL)
        return;
    close(save->dir_fd);
    free(save);
}

void store_free(struct store *s)
{
    if (s == NULL)
        return;
    save_free(s->next);
    folder_close(&s->folder);
    free(s->dir);
    free(s);
}

/* ---- reading ---- */

enum found { MISSING, UNREADABLE, FOUND };

/* UNREADABLE: errno says why. Where something lies that is no file of ours, FOUND with no text. */
static enum found find(const struct store *s, const char *name, struct statefile *f)
{
    if (statefile_read(s->folder.dir_fd, name, f) || errno == EFBIG)
        return FOUND;
    return errno == ENOENT ? MISSING : UNREADABLE;
}

/* What is wrong with a file that could not be parsed. */
static const char *diagnose(const struct statefile *f, const char *heading)
{
    size_t bytes = strlen(heading);
    bool ours = strncmp(f->bytes, heading, bytes) == 0 && f->bytes[bytes] == ' ';

    if (ours && strtoul(f->bytes + bytes + 1, NULL, 10) > FORMAT_VERSION)
        return "written by a later version";
    return "damaged";
}

/* False with errno. */
static bool set_aside(const struct store *s, const char *name, const char *why)
{
    if (!statefile_set_aside(s->folder.dir_fd, name))
        return false;
    log_warn("%s/%s: %s; set aside as %s.bad", s->dir, name, why, name);
    return true;
}

static bool identity_new(const struct store *s, struct store_identity *identity, char *error)
{
    identity->generation = 0;
    if (getrandom(identity->id, GOSSIP_ID_BYTES, 0) == GOSSIP_ID_BYTES)
        return true;
    fail(error, "%s: no random bytes for an identity: %s", s->dir, strerror(errno));
    return false;
}

/* The identity on disk, or a new one if there is none that can be used. */
static bool identity_find(const struct store *s, struct store_identity *identity, char *error)
{
    struct statefile f;

    switch (find(s, IDENTITY_FILE, &f)) {
    case MISSING:
        return identity_new(s, identity, error);
    case UNREADABLE:
        fail(error, "%s/" IDENTITY_FILE ": cannot be read: %s; let the agent's user read it",
             s->dir, strerror(errno));
        return false;
    case FOUND:
        break;
    }
    if (identity_parse(&f, identity))
        return true;
    const char *why = diagnose(&f, IDENTITY_HEADING);
    if (set_aside(s, IDENTITY_FILE, why))
        return identity_new(s, identity, error);
    fail(error, "%s/" IDENTITY_FILE ": %s, and cannot be set aside: %s; move it away", s->dir, why,
         strerror(errno));
    return false;
}

static uint64_t wall_clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec < 0 ? 0 : (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool store_identity(struct store *s, struct store_identity *identity, char *error)
{
    struct statefile f;

    if (!identity_find(s, identity, error))
        return false;
    uint64_t now = wall_clock_ms();
    identity->generation = identity->generation < now ? now : identity->generation + 1;
    identity_write(identity, &f);
    if (statefile_write(s->folder.dir_fd, IDENTITY_FILE, &f))
        return true;
    fail(error,
         "%s/" IDENTITY_FILE ": cannot be written: %s; make room and let the agent's user write "
         "there, or choose another folder with -s",
         s->dir, strerror(errno));
    return false;
}

size_t store_peers(struct store *s, struct gossip_addr *peers)
{
    struct statefile f;
    size_t count;

    switch (find(s, PEERS_FILE, &f)) {
    case MISSING:
        return 0;
    case UNREADABLE:
        log_warn("%s/" PEERS_FILE ": cannot be read: %s", s->dir, strerror(errno));
        return 0;
    case FOUND:
        break;
    }
    if (peers_parse(&f, peers, &count))
        return count;
    const char *why = diagnose(&f, PEERS_HEADING);
    if (!set_aside(s, PEERS_FILE, why))
        log_warn("%s/" PEERS_FILE ": %s, and cannot be set aside: %s", s->dir, why,
                 strerror(errno));
    return 0;
}

/* ---- saving ---- */

static void save_run(void *arg)
{
    struct save *save = arg;
    struct statefile f;

    peers_write(save->peers, save->peers_count, &f);
    save->error = statefile_write(save->dir_fd, PEERS_FILE, &f) ? 0 : errno;
}

static void say_once(struct store *s, int error)
{
    if (error != 0 && !s->save_failed)
        log_error("%s/" PEERS_FILE ": cannot be written: %s; make room and let the agent's user"
                  " write there. Until then, a restart may not find the others by itself",
                  s->dir, strerror(error));
    if (error == 0 && s->save_failed)
        log_info("%s/" PEERS_FILE ": written again", s->dir);
    s->save_failed = error != 0;
}

static void save_start(struct store *s);

static void save_done(void *arg)
{
    struct save *save = arg;
    struct store *s = save->store;

    if (save->error != ECANCELED)
        say_once(s, save->error);
    s->saving = NULL;
    save_free(save);
    save_start(s);
}

/* Gives the worker what waits, unless it is at it or full; the next call tries again. */
static void save_start(struct store *s)
{
    if (s->saving != NULL || s->next == NULL)
        return;
    if (worker_submit(s->next->worker, save_run, save_done, s->next)) {
        s->saving = s->next;
        s->next = NULL;
    }
}

static struct save *save_new(struct store *s, struct worker *w)
{
    struct save *save = calloc(1, sizeof *save);

    if (save == NULL)
        return NULL;
    *save = (struct save){.store = s, .worker = w, .error = ECANCELED};
    save->dir_fd = fcntl(s->folder.dir_fd, F_DUPFD_CLOEXEC, 0);
    if (save->dir_fd < 0) {
        free(save);
        return NULL;
    }
    return save;
}

void store_save_peers(struct store *s, struct worker *w, const struct gossip_addr *peers,
                      size_t count)
{
    if (s->next == NULL)
        s->next = save_new(s, w);
    if (s->next == NULL) {
        say_once(s, errno);
        return;
    }
    s->next->peers_count = 0;
    for (size_t i = 0; i < count && s->next->peers_count < STORE_PEERS_MAX; i++) {
        if (peers[i].port != 0) /* an address without one could not be read again */
            s->next->peers[s->next->peers_count++] = peers[i];
    }
    save_start(s);
}
