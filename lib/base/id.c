/*
 * Ids. A UUIDv7 sorts by the time it was made, which keeps an index's inserts at its right edge;
 * hex ids name traces and correlations, where only uniqueness counts.
 */
#include "base/id.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "base/secret.h"

#define HEX_MAX 64
#define COUNTER_BITS 12

/*
 * The last id's first 60 free bits: 48 of milliseconds, then rand_a as the counter (RFC 9562 §6.2,
 * method 1). Each id takes a greater value by compare-and-swap, so that threads need no lock.
 */
static atomic_uint_least64_t last_stamp;

static void put_hex(char *to, const uint8_t *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        to[2 * i] = digits[bytes[i] >> 4];
        to[2 * i + 1] = digits[bytes[i] & 15];
    }
}

/* A counter that is full carries into the milliseconds: the id runs ahead of the clock, never
 * backwards. */
static uint64_t next_stamp(unsigned seed)
{
    uint64_t ms = (uint64_t)dm_clock_wall_ms() & ((UINT64_C(1) << 48) - 1);
    /* The counter starts in its lower half, to leave a millisecond room for 2,048 ids at least. */
    uint64_t fresh = ms << COUNTER_BITS | (seed & 0x7ff);
    uint_least64_t last = atomic_load_explicit(&last_stamp, memory_order_relaxed);
    uint64_t next;
    do {
        next = fresh > last ? fresh : last + 1;
    } while (!atomic_compare_exchange_weak_explicit(&last_stamp, &last, next, memory_order_relaxed,
                                                    memory_order_relaxed));
    return next;
}

void dm_id_uuid7(char ret_text[DM_UUID_TEXT])
{
    uint8_t b[16];
    /* Random from the counter's bytes on: those only seed it. */
    dm_secret_random(b + 6, sizeof(b) - 6);
    uint64_t stamp = next_stamp((unsigned)(b[6] << 8 | b[7]));
    uint64_t ms = stamp >> COUNTER_BITS;
    for (int i = 0; i < 6; i++)
        b[i] = (uint8_t)(ms >> (40 - 8 * i));
    b[6] = (uint8_t)(0x70 | (stamp >> 8 & 0x0f));
    b[7] = (uint8_t)stamp;
    b[8] = (uint8_t)(0x80 | (b[8] & 0x3f));
    static const struct {
        uint8_t from, n, at;
    } parts[] = {{0, 4, 0}, {4, 2, 9}, {6, 2, 14}, {8, 2, 19}, {10, 6, 24}};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        put_hex(ret_text + parts[i].at, b + parts[i].from, parts[i].n);
        ret_text[parts[i].at + 2 * parts[i].n] = '-';
    }
    ret_text[DM_UUID_TEXT - 1] = '\0';
}

struct dm_str dm_id_new(struct dm_arena *arena)
{
    char text[DM_UUID_TEXT];
    dm_id_uuid7(text);
    return dm_arena_str(arena, dm_str_from(text));
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool dm_id_is_uuid(struct dm_str s)
{
    if (s.n != DM_UUID_TEXT - 1)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        if (hyphen ? s.p[i] != '-' : !is_hex(s.p[i]))
            return false;
    }
    return true;
}

void dm_id_hex(char *ret_text, size_t n)
{
    uint8_t bytes[HEX_MAX / 2];
    dm_secret_random(bytes, n / 2);
    put_hex(ret_text, bytes, n / 2);
    ret_text[n] = '\0';
}
