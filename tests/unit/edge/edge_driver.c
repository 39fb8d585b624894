/* Runs every unit suite of the edge. A new test file adds one line here and one in edge_suites.h. */
#include "unit/edge/edge_suites.h"
#include "unit/unit.h"

/* One suite a line. */
/* clang-format off */
#define SUITE(x) {#x, NULL, NULL, NULL, NULL, dm_##x##_suite()}

int main(void)
{
    /* Sorted. */
    CU_SuiteInfo suites[] = {
        SUITE(auth),
        SUITE(cors),
        SUITE(deprecation),
        SUITE(idempotency),
        SUITE(limit),
        SUITE(listener),
        SUITE(media),
        SUITE(openapi),
        SUITE(openapi_diff),
        SUITE(page),
        SUITE(problem),
        SUITE(response),
        SUITE(route),
        SUITE(serve),
        SUITE(server),
        SUITE(shape),
        SUITE(signal),
        SUITE(watch),
        CU_SUITE_INFO_NULL,
    };
    return dm_unit_run(suites);
}
