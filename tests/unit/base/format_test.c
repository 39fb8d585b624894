/* lib/base/format.c: what each syntax takes and refuses. */
#include "base/format.h"

#include "unit/base/base_suites.h"
#include "unit/unit.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void emails(void)
{
    static const char *const taken[] = {
        "a@b.c",
        "first.last+tag@sub.example.org",
        "o'brien!#$%&*/=?^_`{|}~-@example.com",
        "x@xn--80.eu",
        "1@2.example",
        "A@EXAMPLE.COM",
    };
    static const char *const refused[] = {
        "",         "a",         "@b.c",         "a@",          "a@b",
        "a@b.",     "a@.c",      "a@b..c",       ".a@b.c",      "a.@b.c",
        "a..b@c.d", "a b@c.d",   "a@b c.d",      "a@-b.c",      "a@b-.c",
        "a@@b.c",   "a@b@c.d",   "\"a\"@b.c",    "a@[1.2.3.4]", "<a@b.c>",
        "a@b.c\n",  "a\r\n@b.c", "\xc3\xbc@b.c", "a@b_c.d",     "a,b@c.d",
        "a@b.c ",   "a@1.2.3.4", "a@b.1",
    };
    for (size_t i = 0; i < COUNT(taken); i++)
        CU_ASSERT_TRUE(dm_format_is_email(dm_str_from(taken[i])));
    for (size_t i = 0; i < COUNT(refused); i++)
        CU_ASSERT_FALSE(dm_format_is_email(dm_str_from(refused[i])));
    CU_ASSERT_FALSE(dm_format_is_email(DM_STR("a\0@b.c")));
    CU_ASSERT_FALSE(dm_format_is_email((struct dm_str){NULL, 0}));
}

/* local bytes of 'l', then an address of total bytes in labels of at most label bytes. */
static bool is_email_of(size_t local, size_t total, size_t label)
{
    char text[400];
    memset(text, 'l', sizeof(text));
    text[local] = '@';
    for (size_t i = local + 1 + label; i < total - 1; i += label + 1)
        text[i] = '.';
    return dm_format_is_email((struct dm_str){text, total});
}

static void email_lengths(void)
{
    CU_ASSERT_TRUE(is_email_of(64, 100, 10));
    CU_ASSERT_FALSE(is_email_of(65, 100, 10));
    CU_ASSERT_TRUE(is_email_of(10, 254, 60));
    CU_ASSERT_FALSE(is_email_of(10, 255, 60));
    CU_ASSERT_TRUE(is_email_of(10, 200, 63));
    CU_ASSERT_FALSE(is_email_of(10, 200, 64));
}

static void email_key_is_lower_case(void)
{
    struct dm_arena *arena = dm_arena_new(256, 256);
    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    CU_ASSERT_STR(dm_format_email_key(arena, DM_STR("AZ.az@[`ExAmPle.ORG")), "az.az@[`example.org");
    CU_ASSERT_PTR_NULL(dm_format_email_key(arena, (struct dm_str){NULL, 0}).p);
    dm_arena_free(arena);
}

static void languages(void)
{
    static const char *const taken[] = {"en",
                                        "deu",
                                        "pt-BR",
                                        "zh-Hant",
                                        "zh-Hant-TW",
                                        "es-419",
                                        "de-CH-1996",
                                        "sl-rozaj-biske",
                                        "en-a-bbb-x-a-ccc",
                                        "de-DE-u-co-phonebk",
                                        "hy-Latn-IT-arevela",
                                        "en-x-twain",
                                        "EN-us"};
    static const char *const refused[] = {
        "",          "e",      "en-",      "-en",         "en_US", "en-U",     "en-USA",
        "en--US",    "e1",     "zh-Hant-", "en-US-",      "es-41", "en-US-US", "zh-Han1",
        "englishes", "zh-yue", "x-a",      "i-klingon",   "en-a",  "en-x",     "en-u-x",
        "de-419-DE", "en-x-",  "de-1",     "en-abcdefghi"};
    for (size_t i = 0; i < COUNT(taken); i++)
        CU_ASSERT_TRUE(dm_format_is_language(dm_str_from(taken[i])));
    for (size_t i = 0; i < COUNT(refused); i++)
        CU_ASSERT_FALSE(dm_format_is_language(dm_str_from(refused[i])));
    CU_ASSERT_FALSE(dm_format_is_language((struct dm_str){NULL, 0}));
}

