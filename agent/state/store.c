#include "agent/state/store.h"

#include "agent/base/address.h"
#include "agent/base/directory.h"
#include "agent/base/log.h"
#include "agent/config/config.h"

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
#define LEASES_FILE "leases"
#define LEASES_HEADING "muster-leases"

#define NAME_BYTES (GOSSIP_NAME_BYTES_MAX + 1)
#define ID_TEXT_BYTES (2 * GOSSIP_ID_BYTES + 1)
#define PEER_LINE_BYTES_MAX (sizeof "peer \n" + ADDRESS_TEXT_BYTES)

/* A voter is a line of "voter NAME". */
_Static_assert(
    LEASE_LISTS_MAX *(LEASE_VOTERS_MAX *(sizeof "voter \n" + GOSSIP_NAME_BYTES_MAX) + 64) + 128 <=
        STATEFILE_BYTES_MAX,
    "all lists fit");
_Static_assert(STORE_PEERS_MAX *PEER_LINE_BYTES_MAX + 64 <= STATEFILE_BYTES_MAX, "all peers fit");

struct store {
    char *dir;
    struct directory directory;
    struct saver *peers, *leases;
};

/* ---- the files' text ---- */

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
    char addr[ADDRESS_TEXT_BYTES];

    f->len = 0;
    statefile_add(f, PEERS_HEADING " %d\n", FORMAT_VERSION);
    for (size_t i = 0; i < count; i++)
        statefile_add(f, "peer %s\n", address_text(peers[i].ip, peers[i].port, addr));
    statefile_seal(f);
}

static void leases_write(const struct store_leases *leases, struct statefile *f)
{
    f->len = 0;
    statefile_add(f, LEASES_HEADING " %d\nlongest_ms %" PRIu32 "\nepochs %" PRIu64 "\n",
                  FORMAT_VERSION, leases->longest_ms, leases->epochs);
    for (unsigned i = 0; i < leases->voters.count; i++) {
        const struct voters_list *list = &leases->voters.lists[i];
        statefile_add(f, "voters %" PRIu32 " %s\n", list->version,
                      leases->voters.waits ? "waits" : "in-force");
        for (unsigned j = 0; j < list->count; j++)
            statefile_add(f, "voter %s\n", list->names[j]);
    }
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
    char addr[ADDRESS_TEXT_BYTES];
    const char *line = strchr(f->bytes, '\n');

    for (*count = 0; line != NULL && *count < STORE_PEERS_MAX; ++*count) {
        peers[*count] = (struct gossip_addr){0};
        if (sscanf(line, "\npeer %55s", addr) != 1 ||
            !address_parse(addr, peers[*count].ip, &peers[*count].port))
            break;
        line = strchr(line + 1, '\n');
    }
    peers_write(peers, *count, &again);
    return statefile_same(f, &again);
}

/* The names that follow a "voters" line; *line moves behind the last. */
static unsigned voters_parse(const char **line, char names[LEASE_VOTERS_MAX][NAME_BYTES])
{
    unsigned count = 0;

    while (*line != NULL && count < LEASE_VOTERS_MAX &&
           strncmp(*line, "\nvoter ", strlen("\nvoter ")) == 0 &&
           sscanf(*line, "\nvoter %128s", names[count]) == 1) {
        count++;
        *line = strchr(*line + 1, '\n');
    }
    return count;
}

static bool list_parse(const char **line, struct voters *voters)
{
    char names[LEASE_VOTERS_MAX][NAME_BYTES], how[16];
    const char *pointers[LEASE_VOTERS_MAX];
    uint32_t version;

    if (sscanf(*line, "\nvoters %" SCNu32 " %15s", &version, how) != 2)
        return false;
    *line = strchr(*line + 1, '\n');
    unsigned count = voters_parse(line, names);
    for (unsigned i = 0; i < count; i++)
        pointers[i] = names[i];
    return voters_restore(voters, version, strcmp(how, "waits") == 0, pointers, count);
}

