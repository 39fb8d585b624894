/*
 * Addresses and networks of IPv4 and IPv6 (CIDR, RFC 4632 §3.1 and RFC 4291 §2.3). An IPv4 address written as an IPv6 one
 * ("::ffff:192.0.2.1", RFC 4291 §2.5.5.2) is the IPv4 address, so that the two ways of writing a caller never differ.
 */
#ifndef DM_BASE_CIDR_H
#define DM_BASE_CIDR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct dm_address {
    bool v6;
    uint8_t bytes[16]; /* the first four when not v6; network order */
};

struct dm_cidr {
    struct dm_address network; /* no bit set past the prefix */
    unsigned prefix;           /* bits: 0 to 32, or 128 */
};

/* Numeric, no zone, no port, no white space. */
bool dm_address_parse(struct dm_str text, struct dm_address *ret);
/* Of this machine itself: 127.0.0.0/8, ::1. */
bool dm_address_is_loopback(const struct dm_address *address);
/*
 * Of the public internet: none that IANA's registries keep for a special purpose (RFC 6890): private, shared, link-local, multicast and the
 * like, nor one of IPv6 that stands for another of IPv4 (mapped, NAT64, 6to4, Teredo).
 */
bool dm_address_is_public(const struct dm_address *address);

enum dm_cidr_defect {
    DM_CIDR_SOUND = 0,
    DM_CIDR_SYNTAX, /* not "address/bits", nor an address alone, which is a network of one */
    DM_CIDR_HOST_BITS, /* bits set past the prefix: "10.0.0.1/8" is one host or a network, but which? */
};
/* *ret untouched unless DM_CIDR_SOUND. */
enum dm_cidr_defect dm_cidr_parse(struct dm_str text, struct dm_cidr *ret);
/* The one text of a network: "192.0.2.0/24", "2001:db8::/32" (RFC 5952). */
#define DM_CIDR_TEXT 50
void dm_cidr_format(const struct dm_cidr *cidr, char ret_text[DM_CIDR_TEXT]);
bool dm_cidr_contains(const struct dm_cidr *cidr, const struct dm_address *address);

#endif
