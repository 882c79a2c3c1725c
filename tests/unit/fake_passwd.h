/* fake_passwd: a name service that fails when the test says so. Include in one file of a test. */
#ifndef MUSTER_FAKE_PASSWD_H
#define MUSTER_FAKE_PASSWD_H

#include <dlfcn.h>
#include <pwd.h>
#include <stddef.h>
#include <string.h>

static int passwd_fails; /* what getpwnam_r returns; 0: the C library answers */

int getpwnam_r(const char *name, struct passwd *into, char *strings, size_t bytes,
               struct passwd **found)
{
    int (*real)(const char *, struct passwd *, char *, size_t, struct passwd **);
    void *symbol = dlsym(RTLD_NEXT, "getpwnam_r");

    *found = NULL;
    if (passwd_fails != 0)
        return passwd_fails;
    memcpy(&real, &symbol, sizeof real);
    return real(name, into, strings, bytes, found);
}

#endif
