#include "agent/steward/script_list.h"

#include "agent/config/config.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static gid_t few[] = {2, 3}, other[] = {2, 4};
static struct account account = {.uid = 1, .gid = 2, .groups = few, .groups_count = 2};

static int list_fd; /* in memory, empty at first */

static void setup(void)
{
    list_fd = memfd_create("muster-test", MFD_CLOEXEC);
    ck_assert_int_ge(list_fd, 0);
}

static void teardown(void)
{
    close(list_fd);
}

static void add(struct script_list *s, const char *path, const struct account *as)
{
    s->all[s->count++] = (struct script){
        .key = script_key(path, as), .path = strdup(path), .account = as ? account_copy(as) : NULL};
}

/* Adds scripts to what stands in the list. */
static void write_list(struct script_list *s)
{
    ck_assert(script_list_write(s, list_fd));
    script_list_free(s);
    ck_assert_uint_eq(s->count, 0);
}

static off_t list_bytes(void)
{
    return lseek(list_fd, 0, SEEK_END);
}

static void assert_same(const struct script *s, const char *path, const struct account *as)
{
    ck_assert_ptr_nonnull(s);
    ck_assert_str_eq(s->path, path);
    ck_assert_int_eq(s->account != NULL, as != NULL);
    if (!as)
        return;
    ck_assert_uint_eq(s->account->uid, as->uid);
    ck_assert_uint_eq(s->account->gid, as->gid);
    ck_assert_uint_eq(s->account->groups_count, as->groups_count);
    ck_assert_mem_eq(s->account->groups, as->groups, as->groups_count * sizeof *as->groups);
}

/* What was read must not be taken for a list; nothing is left of it. */
static void assert_none(int fd)
{
    struct script_list s = {.count = 1};
    ck_assert(!script_list_read(&s, fd));
    ck_assert_uint_eq(s.count, 0);
}

/* ---- keys ---- */

START_TEST(the_same_path_as_the_same_user_has_the_same_key)
{
    char path[] = "/etc/a.sh";
    struct account *copy = account_copy(&account);
    ck_assert_uint_eq(script_key(path, &account), script_key("/etc/a.sh", copy));
    ck_assert_uint_eq(script_key(path, NULL), script_key("/etc/a.sh", NULL));
    account_free(copy);
}
END_TEST

START_TEST(another_path_user_or_group_has_another_key)
{
    struct account accounts[] = {account, account, account, account, account};
    accounts[1].uid++;
    accounts[2].gid++;
    accounts[3].groups = other;
    accounts[4].groups_count--;
    static const char *const paths[] = {"/etc/a.sh", "/etc/a.s", "/etc/a.sh.sh", "/etc/b.sh"};
    uint64_t keys[4 * 6];
    size_t count = 0;
    for (size_t p = 0; p < 4; p++)
        for (size_t a = 0; a < 6; a++)
            keys[count++] = script_key(paths[p], a < 5 ? &accounts[a] : NULL);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            ck_assert_msg(keys[i] != keys[j], "%zu and %zu", i, j);
}
END_TEST

START_TEST(a_key_of_none_finds_none)
{
    struct script_list s = {.count = 0};
    uint64_t key = script_key("/etc/a.sh", NULL);
    ck_assert_ptr_null(script_list_find(&s, key));
    add(&s, "/etc/a.sh", NULL);
    ck_assert_ptr_eq(script_list_find(&s, key), &s.all[0]);
    ck_assert_ptr_null(script_list_find(&s, key + 1));
    ck_assert_ptr_null(script_list_find(&s, script_key("/etc/a.sh", &account)));
    script_list_free(&s);
    ck_assert_ptr_null(script_list_find(&s, key));
}
END_TEST

START_TEST(a_configuration_has_the_scripts_of_handlers_and_addresses_each_once)
{
    char a[] = "/etc/a.sh", b[] = "/etc/b.sh";
    struct handler_spec handlers[] = {
        {.run = a}, {.run = b, .account = &account}, {.run = a}, {.run = a, .account = &account}};
    struct vip_spec vips[] = {{.hook = NULL}, {.hook = b}, {.hook = b, .account = &account}};
    struct config c = {.handlers = handlers, .handlers_count = 4, .vips = vips, .vips_count = 3};
    struct script_list s = {.count = 0};
    ck_assert(script_list_fill(&s, &c));
    ck_assert_uint_eq(s.count, 4);
    assert_same(script_list_find(&s, script_key(a, NULL)), a, NULL);
    assert_same(script_list_find(&s, script_key(a, &account)), a, &account);
    assert_same(script_list_find(&s, script_key(b, NULL)), b, NULL);
    assert_same(script_list_find(&s, script_key(b, &account)), b, &account);
    script_list_free(&s);
}
END_TEST

/* ---- from one process to another ---- */

START_TEST(what_is_written_is_read_again)
{
    char longest[CONFIG_VALUE_BYTES_MAX + 1];
    gid_t many[1000];
    struct account member = {.uid = UINT32_MAX - 1, .gid = 7, .groups = many};
    struct script_list s = {.count = 0};
    member.groups_count = sizeof many / sizeof *many;
    for (size_t i = 0; i < member.groups_count; i++)
        many[i] = (gid_t)(i * 7);
    memset(longest, 'x', sizeof longest - 1);
    longest[0] = '/';
    longest[sizeof longest - 1] = '\0';
    add(&s, "/etc/a.sh", NULL);
    add(&s, longest, &account);
    add(&s, "/etc/a.sh", &member);
    write_list(&s);
    ck_assert(script_list_read(&s, list_fd));
    ck_assert_uint_eq(s.count, 3);
    assert_same(script_list_find(&s, script_key("/etc/a.sh", NULL)), "/etc/a.sh", NULL);
    assert_same(script_list_find(&s, script_key(longest, &account)), longest, &account);
    assert_same(script_list_find(&s, script_key("/etc/a.sh", &member)), "/etc/a.sh", &member);
    script_list_free(&s);
}
END_TEST

