/* Whom the agent becomes, by its configuration, and the folders that it is handed. */
#include "agent/privilege.h"
#include "tests/unit/config_fixture.h"
#include "tests/unit/fake_passwd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>

#define STRANGER 12345

static bool listing_fails;

/* In place of the C library's: a disk that breaks. */
struct dirent *readdir(DIR *of)
{
    static struct dirent *(*real)(DIR *);
    void *symbol = dlsym(RTLD_NEXT, "readdir");

    memcpy(&real, &symbol, sizeof real);
    if (!listing_fails)
        return real(of);
    errno = EIO;
    return NULL;
}

/* ---- whom ---- */

/* An ordinary user's view, for the rest of a test (each has a process of its own). */
static void become_nobody(void)
{
    const struct passwd *nobody = getpwnam("nobody");
    ck_assert_ptr_nonnull(nobody);
    ck_assert_int_eq(chown(dir, nobody->pw_uid, nobody->pw_gid), 0);
    ck_assert_int_eq(seteuid(nobody->pw_uid), 0);
}

START_TEST(root_may_name_anybody)
{
    if (geteuid() != 0)
        return;
    struct config *c = must_load("user = nobody");
    ck_assert_str_eq(c->user, "nobody");
    ck_assert_uint_eq(c->account->uid, getpwnam("nobody")->pw_uid);
    config_free(c);
    assert_refused("\nuser = \"no one\"", "muster.conf:2: user \"no one\": no such user on this "
                                          "host; make it, or use another, such as \"nobody\"");
}
END_TEST

START_TEST(without_user_the_default_is_taken_where_there_is_one)
{
    struct config *c = must_load("");
    bool expected = geteuid() == 0 && getpwnam(CONFIG_DEFAULT_USER);
    ck_assert_int_eq(c->account != NULL, expected);
    ck_assert_int_eq(c->user != NULL, expected);
    config_free(c);
}
END_TEST

START_TEST(default_user_that_cannot_be_looked_up_is_not_taken_for_a_missing_one)
{
    options.check = true;
    passwd_fails = EIO;
    assert_refused("", "muster.conf: user \"muster\": cannot be looked up: Input/output error; "
                       "name another user, or keep the user with -k");
    assert_refused("user = nobody",
                   "muster.conf:1: user \"nobody\": cannot be looked up: Input/output error");
    options.keep_user = true;
    config_free(must_load(""));
    passwd_fails = 0;
}
END_TEST

START_TEST(option_k_keeps_the_user_against_the_file)
{
    options.keep_user = true;
    struct config *c = must_load("user = nobody");
    ck_assert_ptr_null(c->user);
    ck_assert_ptr_null(c->account);
    config_free(c);
}
END_TEST

