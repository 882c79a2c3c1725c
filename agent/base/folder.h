/* folder: a folder that one agent at a time may use, made if it is missing. */
#ifndef MUSTER_FOLDER_H
#define MUSTER_FOLDER_H

#include <stdbool.h>
#include <sys/types.h>

#define FOLDER_ERROR_BYTES 512
/* Everybody may look at what runs; what is remembered is nobody else's. */
#define FOLDER_RUN_MODE 0755
#define FOLDER_STATE_MODE 0700

struct folder {
    const char *path; /* borrowed */
    int dir_fd, lock_fd;
};

/* Makes it, and its parents with 0755, unless it is there. False with errno. */
bool folder_make(const char *path, mode_t mode);

/* Opens and locks `path`; mode is for a new one, its parents get 0755. `option` is the command-line
 * option that chooses another, for the error text. The lock goes with the process, however it ends.
 * False with `error` filled, naming the path, the other agent's pid, and what would do. */
bool folder_open(struct folder *f, const char *path, mode_t mode, const char *option, char *error);
void folder_close(struct folder *f);

/* False with `error` filled: another agent uses that folder. Says nothing for what is not there yet
 * or cannot be looked at. */
bool folder_is_free(const char *path, const char *option, char *error);

/* A listening, non-blocking Unix socket in the folder, in place of whatever a dead agent left. mode
 * for the socket, group -1 for the process's own. -1 with `error` filled. */
int folder_listen(const struct folder *f, const char *name, mode_t mode, gid_t group, char *error);

#endif