START_TEST(no_scripts_are_a_list_too)
{
    struct script_list s = {.count = 0};
    write_list(&s);
    s.count = 1;
    ck_assert(script_list_read(&s, list_fd));
    ck_assert_uint_eq(s.count, 0);
}
END_TEST

START_TEST(a_list_cut_short_is_none_but_between_two_scripts)
{
    static const struct {
        const char *path;
        const struct account *as;
    } scripts[] = {{"/etc/a.sh", &account}, {"/b", NULL}, {"/etc/c.sh", &account}};
    off_t borders[4] = {0};
    struct script_list s = {.count = 0};
    for (size_t i = 0; i < 3; i++) {
        add(&s, scripts[i].path, scripts[i].as);
        write_list(&s);
        borders[i + 1] = list_bytes();
    }
    size_t whole = 3;
    for (off_t bytes = borders[3]; bytes >= 0; bytes--) {
        ck_assert_int_eq(ftruncate(list_fd, bytes), 0);
        if (bytes != borders[whole]) {
            assert_none(list_fd);
            continue;
        }
        ck_assert(script_list_read(&s, list_fd));
        ck_assert_uint_eq(s.count, whole);
        script_list_free(&s);
        whole -= whole > 0;
    }
}
END_TEST

START_TEST(a_path_that_no_configuration_can_have_is_refused)
{
    char longest[CONFIG_VALUE_BYTES_MAX + 2] = {0};
    struct script_list s = {.count = 0};
    memset(longest, 'x', sizeof longest - 1);
    add(&s, longest, NULL);
    write_list(&s);
    assert_none(list_fd);
}
END_TEST

START_TEST(more_groups_than_there_are_bytes_are_refused)
{
    static const uint32_t counts[] = {3, 1 << 16, SCRIPT_LIST_BYTES_MAX, UINT32_MAX};
    struct script_list s = {.count = 0};
    add(&s, "/etc/a.sh", &account);
    write_list(&s);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        ck_assert_int_eq(pwrite(list_fd, &counts[i], sizeof counts[i], sizeof(uint32_t)),
                         sizeof counts[i]);
        assert_none(list_fd);
    }
    ck_assert_int_eq(pwrite(list_fd, &(uint32_t){2}, sizeof(uint32_t), sizeof(uint32_t)), 4);
    ck_assert(script_list_read(&s, list_fd));
    script_list_free(&s);
}
END_TEST

START_TEST(a_list_that_is_too_large_is_refused)
{
    struct script_list s;
    ck_assert_int_eq(ftruncate(list_fd, SCRIPT_LIST_BYTES_MAX), 0); /* one script again and again */
    ck_assert(script_list_read(&s, list_fd));
    script_list_free(&s);
    ck_assert_int_eq(ftruncate(list_fd, 2 * SCRIPT_LIST_BYTES_MAX), 0);
    assert_none(list_fd);
}
END_TEST

START_TEST(too_many_scripts_are_refused)
{
    struct script_list s = {.count = 0};
    char path[32];
    for (unsigned i = 0; i < SCRIPT_LIST_MAX; i++) {
        snprintf(path, sizeof path, "/etc/%u.sh", i);
        add(&s, path, NULL);
    }
    write_list(&s);
    add(&s, path, NULL); /* the last of them once more: no more scripts for that */
    write_list(&s);
    ck_assert(script_list_read(&s, list_fd));
    ck_assert_uint_eq(s.count, SCRIPT_LIST_MAX);
    assert_same(script_list_find(&s, script_key(path, NULL)), path, NULL);
    script_list_free(&s);
    add(&s, path, &account);
    write_list(&s);
    assert_none(list_fd);
}
END_TEST

START_TEST(what_cannot_be_written_or_read_is_no_list)
{
    struct script_list s = {.count = 0};
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC), pipes[2];
    ck_assert_int_ge(full, 0);
    add(&s, "/etc/a.sh", NULL);
    ck_assert(!script_list_write(&s, full));
    ck_assert(!script_list_write(&s, -1));
    ck_assert_int_eq(pipe(pipes), 0);
    ck_assert(script_list_write(&s, pipes[1]));
    script_list_free(&s);
    assert_none(pipes[0]);
    assert_none(-1);
    close(full);
    close(pipes[0]);
    close(pipes[1]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("scripts");
    TCase *t = tcase_create("keys");
    tcase_add_test(t, the_same_path_as_the_same_user_has_the_same_key);
    tcase_add_test(t, another_path_user_or_group_has_another_key);
    tcase_add_test(t, a_key_of_none_finds_none);
    tcase_add_test(t, a_configuration_has_the_scripts_of_handlers_and_addresses_each_once);
    suite_add_tcase(s, t);
    t = tcase_create("lists");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, what_is_written_is_read_again);
    tcase_add_test(t, no_scripts_are_a_list_too);
    tcase_add_test(t, a_list_cut_short_is_none_but_between_two_scripts);
    tcase_add_test(t, a_path_that_no_configuration_can_have_is_refused);
    tcase_add_test(t, more_groups_than_there_are_bytes_are_refused);
    tcase_add_test(t, a_list_that_is_too_large_is_refused);
    tcase_add_test(t, too_many_scripts_are_refused);
    tcase_add_test(t, what_cannot_be_written_or_read_is_no_list);
    suite_add_tcase(s, t);
    return unit_run(s);
}