static void uris(void)
{
    /* The first eight are RFC 3986 §1.1.2's. */
    static const char *const taken[] = {
        "ftp://ftp.is.co.za/rfc/rfc1808.txt",
        "http://www.ietf.org/rfc/rfc2396.txt",
        "ldap://[2001:db8::7]/c=GB?objectClass?one",
        "mailto:John.Doe@example.com",
        "news:comp.infosystems.www.servers.unix",
        "tel:+1-816-555-1212",
        "telnet://192.0.2.16:80/",
        "urn:oasis:names:specification:docbook:dtd:xml:4.1.2",
        "https://example.org",
        "https://user:pw@example.org:8443/a;b=c/%7Ed?e=/?f#g/?h",
        "file:///etc/hosts",
        "https://xn--bcher-kva.example/%C3%BC",
        "a:",
        "http://h:/",
    };
    static const char *const refused[] = {
        "",
        "example.org",
        "//example.org/a",
        "/a",
        "not a url",
        ":a",
        "1a:b",
        "a_b:c",
        "http://a b/",
        "http://b\u00fccher.example/",
        "http://a/%",
        "http://a/%zz",
        "http://a/<b>",
        "http://a/\"",
        "http://a/\\b",
        "http://a/{b}",
        "http://a:b/",
        "http://[::1/",
        "http://[1.2.3.4]/",
        "http://[::1]x/",
        "http://a@b@c/",
        "http://a/#b#c",
        "http://a/\n",
        "javascript:alert('<x>')",
    };
    for (size_t i = 0; i < COUNT(taken); i++)
        CU_ASSERT_TRUE(dm_format_is_uri(dm_str_from(taken[i])));
    for (size_t i = 0; i < COUNT(refused); i++)
        CU_ASSERT_FALSE(dm_format_is_uri(dm_str_from(refused[i])));
    CU_ASSERT_FALSE(dm_format_is_uri(DM_STR("http://a/\0")));
    CU_ASSERT_FALSE(dm_format_is_uri((struct dm_str){NULL, 0}));
}

static void tokens(void)
{
    CU_ASSERT_TRUE(dm_format_is_token(DM_STR("AZaz09._-"), 9));
    CU_ASSERT_FALSE(dm_format_is_token(DM_STR("AZaz09._-"), 8));
    CU_ASSERT_FALSE(dm_format_is_token(DM_STR(""), 8));
    CU_ASSERT_FALSE(dm_format_is_token(DM_STR("a b"), 8));
    CU_ASSERT_FALSE(dm_format_is_token(DM_STR("a\0"), 8));
    CU_ASSERT_FALSE(dm_format_is_token(DM_STR("a/b"), 8));
    CU_ASSERT_FALSE(dm_format_is_token(DM_STR("\xc3\xbc"), 8));
}

static void url_decoding(void)
{
    struct dm_arena *arena = dm_arena_new(256, 4096);
    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    struct dm_str s = {NULL, 0};
    CU_ASSERT_TRUE(dm_format_url_decode(arena, DM_STR("a+b%20c%2B%c3%BC%25"), &s));
    CU_ASSERT_STR(s, "a b c+\xc3\xbc%");
    CU_ASSERT_TRUE(dm_format_url_decode(arena, DM_STR(""), &s));
    CU_ASSERT_STR(s, "");
    CU_ASSERT_TRUE(dm_format_url_decode(arena, DM_STR("%00"), &s));
    CU_ASSERT_TRUE(s.n == 1 && s.p[0] == '\0');
    static const char *const refused[] = {"%", "a%", "%2", "%zz", "%2g", "%%20", "%-1"};
    for (size_t i = 0; i < COUNT(refused); i++)
        CU_ASSERT_FALSE(dm_format_url_decode(arena, dm_str_from(refused[i]), &s));
    CU_ASSERT_EQUAL(s.n, 1);
    dm_arena_free(arena);
}

static void url_encoding_leaves_the_unreserved(void)
{
    struct dm_arena *arena = dm_arena_new(512, 4096);
    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    CU_ASSERT_STR(dm_format_url_encode(arena, DM_STR("AZaz09-._~")), "AZaz09-._~");
    CU_ASSERT_STR(dm_format_url_encode(arena, DM_STR("a b+c@d:e/?&=%\xc3\xbc")),
                  "a%20b%2Bc%40d%3Ae%2F%3F%26%3D%25%C3%BC");
    CU_ASSERT_STR(dm_format_url_encode(arena, DM_STR("")), "");
    struct dm_str back;
    CU_ASSERT_TRUE(dm_format_url_decode(
        arena, dm_format_url_encode(arena, DM_STR("M\xc3\xa4ra & Co: \x7f\n")), &back));
    CU_ASSERT_STR(back, "M\xc3\xa4ra & Co: \x7f\n");
    dm_arena_free(arena);
}

static void http_dates(void)
{
    struct dm_arena *arena = dm_arena_new(256, 256);
    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    CU_ASSERT_STR(dm_format_http_date(arena, 784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
    CU_ASSERT_STR(dm_format_http_date(arena, 1709164800), "Thu, 29 Feb 2024 00:00:00 GMT");
    dm_arena_free(arena);
}

CU_TestInfo *dm_format_suite(void)
{
    static CU_TestInfo tests[] = {
        {"e-mail addresses", emails},
        {"lengths of e-mail addresses", email_lengths},
        {"an e-mail key is lower case", email_key_is_lower_case},
        {"language tags", languages},
        {"URIs", uris},
        {"tokens", tokens},
        {"URL decoding", url_decoding},
        {"URL encoding leaves the unreserved", url_encoding_leaves_the_unreserved},
        {"HTTP dates", http_dates},
        CU_TEST_INFO_NULL,
    };
    return tests;
}
