#include "agent/state/store.h"

#include "agent/base/address.h"
#include "agent/base/clock.h"
#include "agent/base/directory.h"
#include "agent/base/file.h"
#include "agent/base/log.h"
#include "agent/state/machine.h"
#include "agent/state/statefile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define FORMAT_VERSION 1
#define IDENTITY_FILE "identity"
#define IDENTITY_HEADING "muster-state"
#define MACHINE_FILE "machine"
#define MACHINE_HEADING "muster-machine"
#define PEERS_FILE "peers"
#define PEERS_HEADING "muster-peers"
#define LEASES_FILE "leases"
#define LEASES_HEADING "muster-leases"

#define NAME_BYTES (GOSSIP_NAME_BYTES_MAX + 1)
#define ID_TEXT_BYTES (2 * GOSSIP_ID_BYTES + 1)
#define PEER_LINE_BYTES_MAX (sizeof "peer \n" + ADDRESS_TEXT_BYTES)

/* A voter is a line of "voter NAME". */
_Static_assert(
    LEASE_CONFIGURATIONS_MAX *(LEASE_VOTERS_MAX *(sizeof "voter \n" + GOSSIP_NAME_BYTES_MAX) + 64) +
            128 <=
        STATEFILE_BYTES_MAX,
    "all lists fit");
_Static_assert(STORE_PEERS_MAX *PEER_LINE_BYTES_MAX + 64 <= STATEFILE_BYTES_MAX, "all peers fit");

struct store {
    char *dir;
    struct directory directory;
    struct file_writer *peers, *leases;
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
    statefile_add_sum(f);
}

static void machine_write(const struct machine *machine, struct statefile *f)
{
    f->len = 0;
    statefile_add(f, MACHINE_HEADING " %d\nid %016" PRIx64 "\nboard %016" PRIx64 "\n",
                  FORMAT_VERSION, machine->id, machine->board);
    statefile_add_sum(f);
}

static void peers_write(const struct gossip_addr *peers, size_t count, struct statefile *f)
{
    char addr[ADDRESS_TEXT_BYTES];
    f->len = 0;
    statefile_add(f, PEERS_HEADING " %d\n", FORMAT_VERSION);
    for (size_t i = 0; i < count; i++)
        statefile_add(f, "peer %s\n", address_text(peers[i].ip, peers[i].port, addr));
    statefile_add_sum(f);
}

static void leases_write(const struct store_leases *leases, struct statefile *f)
{
    f->len = 0;
    statefile_add(f, LEASES_HEADING " %d\nlongest_ms %" PRIu32 "\nepochs %" PRIu64 "\n",
                  FORMAT_VERSION, leases->longest_ms, leases->epochs);
    for (unsigned i = 0; i < leases->voters.count; i++) {
        const struct voters_configuration *list = &leases->voters.configurations[i];
        statefile_add(f, "voters %" PRIu32 " %s\n", list->version,
                      leases->voters.joining ? "waits" : "in-force");
        for (unsigned j = 0; j < list->count; j++)
            statefile_add(f, "voter %s\n", list->names[j]);
    }
    statefile_add_sum(f);
}