START_TEST(ordinary_user_cannot_switch_user)
{
    if (geteuid() != 0)
        return;
    become_nobody();
    assert_refused("\nuser = daemon", "muster.conf:2: user \"daemon\": only root can switch user; "
                                      "start musterd as root, or keep the user with -k");
    struct config *c = must_load("user = nobody");
    ck_assert_str_eq(c->user, "nobody");
    config_free(c);
    ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

START_TEST(agent_without_rights_reads_what_the_steward_judges)
{
    if (geteuid() != 0)
        return;
    options.divided = true;
    become_nobody();
    config_free(must_load("user = daemon\n"
                          "handler \"h\" { on = {\"member-join\"} run = \"/root/none.sh\" }"));
    assert_refused_like("handler \"h\" { on = {\"member-join\"} run = \"none.sh\" }",
                        "muster.conf:1: handler \"h\": run \"none.sh\": ", "not an absolute path");
    ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

/* ---- what an ordinary user's -t says of root's file ---- */

/* A script of root's in the folder of the test. */
static void make_script(const char *name, mode_t mode)
{
    FILE *f = fopen(name, "w");
    ck_assert_ptr_nonnull(f);
    fclose(f);
    ck_assert_int_eq(chmod(name, mode), 0);
}

/* Nobody checks what root has written. Each file is that of a handler. */
static void check_as_nobody(void)
{
    options.check = true;
    write_bytes("", 0);
    ck_assert_int_eq(chmod("muster.conf", 0666), 0);
    ck_assert_int_eq(chmod(dir, 0755), 0);
    ck_assert_int_eq(seteuid(getpwnam("nobody")->pw_uid), 0);
}

static const char *handler_of(const char *script, const char *more)
{
    static char text[256];
    snprintf(text, sizeof text, "handler h { on = {\"member-join\"} run = \"%s/%s\" %s }", dir,
             script, more);
    return text;
}

static char *printed(const struct config *c)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    config_print(c, out);
    fclose(out);
    return text;
}

static void remove_scripts(void)
{
    ck_assert_int_eq(seteuid(0), 0);
    unlink("page.sh");
    unlink("closed/page.sh");
    rmdir("closed");
}

START_TEST(check_takes_users_that_only_root_can_become)
{
    if (geteuid() != 0)
        return;
    check_as_nobody();
    struct config *c = must_load("user = daemon");
    ck_assert_str_eq(c->user, "daemon");
    config_free(c);
    options.check = false; /* a start is refused all the same */
    assert_refused_like("user = daemon", "muster.conf:1: user \"daemon\": only root can", "");
    ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

START_TEST(check_says_the_same_to_root_and_to_others)
{
    if (geteuid() != 0)
        return;
    make_script("page.sh", 0700);
    const char *text = handler_of("page.sh", "user = daemon");
    options.check = true;
    struct config *c = must_load(text);
    char *to_root = printed(c);
    config_free(c);
    check_as_nobody();
    c = must_load(text);
    char *to_nobody = printed(c);
    config_free(c);
    ck_assert_str_eq(to_root, to_nobody);
    free(to_root);
    free(to_nobody);
    remove_scripts();
}
END_TEST

START_TEST(check_refuses_what_root_would_refuse)
{
    if (geteuid() != 0)
        return;
    make_script("page.sh", 0757);
    check_as_nobody();
    assert_refused_like(handler_of("page.sh", "user = daemon"),
                        "muster.conf:1: handler \"h\": run \"", "others could change what is run");
    struct config *c = must_load(handler_of("page.sh", "")); /* fine if nobody starts it */
    ck_assert_ptr_nonnull(strstr(c->notes, "root would not run it"));
    config_free(c);
    ck_assert_int_eq(seteuid(0), 0);
    make_script("page.sh", 0644);
    ck_assert_int_eq(seteuid(getpwnam("nobody")->pw_uid), 0);
    assert_refused_like(handler_of("page.sh", ""), "muster.conf:1: ", "not executable");
    remove_scripts();
}
END_TEST

START_TEST(check_notes_what_only_root_can_look_at)
{
    if (geteuid() != 0)
        return;
    ck_assert_int_eq(mkdir("closed", 0700), 0);
    make_script("closed/page.sh", 0755);
    check_as_nobody();
    struct config *c = must_load(handler_of("closed/page.sh", "user = daemon"));
    char *text = printed(c);
    ck_assert_ptr_nonnull(strstr(text, "\nwarning = muster.conf:1: handler \"h\": run \"/"));
    ck_assert_ptr_nonnull(strstr(text, "/page.sh\": only root can look at it"));
    free(text);
    config_free(c);
    options.keep_user = true; /* nobody is to start it */
    assert_refused_like(handler_of("closed/page.sh", ""), "muster.conf:1: ", "Permission denied");
    remove_scripts();
}
END_TEST

/* ---- the folders ---- */

static void make_file(const char *path)
{
    int fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static uid_t owner_of(const char *path)
{
    struct stat st;
    ck_assert_int_eq(lstat(path, &st), 0);
    return st.st_uid;
}

static void give(const char *path)
{
    ck_assert(privilege_give(path, 0700, STRANGER, STRANGER));
}

START_TEST(folder_is_made_and_handed_over_with_its_files)
{
    struct stat st;
    if (geteuid() != 0)
        return;
    give("up/state");
    ck_assert_int_eq(stat("up/state", &st), 0);
    ck_assert_uint_eq(st.st_uid, STRANGER);
    ck_assert_uint_eq(st.st_mode & 07777, 0700);
    ck_assert_uint_eq(owner_of("up"), 0);
    make_file("up/state/identity");
    make_file("up/state/peers.new");
    give("up/state");
    ck_assert_uint_eq(owner_of("up/state/identity"), STRANGER);
    ck_assert_uint_eq(owner_of("up/state/peers.new"), STRANGER);
    unlink("up/state/identity");
    unlink("up/state/peers.new");
    rmdir("up/state");
    rmdir("up");
}
END_TEST

START_TEST(folder_that_holds_anything_else_is_left_alone)
{
    if (geteuid() != 0)
        return;
    mkdir("etc", 0755);
    make_file("etc/identity");
    make_file("etc/peers-of-the-realm");
    give("etc");
    ck_assert_uint_eq(owner_of("etc"), 0);
    ck_assert_uint_eq(owner_of("etc/identity"), 0);
    unlink("etc/identity");
    unlink("etc/peers-of-the-realm");
    rmdir("etc");
}
END_TEST

/* A disk that breaks at the first entry must not look like an empty directory. */
START_TEST(folder_that_cannot_be_listed_is_left_alone)
{
    if (geteuid() != 0)
        return;
    mkdir("etc", 0755);
    make_file("etc/peers-of-the-realm");
    listing_fails = true;
    bool given = privilege_give("etc", 0700, STRANGER, STRANGER);
    int reason = errno;
    listing_fails = false;
    ck_assert_uint_eq(owner_of("etc"), 0);
    ck_assert(!given);
    ck_assert_int_eq(reason, EIO);
    unlink("etc/peers-of-the-realm");
    rmdir("etc");
}
END_TEST

START_TEST(folder_of_another_user_is_left_alone)
{
    if (geteuid() != 0)
        return;
    mkdir("other", 0755);
    make_file("other/lock");
    ck_assert_int_eq(chown("other", STRANGER + 1, STRANGER + 1), 0);
    give("other");
    ck_assert_uint_eq(owner_of("other"), STRANGER + 1);
    ck_assert_uint_eq(owner_of("other/lock"), 0);
    unlink("other/lock");
    rmdir("other");
}
END_TEST

START_TEST(links_lead_to_nothing_that_is_handed_over)
{
    if (geteuid() != 0)
        return;
    make_file("precious");
    mkdir("state", 0700);
    ck_assert_int_eq(symlink("../precious", "state/identity"), 0);
    ck_assert_int_eq(link("precious", "state/peers"), 0);
    give("state");
    ck_assert_uint_eq(owner_of("state"), STRANGER);
    ck_assert_uint_eq(owner_of("precious"), 0);
    unlink("state/identity");
    unlink("state/peers");
    rmdir("state");
    unlink("precious");
}
END_TEST

START_TEST(folder_that_cannot_be_made_is_said)
{
    make_file("file");
    ck_assert(!privilege_give("file/state", 0700, STRANGER, STRANGER));
    ck_assert_int_eq(errno, ENOTDIR);
    unlink("file");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("privilege");
    TCase *t = tcase_create("privilege");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, root_may_name_anybody);
    tcase_add_test(t, without_user_the_default_is_taken_where_there_is_one);
    tcase_add_test(t, default_user_that_cannot_be_looked_up_is_not_taken_for_a_missing_one);
    tcase_add_test(t, option_k_keeps_the_user_against_the_file);
    tcase_add_test(t, ordinary_user_cannot_switch_user);
    tcase_add_test(t, agent_without_rights_reads_what_the_steward_judges);
    tcase_add_test(t, check_takes_users_that_only_root_can_become);
    tcase_add_test(t, check_says_the_same_to_root_and_to_others);
    tcase_add_test(t, check_refuses_what_root_would_refuse);
    tcase_add_test(t, check_notes_what_only_root_can_look_at);
    tcase_add_test(t, folder_is_made_and_handed_over_with_its_files);
    tcase_add_test(t, folder_that_holds_anything_else_is_left_alone);
    tcase_add_test(t, folder_that_cannot_be_listed_is_left_alone);
    tcase_add_test(t, folder_of_another_user_is_left_alone);
    tcase_add_test(t, links_lead_to_nothing_that_is_handed_over);
    tcase_add_test(t, folder_that_cannot_be_made_is_said);
    suite_add_tcase(s, t);
    return unit_run(s);
}
