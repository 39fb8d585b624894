/*
 * Time: wall clock for what is stored and shown, monotonic clock for deadlines and durations. Tests replace
 * the former through dm_clock_fake().
 */
#ifndef DM_BASE_CLOCK_H
#define DM_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

int64_t dm_clock_wall_ms(void);      /* since 1970-01-01T00:00:00Z */
int64_t dm_clock_monotonic_ms(void); /* since an arbitrary point */
int64_t dm_clock_monotonic_us(void);
/* Processor time that this thread has had: to measure work by, whatever else the machine does. */
int64_t dm_clock_thread_us(void);

/* Milliseconds left until deadline_ms (monotonic), never below 0; fits an int for poll(2). */
int dm_clock_left_ms(int64_t deadline_ms);

/* For tests: a wall clock that stands at wall_ms; 0 restores the real one. */
void dm_clock_fake(int64_t wall_ms);

/* "2026-01-31T09:30:00.000Z" (RFC 3339 §5.6, UTC): writes 24 characters and NUL. */
#define DM_CLOCK_TEXT_MAX 25
void dm_clock_format(int64_t wall_ms, char ret_text[DM_CLOCK_TEXT_MAX]);
/* RFC 3339 date-time with any offset, fraction optional (cut to ms), years 0001 to 9999. */
bool dm_clock_parse(struct dm_str text, int64_t *ret_wall_ms);

#endif
