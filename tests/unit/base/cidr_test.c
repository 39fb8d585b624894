/* lib/base/cidr.c: what is a network, its one text, and who lies in it. */
#include "base/cidr.h"

#include "unit/base/base_suites.h"
#include "unit/unit.h"

static struct dm_cidr cidr(const char *text)
{
    struct dm_cidr parsed = {.prefix = 999};
    CU_ASSERT_EQUAL(dm_cidr_parse(dm_str_from(text), &parsed), DM_CIDR_SOUND);
    return parsed;
}

static bool lies_in(const char *network, const char *address)
{
    struct dm_cidr range = cidr(network);
    struct dm_address caller = {0};
    CU_ASSERT_TRUE(dm_address_parse(dm_str_from(address), &caller));
    return dm_cidr_contains(&range, &caller);
}

static void each_network_has_one_text(void)
{
    static const char *const pairs[][2] = {
        {"192.0.2.0/24", "192.0.2.0/24"},
        {"192.0.2.7", "192.0.2.7/32"},
        {"192.0.2.7/32", "192.0.2.7/32"},
        {"0.0.0.0/0", "0.0.0.0/0"},
        {"128.0.0.0/1", "128.0.0.0/1"},
        {"10.32.0.0/11", "10.32.0.0/11"},
        {"2001:DB8:0:0:0:0:0:0/32", "2001:db8::/32"},
        {"2001:db8::1", "2001:db8::1/128"},
        {"::/0", "::/0"},
        {"fe80::/10", "fe80::/10"},
        {"::ffff:192.0.2.0/120", "192.0.2.0/24"},
        {"::ffff:c000:207", "192.0.2.7/32"},
        {"::ffff:0.0.0.0/96", "0.0.0.0/0"},
        {"::/96", "::/96"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        char text[DM_CIDR_TEXT];
        struct dm_cidr parsed = cidr(pairs[i][0]);
        dm_cidr_format(&parsed, text);
        CU_ASSERT_STRING_EQUAL(text, pairs[i][1]);
        /* And reads back as itself. */
        struct dm_cidr again = cidr(text);
        CU_ASSERT_EQUAL(again.prefix, parsed.prefix);
        CU_ASSERT_EQUAL(memcmp(&again.network, &parsed.network, sizeof(again.network)), 0);
    }
}

static void bits_past_the_prefix_are_refused(void)
{
    static const char *const bad[] = {
        "192.0.2.1/24",         "11.0.0.0/7",        "128.0.0.0/0",
        "255.255.255.255/31",   "::1/127",           "2001:db9::/31",
        "::ffff:192.0.2.1/120", "::ffff:0.0.0.0/95", "1::/0",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct dm_cidr parsed = {.prefix = 999};
        CU_ASSERT_EQUAL(dm_cidr_parse(dm_str_from(bad[i]), &parsed), DM_CIDR_HOST_BITS);
        CU_ASSERT_EQUAL(parsed.prefix, 999);
    }
}

static void what_is_no_network_is_refused(void)
{
    static const char *const bad[] = {
        "",
        "/",
        "/24",
        "192.0.2.0/",
        "192.0.2.0/33",
        "192.0.2.0/-1",
        "192.0.2.0/-0",
        "192.0.2.0/+8",
        "192.0.2.0/024",
        "192.0.2.0/00",
        "192.0.2.0/24/24",
        "192.0.2.0/2 4",
        "192.0.2.0/99999999999999999999",
        " 192.0.2.0/24",
        "192.0.2.0/24 ",
        "192.0.2/24",
        "192.0.02.0/24",
        "192.0.2.256/32",
        "0xc0.0.2.0/24",
        "3221225984/24",
        "192.0.2.0:80/24",
        "2001:db8::/129",
        "2001:db8:::/32",
        "2001:db8::g/128",
        "[2001:db8::]/32",
        "fe80::1%eth0/128",
        "fe80::1%eth0",
        "example.org/24",
        "2001:0db8:0000:0000:0000:0000:0000:0000:0000/32",
        "0000:0000:0000:0000:0000:0000:255.255.255.2555555555/32",
        "\xff\xfe/8",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct dm_cidr parsed = {.prefix = 999};
        CU_ASSERT_EQUAL(dm_cidr_parse(dm_str_from(bad[i]), &parsed), DM_CIDR_SYNTAX);
        CU_ASSERT_EQUAL(parsed.prefix, 999);
    }
    struct dm_cidr parsed;
    CU_ASSERT_EQUAL(dm_cidr_parse((struct dm_str){NULL, 0}, &parsed), DM_CIDR_SYNTAX);
    CU_ASSERT_EQUAL(dm_cidr_parse(DM_STR("192.0.2.0\0/24"), &parsed), DM_CIDR_SYNTAX);
}

static void the_prefix_decides_bit_by_bit(void)
{
    CU_ASSERT_TRUE(lies_in("192.0.2.0/24", "192.0.2.255"));
    CU_ASSERT_FALSE(lies_in("192.0.2.0/24", "192.0.3.0"));
    CU_ASSERT_TRUE(lies_in("10.32.0.0/11", "10.63.255.255"));
    CU_ASSERT_FALSE(lies_in("10.32.0.0/11", "10.64.0.0"));
    CU_ASSERT_TRUE(lies_in("192.0.2.6/31", "192.0.2.7"));
    CU_ASSERT_FALSE(lies_in("192.0.2.7", "192.0.2.6"));
    CU_ASSERT_TRUE(lies_in("0.0.0.0/0", "255.255.255.255"));
    CU_ASSERT_TRUE(lies_in("2001:db8::/33", "2001:db8:7fff::1"));
    CU_ASSERT_FALSE(lies_in("2001:db8::/33", "2001:db8:8000::"));
    CU_ASSERT_TRUE(lies_in("::/0", "2001:db8::1"));
}

static void the_two_families_never_meet_but_for_mapped_addresses(void)
{
    CU_ASSERT_FALSE(lies_in("::/0", "192.0.2.1"));
    CU_ASSERT_FALSE(lies_in("0.0.0.0/0", "2001:db8::1"));
    CU_ASSERT_TRUE(lies_in("192.0.2.0/24", "::ffff:192.0.2.9"));
    CU_ASSERT_TRUE(lies_in("::ffff:192.0.2.0/120", "192.0.2.9"));
    /* "::192.0.2.9", the old IPv4-compatible form, is an IPv6 address. */
    CU_ASSERT_FALSE(lies_in("192.0.2.0/24", "::192.0.2.9"));
}

static struct dm_address address(const char *text)
{
    struct dm_address parsed = {0};
    CU_ASSERT_TRUE(dm_address_parse(dm_str_from(text), &parsed));
    return parsed;
}

/* Each network of IANA's registries by its first and its last address, and what lies right beside it. */
static void special_addresses_are_not_public(void)
{
    static const char *const special[] = {
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.0.0",
        "169.254.169.254",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.0",
        "192.0.0.255",
        "192.0.2.0",
        "192.88.99.1",
        "192.168.0.0",
        "192.168.255.255",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.255",
        "224.0.0.0",
        "239.255.255.255",
        "240.0.0.0",
        "255.255.255.255",
        "::",
        "::1",
        "::192.0.2.9",
        "::808:808",
        "64:ff9b::7f00:1",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:1ff:ffff::",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:808:808::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "4000::",
        "1fff:ffff::",
    };
    static const char *const public[] = {
        "1.0.0.0",         "9.255.255.255",   "11.0.0.0",        "100.63.255.255",
        "100.128.0.0",     "126.255.255.255", "128.0.0.0",       "169.253.255.255",
        "169.255.0.0",     "172.15.255.255",  "172.32.0.0",      "192.0.1.0",
        "192.167.255.255", "192.169.0.0",     "198.17.255.255",  "198.20.0.0",
        "203.0.112.255",   "203.0.114.0",     "223.255.255.255", "2000::1",
        "2001:200::1",     "2001:db7:ffff::", "2001:db9::",      "2003::1",
        "2606:4700::1111", "3ffe:ffff::1",
    };
    for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
        struct dm_address one = address(special[i]);
        CU_ASSERT_FALSE(dm_address_is_public(&one));
    }
    for (size_t i = 0; i < sizeof(public) / sizeof(public[0]); i++) {
        struct dm_address one = address(public[i]);
        CU_ASSERT_TRUE(dm_address_is_public(&one));
    }
    /* As a socket has it, where the parser would have made it the IPv4 address. */
    struct dm_address mapped = {true, {[10] = 0xff, 0xff, 8, 8, 8, 8}};
    CU_ASSERT_FALSE(dm_address_is_public(&mapped));
}