static bool identity_parse(const struct statefile *f, void *into)
{
    struct store_identity *identity = into;
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

static bool machine_parse(const struct statefile *f, void *into)
{
    struct machine *machine = into;
    struct statefile again;
    if (sscanf(f->bytes, MACHINE_HEADING " %*u id %" SCNx64 " board %" SCNx64, &machine->id,
               &machine->board) != 2)
        return false;
    machine_write(machine, &again);
    return statefile_same(f, &again);
}

struct store_peers {
    struct gossip_addr *addrs; /* STORE_PEERS_MAX */
    size_t count;
};

static bool peers_parse(const struct statefile *f, void *into)
{
    struct store_peers *peers = into;
    struct statefile again;
    char text[ADDRESS_TEXT_BYTES];
    const char *line = strchr(f->bytes, '\n');
    for (peers->count = 0; line && peers->count < STORE_PEERS_MAX; peers->count++) {
        struct gossip_addr *addr = &peers->addrs[peers->count];
        *addr = (struct gossip_addr){0};
        if (sscanf(line, "\npeer %55s", text) != 1 || !address_parse(text, addr->ip, &addr->port))
            break;
        line = strchr(line + 1, '\n');
    }
    peers_write(peers->addrs, peers->count, &again);
    return statefile_same(f, &again);
}

/* The names that follow a "voters" line; *line moves behind the last. */
static unsigned leases_parse_names(const char **line, char names[LEASE_VOTERS_MAX][NAME_BYTES])
{
    unsigned count = 0;
    while (*line && count < LEASE_VOTERS_MAX &&
           strncmp(*line, "\nvoter ", strlen("\nvoter ")) == 0 &&
           sscanf(*line, "\nvoter %128s", names[count]) == 1) {
        count++;
        *line = strchr(*line + 1, '\n');
    }
    return count;
}

static bool leases_parse_list(const char **line, struct voters *voters)
{
    char names[LEASE_VOTERS_MAX][NAME_BYTES], how[16];
    const char *pointers[LEASE_VOTERS_MAX];
    uint32_t version;
    if (sscanf(*line, "\nvoters %" SCNu32 " %15s", &version, how) != 2)
        return false;
    *line = strchr(*line + 1, '\n');
    unsigned count = leases_parse_names(line, names);
    for (unsigned i = 0; i < count; i++)
        pointers[i] = names[i];
    return voters_restore(voters, version, strcmp(how, "waits") == 0, pointers, count);
}

static bool leases_parse(const struct statefile *f, void *into)
{
    struct store_leases *leases = into;
    struct statefile again;
    const char *line = strstr(f->bytes, "\nepochs ");
    *leases = (struct store_leases){0};
    if (!line || sscanf(f->bytes, LEASES_HEADING " %*u longest_ms %" SCNu32 " epochs %" SCNu64,
                        &leases->longest_ms, &leases->epochs) != 2)
        return false;
    line = strchr(line + 1, '\n');
    while (line && leases_parse_list(&line, &leases->voters))
        continue;
    leases_write(leases, &again);
    return statefile_same(f, &again);
}

/* ---- opening ---- */

struct store *store_open(const char *state_dir, char *error)
{
    struct store *s = calloc(1, sizeof *s);
    char *dir = strdup(state_dir);
    if (!s || !dir) {
        error_set(error, "%s: out of memory", state_dir);
        free(s);
        free(dir);
        return NULL;
    }
    s->dir = dir;
    if (!directory_open(&s->directory, dir, DIRECTORY_STATE_MODE, "-s", error)) {
        store_free(s);
        return NULL;
    }
    int fd = s->directory.dir_fd;
    s->peers = file_writer_new(dir, fd, PEERS_FILE, "a restart may not find the others by itself");
    s->leases = file_writer_new(dir, fd, LEASES_FILE,
                                "leases are as long as they were, and voters do not change");
    if (s->peers && s->leases)
        return s;
    error_set(error, "%s: %s", dir, strerror(errno));
    store_free(s);
    return NULL;
}

void store_free(struct store *s)
{
    if (!s)
        return;
    file_writer_free(s->peers);
    file_writer_free(s->leases);
    directory_close(&s->directory);
    free(s->dir);
    free(s);
}

/* ---- reading ---- */

/* UNREADABLE: also what cannot be used, and cannot be set aside. */
enum store_found { STORE_MISSING, STORE_FOUND, STORE_SET_ASIDE, STORE_UNREADABLE };

/* What is wrong with a file that could not be parsed. */
static const char *store_diagnose(const struct statefile *f, const char *heading)
{
    size_t bytes = strlen(heading);
    bool ours = strncmp(f->bytes, heading, bytes) == 0 && f->bytes[bytes] == ' ';
    if (ours && strtoul(f->bytes + bytes + 1, NULL, 10) > FORMAT_VERSION)
        return "written by a later version";
    return "damaged";
}

/* Reads a file into what `parse` fills. UNREADABLE with `error` filled: whatever is there stays, as
 * only a file that is known to be missing may be taken for none. */
static enum store_found store_read(const struct store *s, const char *name, const char *heading,
                                   bool (*parse)(const struct statefile *f, void *into), void *into,
                                   char *error)
{
    struct statefile f;
    int fd = s->directory.dir_fd;
    if (!file_read(fd, name, f.bytes, sizeof f.bytes, &f.len) && errno != EFBIG) {
        if (errno == ENOENT)
            return STORE_MISSING;
        error_set(error, "%s/%s: cannot be read: %s; let the agent's user read it", s->dir, name,
                  strerror(errno));
        return STORE_UNREADABLE;
    }
    if (parse(&f, into))
        return STORE_FOUND;
    const char *why = store_diagnose(&f, heading);
    if (file_set_aside(fd, name)) {
        log_warn("%s/%s: %s; set aside as %s.bad", s->dir, name, why, name);
        return STORE_SET_ASIDE;
    }
    error_set(error, "%s/%s: %s, and cannot be set aside: %s; move it to %s.bad", s->dir, name, why,
              strerror(errno), name);
    return STORE_UNREADABLE;
}

static bool store_write(const struct store *s, const char *name, const struct statefile *f,
                        char *error)
{
    return file_replace(s->directory.dir_fd, name, f->bytes, f->len) ||
           error_set(error,
                     "%s/%s: cannot be written: %s; make room and let the agent's user write "
                     "there, or choose another directory with -s",
                     s->dir, name, strerror(errno));
}

bool store_forget_identity(struct store *s)
{
    return file_set_aside(s->directory.dir_fd, IDENTITY_FILE);
}

static bool store_part_with(struct store *s, char *error)
{
    if (store_forget_identity(s)) {
        log_warn("%s: its identity is of another machine: this disk is a copy; this machine gets "
                 "an identity of its own, and the other is kept as " IDENTITY_FILE ".bad",
                 s->dir);
        return true;
    }
    return errno == ENOENT || error_set(error,
                                        "%s/" IDENTITY_FILE
                                        ": of another machine, and cannot be set aside: %s; remove "
                                        "it",
                                        s->dir, strerror(errno));
}

bool store_tie(struct store *s, const struct machine *here, char *error)
{
    struct machine tied = {0};
    struct statefile f;
    enum store_found found =
        store_read(s, MACHINE_FILE, MACHINE_HEADING, machine_parse, &tied, error);
    if (found == STORE_UNREADABLE)
        return false;
    if (found != STORE_FOUND)
        tied = (struct machine){0};
    bool differs = machine_differs(&tied, here);
    if (differs && !store_part_with(s, error))
        return false;
    struct machine now = {here->id, here->board};
    if (!differs) { /* what is not known now may be known again */
        now.id = here->id != 0 ? here->id : tied.id;
        now.board = here->board != 0 ? here->board : tied.board;
    }
    if (now.id == tied.id && now.board == tied.board)
        return true;
    machine_write(&now, &f);
    return store_write(s, MACHINE_FILE, &f, error);
}

bool store_identity(struct store *s, struct store_identity *identity, char *error)
{
    struct statefile f;
    uint64_t last = 0;
    switch (store_read(s, IDENTITY_FILE, IDENTITY_HEADING, identity_parse, identity, error)) {
    case STORE_UNREADABLE:
        return false;
    case STORE_FOUND:
        last = identity->generation;
        break;
    case STORE_MISSING:
    case STORE_SET_ASIDE:
        if (getrandom(identity->id, GOSSIP_ID_BYTES, 0) != GOSSIP_ID_BYTES)
            return error_set(error, "%s: no random bytes for an identity: %s", s->dir,
                             strerror(errno));
    }
    int64_t now_us = clock_us(CLOCK_REALTIME);
    uint64_t now_ms = now_us < 0 ? 0 : (uint64_t)now_us / 1000;
    identity->generation = last < now_ms ? now_ms : last + 1;
    identity_write(identity, &f);
    return store_write(s, IDENTITY_FILE, &f, error);
}

size_t store_peers(struct store *s, struct gossip_addr *peers)
{
    struct store_peers found = {.addrs = peers};
    char error[ERROR_BYTES];
    switch (store_read(s, PEERS_FILE, PEERS_HEADING, peers_parse, &found, error)) {
    case STORE_FOUND:
        return found.count;
    case STORE_UNREADABLE: /* the next list must not replace it: a person may want it */
        log_warn("%s", error);
        file_set_aside(s->directory.dir_fd, PEERS_FILE);
        break;
    case STORE_MISSING:
    case STORE_SET_ASIDE:
        break;
    }
    return 0;
}

bool store_leases(struct store *s, struct store_leases *leases, char *error)
{
    bool forgotten = false;
    switch (store_read(s, LEASES_FILE, LEASES_HEADING, leases_parse, leases, error)) {
    case STORE_FOUND:
        return true;
    case STORE_UNREADABLE:
        return false;
    case STORE_MISSING: /* an agent may have ended between setting a file aside and the next write
                         */
        forgotten = file_was_set_aside(s->directory.dir_fd, LEASES_FILE);
        break;
    case STORE_SET_ASIDE:
        forgotten = true;
        break;
    }
    *leases = (struct store_leases){.longest_ms = forgotten ? LEASE_LENGTH_MS_MAX : 0};
    return true;
}

/* ---- writing ---- */

bool store_write_leases(struct store *s, const struct store_leases *leases, char *error)
{
    struct statefile f;
    leases_write(leases, &f);
    return store_write(s, LEASES_FILE, &f, error);
}

void store_save_peers(struct store *s, struct worker *w, const struct gossip_addr *peers,
                      size_t count)
{
    struct gossip_addr kept[STORE_PEERS_MAX];
    struct statefile f;
    size_t kept_count = 0;
    for (size_t i = 0; i < count && kept_count < STORE_PEERS_MAX; i++)
        if (peers[i].port != 0) /* an address without one could not be read again */
            kept[kept_count++] = peers[i];
    peers_write(kept, kept_count, &f);
    file_writer_write(s->peers, w, f.bytes, f.len, NULL, NULL);
}

bool store_save_leases(struct store *s, struct worker *w, const struct store_leases *leases,
                       file_writer_done_fn *done, void *arg)
{
    struct statefile f;
    leases_write(leases, &f);
    return file_writer_write(s->leases, w, f.bytes, f.len, done, arg);
}
