/* Addresses are read and written by inet_pton(3) and inet_ntop(3), which know the RFCs; what is a network of them is judged here. */
#include "base/cidr.h"

#include <arpa/inet.h>
#include <string.h>

static bool parse_as(int family, struct dm_str text, uint8_t *ret_bytes)
{
    char copy[INET6_ADDRSTRLEN];
    if (text.n == 0 || text.n >= sizeof(copy) || memchr(text.p, '\0', text.n) != NULL)
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    return inet_pton(family, copy, ret_bytes) == 1;
}

/* ::ffff:0:0/96 */
static bool is_mapped(const uint8_t bytes[16])
{
    static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(bytes, prefix, sizeof(prefix)) == 0;
}

/* *ret_mapped: it was written as an IPv6 address. */
static bool parse(struct dm_str text, struct dm_address *ret, bool *ret_mapped)
{
    struct dm_address address = {.v6 = false};
    *ret_mapped = false;
    if (!parse_as(AF_INET, text, address.bytes)) {
        if (!parse_as(AF_INET6, text, address.bytes))
            return false;
        *ret_mapped = is_mapped(address.bytes);
        address.v6 = !*ret_mapped;
        if (*ret_mapped) {
            memmove(address.bytes, address.bytes + 12, 4);
            memset(address.bytes + 4, 0, 12);
        }
    }
    *ret = address;
    return true;
}

bool dm_address_parse(struct dm_str text, struct dm_address *ret)
{
    bool mapped;
    return parse(text, ret, &mapped);
}

/* Are the first `prefix` bits of both the same? */
static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned prefix)
{
    unsigned whole = prefix / 8, rest = prefix % 8;
    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

static bool has_host_bits(const struct dm_cidr *cidr)
{
    static const uint8_t zero[16];
    uint8_t host[16];
    memcpy(host, cidr->network.bytes, sizeof(host));
    for (unsigned bit = 0; bit < cidr->prefix; bit++)
        host[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
    return memcmp(host, zero, sizeof(host)) != 0;
}

/* Decimal without leading zeros. */
static bool parse_prefix(struct dm_str text, int64_t max, int64_t *ret)
{
    bool plain = text.n == 1 || (text.n > 1 && text.p[0] != '0');
    return plain && text.p[0] != '-' && dm_str_to_int(text, 0, max, ret);
}

enum dm_cidr_defect dm_cidr_parse(struct dm_str text, struct dm_cidr *ret)
{
    size_t slash = dm_str_find(text, '/', 0);
    struct dm_cidr cidr;
    bool mapped;
    if (!parse(dm_str_slice(text, 0, slash), &cidr.network, &mapped))
        return DM_CIDR_SYNTAX;
    int64_t bits = cidr.network.v6 || mapped ? 128 : 32;
    if (slash < text.n && !parse_prefix(dm_str_slice(text, slash + 1, text.n), bits, &bits))
        return DM_CIDR_SYNTAX;
    /* A network wider than all mapped addresses is none of theirs. */
    if (mapped && bits < 96)
        return DM_CIDR_HOST_BITS;
    cidr.prefix = (unsigned)(mapped ? bits - 96 : bits);
    if (has_host_bits(&cidr))
        return DM_CIDR_HOST_BITS;
    *ret = cidr;
    return DM_CIDR_SOUND;
}

void dm_cidr_format(const struct dm_cidr *cidr, char ret_text[DM_CIDR_TEXT])
{
    char address[INET6_ADDRSTRLEN] = "";
    inet_ntop(cidr->network.v6 ? AF_INET6 : AF_INET, cidr->network.bytes, address, sizeof(address));
    snprintf(ret_text, DM_CIDR_TEXT, "%s/%u", address, cidr->prefix);
}

bool dm_cidr_contains(const struct dm_cidr *cidr, const struct dm_address *address)
{
    return cidr->network.v6 == address->v6 &&
           same_prefix(cidr->network.bytes, address->bytes, cidr->prefix);
}

static bool in_any(const struct dm_cidr *networks, size_t n, const struct dm_address *address)
{
    for (size_t i = 0; i < n; i++)
        if (dm_cidr_contains(&networks[i], address))
            return true;
    return false;
}

bool dm_address_is_loopback(const struct dm_address *address)
{
    static const struct dm_cidr loopback[] = {
        {{false, {127}}, 8},
        {{true, {[15] = 1}}, 128},
    };
    return in_any(loopback, sizeof(loopback) / sizeof(loopback[0]), address);
}

bool dm_address_is_public(const struct dm_address *address)
{
    /* Of IPv6 only what is given out as global unicast; all kinds of addresses to come lie outside. */
    static const struct dm_cidr given_out[] = {
        {{false, {0}}, 0},
        {{true, {0x20}}, 3},
    };
    static const struct dm_cidr special[] = {
        {{false, {0}}, 8},                      /* this network */
        {{false, {10}}, 8},                     /* private (RFC 1918) */
        {{false, {100, 64}}, 10},               /* shared, behind a carrier's NAT (RFC 6598) */
        {{false, {127}}, 8},                    /* loopback */
        {{false, {169, 254}}, 16},              /* link-local; clouds tell secrets there */
        {{false, {172, 16}}, 12},               /* private */
        {{false, {192, 0, 0}}, 24},             /* IETF protocols */
        {{false, {192, 0, 2}}, 24},             /* documentation */
        {{false, {192, 88, 99}}, 24},           /* 6to4 relays */
        {{false, {192, 168}}, 16},              /* private */
        {{false, {198, 18}}, 15},               /* benchmarks */
        {{false, {198, 51, 100}}, 24},          /* documentation */
        {{false, {203, 0, 113}}, 24},           /* documentation */
        {{false, {224}}, 3},                    /* multicast, reserved, broadcast */
        {{true, {0x20, 0x01}}, 23},             /* IETF protocols, Teredo among them */
        {{true, {0x20, 0x01, 0x0d, 0xb8}}, 32}, /* documentation */
        {{true, {0x20, 0x02}}, 16},             /* 6to4 */
        {{true, {0x3f, 0xff}}, 20},             /* documentation */
    };
    return in_any(given_out, sizeof(given_out) / sizeof(given_out[0]), address) &&
           !in_any(special, sizeof(special) / sizeof(special[0]), address);
}