static void loopback_is_this_machine_and_no_other(void)
{
    static const char *const loopback[] = {"127.0.0.1", "127.255.255.254", "::1"};
    static const char *const other[] = {"126.0.0.1", "128.0.0.1", "0.0.0.0", "10.0.0.1",
                                        "::",        "::2",       "fe80::1"};
    for (size_t i = 0; i < sizeof(loopback) / sizeof(loopback[0]); i++) {
        struct dm_address one = address(loopback[i]);
        CU_ASSERT_TRUE(dm_address_is_loopback(&one));
    }
    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
        struct dm_address one = address(other[i]);
        CU_ASSERT_FALSE(dm_address_is_loopback(&one));
    }
    struct dm_address mapped = {true, {[10] = 0xff, 0xff, 127, 0, 0, 1}};
    CU_ASSERT_FALSE(dm_address_is_loopback(&mapped));
}

CU_TestInfo *dm_cidr_suite(void)
{
    static CU_TestInfo tests[] = {
        {"each network has one text", each_network_has_one_text},
        {"bits past the prefix are refused", bits_past_the_prefix_are_refused},
        {"what is no network is refused", what_is_no_network_is_refused},
        {"the prefix decides bit by bit", the_prefix_decides_bit_by_bit},
        {"the two families never meet but for mapped addresses",
         the_two_families_never_meet_but_for_mapped_addresses},
        {"special addresses are not public", special_addresses_are_not_public},
        {"loopback is this machine and no other", loopback_is_this_machine_and_no_other},
        CU_TEST_INFO_NULL,
    };
    return tests;
}
