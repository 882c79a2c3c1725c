/* directory: a directory that one agent at a time may use, created if it is missing. Errors are
 * text in `error` (ERROR_BYTES) that names the path and what would do. */
#ifndef MUSTER_BASE_DIRECTORY_H
#define MUSTER_BASE_DIRECTORY_H

#include <stdbool.h>
#include <sys/types.h>

/* Everybody may see what runs; what is remembered is for the agent's user alone. */
#define DIRECTORY_RUN_MODE 0755
#define DIRECTORY_STATE_MODE 0700

struct directory {
    const char *path; /* borrowed */
    int dir_fd, lock_fd;
};

/* Creates `path`, and its parents with mode 0755, unless they exist. False with errno. */
bool directory_make(const char *path, mode_t mode);

/* Opens and locks `path`; mode is for a new one, its parents get 0755. `option` is the command-line
 * option that chooses another, for the error's text. The kernel gives the lock up when the process
 * ends, however it ends. False with `error` filled, naming the other agent's pid where it has one.
 */
bool directory_open(struct directory *d, const char *path, mode_t mode, const char *option,
                    char *error);
/* Gives the lock up. Does nothing for one that is closed. */
void directory_close(struct directory *d);

/* False with `error` filled: another agent uses that directory. True also where the directory does
 * not exist yet or cannot be opened: directory_open says so then. */
bool directory_is_free(const char *path, const char *option, char *error);

/* A listening, non-blocking Unix socket in the directory, in place of what a dead agent left there.
 * group -1: the process's own. -1 with `error` filled. */
int directory_listen(const struct directory *d, const char *name, mode_t mode, gid_t group,
                     char *error);

#endif
