/* config_fixture: a configuration file that each test writes, in a folder of its own. */
#ifndef MUSTER_CONFIG_FIXTURE_H
#define MUSTER_CONFIG_FIXTURE_H

#include "agent/config/config.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define HANDLER "handler \"h\" { on = {\"member-join\"} run = \"/bin/true\" "

static char dir[32]; /* where the tests stand */
static char error[ERROR_BYTES];
static struct config_options options;

static inline void setup(void)
{
    snprintf(dir, sizeof dir, "/tmp/muster-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(chdir(dir), 0);
    options = (struct config_options){.file = "muster.conf"};
}

static inline void teardown(void)
{
    unlink("muster.conf");
    ck_assert_int_eq(chdir("/"), 0);
    rmdir(dir);
}

static inline void write_bytes(const char *text, size_t len)
{
    FILE *f = fopen("muster.conf", "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(text, 1, len, f), len);
    fclose(f);
}

static inline struct config *load(const char *text)
{
    write_bytes(text, strlen(text));
    return config_load(&options, error);
}

static inline struct config *must_load(const char *text)
{
    struct config *c = load(text);
    ck_assert_msg(c, "%s", error);
    return c;
}

static inline void assert_refused(const char *text, const char *expected)
{
    struct config *c = load(text);
    ck_assert_msg(!c, "taken: %s", text);
    ck_assert_str_eq(error, expected);
}

/* What is refused must begin like this, and somewhere hold `part`. */
static inline void assert_refused_like(const char *text, const char *begin, const char *part)
{
    struct config *c = load(text);
    ck_assert_msg(!c, "taken: %s", text);
    ck_assert_msg(strncmp(error, begin, strlen(begin)) == 0 && strstr(error, part),
                  "not \"%s\" and \"%s\": %s", begin, part, error);
}

#endif
