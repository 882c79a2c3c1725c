/* privilege: the agent, once the steward has what needs rights, becomes an ordinary user. */
#ifndef MUSTER_AGENT_PRIVILEGE_H
#define MUSTER_AGENT_PRIVILEGE_H

#include "agent/config/config.h"

#include <stdbool.h>

#define PRIVILEGE_ERROR_BYTES 512

/* Becomes config->account, and of control's group too, for good, and never again more than that
 * (PR_SET_NO_NEW_PRIVS); the run and the state folder become its own. Without an account nothing
 * changes, and all is well. Before there is any thread. False with `error` filled. */
bool privilege_drop(const struct config *config, char *error);

/* Hands a folder over, made if it is missing, with the files that agents keep in it. One that is
 * not root's, or that holds anything else, stays as it is: it was not made for this. False with
 * errno: it could not be made, or handed over. */
bool privilege_give(const char *path, mode_t mode, uid_t uid, gid_t gid);

#endif
