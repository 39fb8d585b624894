/* Runs every unit suite of the base layer. A new test file adds one line here and one in base_suites.h. */
#include "unit/base/base_suites.h"
#include "unit/unit.h"

#define SUITE(x)                                                                                   \
    {                                                                                              \
#x, NULL, NULL, NULL, NULL, dm_##x##_suite()                                               \
    }

int main(void)
{
    /* Sorted, one a line. */
    CU_SuiteInfo suites[] = {
        /* clang-format off */
        SUITE(arena),
        SUITE(breached),
        SUITE(breaker),
        SUITE(buf),
        SUITE(cache),
        SUITE(cidr),
        SUITE(clock),
        SUITE(config),
        SUITE(file),
        SUITE(format),
        SUITE(hash_pool),
        SUITE(http_client),
        SUITE(id),
        SUITE(json),
        SUITE(json_text),
        SUITE(json_write),
        SUITE(jwt),
        SUITE(jwt_key_file),
        SUITE(jwt_keys),
        SUITE(key_ring),
        SUITE(log),
        SUITE(metrics),
        SUITE(password),
        SUITE(pool),
        SUITE(result),
        SUITE(sealed),
        SUITE(secret),
        SUITE(str),
        SUITE(timezone),
        SUITE(totp),
        SUITE(trace),
        SUITE(transfer),
        SUITE(unicode),
        SUITE(utf8),
        SUITE(web_origin),
        CU_SUITE_INFO_NULL,
        /* clang-format on */
    };
    return dm_unit_run(suites);
}
