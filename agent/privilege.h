/* privilege: the agent, once the steward has what needs rights, becomes an ordinary user. */
#ifndef MUSTER_AGENT_PRIVILEGE_H
#define MUSTER_AGENT_PRIVILEGE_H

#include "agent/base/error.h"
#include "agent/config/config.h"

#include <stdbool.h>

/* Becomes config->account, in control's group too, for good: PR_SET_NO_NEW_PRIVS rules out more
 * rights later. The run and state directories become that user's. Without an account nothing
 * changes, and all is well. To be called before there is any thread. False with `error` filled. */
bool privilege_drop(const struct config *config, char *error);

/* Hands a directory over, with the files that agents keep in it; makes it if it is missing. A
 * directory that is not root's, or that holds anything else, was not made for this and stays as it
 * is. False with errno: it could not be made, or handed over. */
bool privilege_give(const char *path, mode_t mode, uid_t uid, gid_t gid);

#endif