static bool leases_parse(const struct statefile *f, struct store_leases *leases)
{
    struct statefile again;
    const char *line = strstr(f->bytes, "\nepochs ");

    *leases = (struct store_leases){0};
    if (line == NULL ||
        sscanf(f->bytes, LEASES_HEADING " %*u longest_ms %" SCNu32 " epochs %" SCNu64,
               &leases->longest_ms, &leases->epochs) != 2)
        return false;
    line = strchr(line + 1, '\n');
    while (line != NULL && list_parse(&line, &leases->voters))
        continue;
    leases_write(leases, &again);
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
    if (!directory_open(&s->directory, dir, DIRECTORY_STATE_MODE, "-s", error)) {
        store_free(s);
        return NULL;
    }
    s->peers = saver_new(dir, s->directory.dir_fd, PEERS_FILE,
                         "a restart may not find the others by itself");
    s->leases = saver_new(dir, s->directory.dir_fd, LEASES_FILE,
                          "leases are as long as they were, and voters do not change");
    if (s->peers != NULL && s->leases != NULL)
        return s;
    fail(error, "%s: %s", dir, strerror(errno));
    store_free(s);
    return NULL;
}

void store_free(struct store *s)
{
    if (s == NULL)
        return;
    saver_free(s->peers);
    saver_free(s->leases);
    directory_close(&s->directory);
    free(s->dir);
    free(s);
}

/* ---- reading ---- */

enum found { MISSING, UNREADABLE, FOUND };

/* UNREADABLE: errno says why. Where something lies that is no file of ours, FOUND with no text. */
static enum found find(const struct store *s, const char *name, struct statefile *f)
{
    if (statefile_read(s->directory.dir_fd, name, f) || errno == EFBIG)
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
    if (!statefile_set_aside(s->directory.dir_fd, name))
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
    if (statefile_write(s->directory.dir_fd, IDENTITY_FILE, &f))
        return true;
    fail(error,
         "%s/" IDENTITY_FILE ": cannot be written: %s; make room and let the agent's user write "
         "there, or choose another directory with -s",
         s->dir, strerror(errno));
    return false;
}

/* FOUND: its text; a file that then cannot be parsed is for drop. */
static bool find_or_warn(const struct store *s, const char *name, struct statefile *f)
{
    enum found found = find(s, name, f);

    if (found == UNREADABLE)
        log_warn("%s/%s: cannot be read: %s", s->dir, name, strerror(errno));
    return found == FOUND;
}

static void drop(const struct store *s, const char *name, const struct statefile *f,
                 const char *heading)
{
    const char *why = diagnose(f, heading);

    if (!set_aside(s, name, why))
        log_warn("%s/%s: %s, and cannot be set aside: %s", s->dir, name, why, strerror(errno));
}

size_t store_peers(struct store *s, struct gossip_addr *peers)
{
    struct statefile f;
    size_t count;

    if (!find_or_warn(s, PEERS_FILE, &f))
        return 0;
    if (peers_parse(&f, peers, &count))
        return count;
    drop(s, PEERS_FILE, &f, PEERS_HEADING);
    return 0;
}

void store_leases(struct store *s, struct store_leases *leases)
{
    struct statefile f;

    *leases = (struct store_leases){0};
    if (!find_or_warn(s, LEASES_FILE, &f) || leases_parse(&f, leases))
        return;
    *leases = (struct store_leases){.longest_ms = LEASE_LENGTH_MS_MAX};
    drop(s, LEASES_FILE, &f, LEASES_HEADING);
}

bool store_write_leases(struct store *s, const struct store_leases *leases, char *error)
{
    struct statefile f;

    leases_write(leases, &f);
    if (statefile_write(s->directory.dir_fd, LEASES_FILE, &f))
        return true;
    fail(error,
         "%s/" LEASES_FILE ": cannot be written: %s; make room and let the agent's user "
         "write there, or choose another directory with -s",
         s->dir, strerror(errno));
    return false;
}

/* ---- saving ---- */

void store_save_peers(struct store *s, struct worker *w, const struct gossip_addr *peers,
                      size_t count)
{
    struct gossip_addr kept[STORE_PEERS_MAX];
    struct statefile f;
    size_t kept_count = 0;

    for (size_t i = 0; i < count && kept_count < STORE_PEERS_MAX; i++) {
        if (peers[i].port != 0) /* an address without one could not be read again */
            kept[kept_count++] = peers[i];
    }
    peers_write(kept, kept_count, &f);
    saver_save(s->peers, w, &f, NULL, NULL);
}

bool store_save_leases(struct store *s, struct worker *w, const struct store_leases *leases,
                       saver_done_fn *done, void *arg)
{
    struct statefile f;

    leases_write(leases, &f);
    return saver_save(s->leases, w, &f, done, arg);
}
