/* Linked into every program of the build that tests/coverage.sh makes, with --wrap=_exit: counters
 * are written by exit(3), and a child that ends with _exit(2) has them too. */
_Noreturn void __real__exit(int status); /* NOLINT(bugprone-reserved-identifier): the linker's */
_Noreturn void __wrap__exit(int status); /* NOLINT(bugprone-reserved-identifier): the linker's */
void __gcov_dump(void);                  /* NOLINT(bugprone-reserved-identifier): gcc's */

_Noreturn void __wrap__exit(int status) /* NOLINT(bugprone-reserved-identifier) */
{
    __gcov_dump();
    __real__exit(status);
}
