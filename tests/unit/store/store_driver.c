/*
 * Runs every unit suite of the store layer against real private servers (store_fixture.h names
 * them). A new test file adds one line here and one in store_suites.h.
 */
#include <signal.h>

#include "unit/store/store_fixture.h"
#include "unit/store/store_suites.h"
#include "unit/unit.h"

#define SUITE(x)                                                                                   \
    {                                                                                              \
#x, NULL, NULL, NULL, NULL, dm_##x##_suite()                                               \
    }

int main(void)
{
    struct {
        bool runnable;
        CU_SuiteInfo suite;
    } all[] = {
        {dm_test_redis() != NULL, SUITE(gate_store)},
        {dm_test_conninfo() != NULL, SUITE(idempotency_store)},
        {dm_test_conninfo() != NULL, SUITE(job_store)},
        {dm_test_redis() != NULL, SUITE(kv)},
        {dm_test_conninfo() != NULL, SUITE(pg)},
    };
    enum { N = sizeof(all) / sizeof(all[0]) };
    CU_SuiteInfo suites[N + 1] = {CU_SUITE_INFO_NULL};
    size_t n = 0;
    for (size_t i = 0; i < N; i++) {
        if (all[i].runnable)
            suites[n++] = all[i].suite;
        else
            printf("%s not run: its server is not named in the environment\n", all[i].suite.pName);
    }
    signal(SIGPIPE, SIG_IGN);
    return dm_unit_run(suites);
}
