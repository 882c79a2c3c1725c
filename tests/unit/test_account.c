#include "agent/base/account.h"
#include "tests/unit/fake_passwd.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <unistd.h>

START_TEST(user_comes_with_its_groups_and_is_copied_with_them)
{
    const char *why = "untouched";
    struct account *a = account_find("root", &why);

    ck_assert_ptr_nonnull(a);
    ck_assert_ptr_null(why);
    ck_assert_uint_eq(a->uid, 0);
    ck_assert_uint_ge(a->groups_count, 1);
    ck_assert_uint_eq(a->groups[0], a->gid);
    struct account *b = account_copy(a);
    ck_assert_ptr_nonnull(b);
    ck_assert_ptr_ne(b->groups, a->groups);
    ck_assert_uint_eq(b->groups_count, a->groups_count);
    ck_assert_mem_eq(b->groups, a->groups, a->groups_count * sizeof *a->groups);
    account_free(a);
    account_free(b);
    account_free(NULL);
}
END_TEST

START_TEST(unknown_user_is_told_from_a_name_service_that_fails)
{
    static const int unknown[] = {0, ENOENT, ESRCH}, failed[] = {EIO, EMFILE, ENOMEM, ERANGE};
    const char *why;

    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        passwd_fails = unknown[i];
        ck_assert_ptr_null(account_find("no one", &why));
        ck_assert_ptr_null(why);
    }
    for (size_t i = 0; i < sizeof failed / sizeof failed[0]; i++) {
        passwd_fails = failed[i];
        ck_assert_ptr_null(account_find("root", &why));
        ck_assert_str_eq(why, strerror(failed[i]));
    }
}
END_TEST

START_TEST(only_root_becomes_another_and_for_good)
{
    const char *why;
    struct account *nobody = account_find("nobody", &why);

    ck_assert_ptr_nonnull(nobody);
    if (geteuid() == 0) {
        ck_assert(account_become(nobody));
        ck_assert_uint_eq(getuid(), nobody->uid);
        ck_assert_uint_eq(getgid(), nobody->gid);
    }
    struct account *root = account_find("root", &why);
    ck_assert_ptr_nonnull(root);
    ck_assert(!account_become(root));
    ck_assert_int_eq(errno, EPERM);
    account_free(root);
    account_free(nobody);
}
END_TEST

START_TEST(who_it_is_already_needs_no_right)
{
    struct account self = {.uid = geteuid()};

    ck_assert(account_become(&self));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("account");
    TCase *t = tcase_create("account");

    tcase_add_test(t, user_comes_with_its_groups_and_is_copied_with_them);
    tcase_add_test(t, unknown_user_is_told_from_a_name_service_that_fails);
    tcase_add_test(t, only_root_becomes_another_and_for_good);
    tcase_add_test(t, who_it_is_already_needs_no_right);
    suite_add_tcase(s, t);
    return unit_run(s);
}
