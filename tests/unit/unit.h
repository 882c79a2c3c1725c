/* unit: what every unit test's main does. */
#ifndef MUSTER_UNIT_H
#define MUSTER_UNIT_H

#include <check.h>
#include <stdlib.h>

/* Runs the suite and frees it. Returns the process's exit status. */
static inline int unit_run(Suite *s)
{
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
