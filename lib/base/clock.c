/*
 * The only reader of the system's clocks, and the text form of time. The calendar is computed here,
 * because gmtime and strptime know neither offsets nor milliseconds.
 */
#include "base/clock.h"

#include <limits.h>
#include <stdatomic.h>

#define MS_PER_DAY INT64_C(86400000)
#define WALL_MIN_MS INT64_C(-62135596800000) /* 0001-01-01T00:00:00.000Z */
#define WALL_MAX_MS INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

/* Set by tests only; 0: the real clock. */
static atomic_llong fake_wall_ms;

static int64_t read_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t dm_clock_wall_ms(void)
{
    int64_t fake = atomic_load_explicit(&fake_wall_ms, memory_order_relaxed);
    return fake != 0 ? fake : read_us(CLOCK_REALTIME) / 1000;
}

int64_t dm_clock_monotonic_ms(void)
{
    return read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t dm_clock_monotonic_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

int64_t dm_clock_thread_us(void)
{
    return read_us(CLOCK_THREAD_CPUTIME_ID);
}

int dm_clock_left_ms(int64_t deadline_ms)
{
    int64_t now = dm_clock_monotonic_ms();
    if (deadline_ms <= now)
        return 0;
    return deadline_ms - now > INT_MAX ? INT_MAX : (int)(deadline_ms - now);
}

void dm_clock_fake(int64_t wall_ms)
{
    atomic_store_explicit(&fake_wall_ms, wall_ms, memory_order_relaxed);
}

struct date {
    int64_t year, month, day;
};

/*
 * Days since 1970-01-01 in the proleptic Gregorian calendar, and back. Years begin in March here,
 * so that the leap day is the last of its year; an era is 400 years.
 */
static int64_t days_from_date(struct date d)
{
    int64_t year = d.month <= 2 ? d.year - 1 : d.year;
    int64_t era = year / 400; /* years from 0 on only */
    int64_t year_of_era = year - era * 400;
    int64_t month = d.month > 2 ? d.month - 3 : d.month + 9;
    int64_t day_of_year = (153 * month + 2) / 5 + d.day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static struct date date_from_days(int64_t days)
{
    int64_t since = days + 719468; /* 0000-03-01; never negative for years from 1 on */
    int64_t era = since / 146097;
    int64_t day_of_era = since - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    struct date d = {.day = day_of_year - (153 * month + 2) / 5 + 1,
                     .month = month < 10 ? month + 3 : month - 9};
    d.year = era * 400 + year_of_era + (d.month <= 2 ? 1 : 0);
    return d;
}

/* v as width digits at to; returns what follows. */
static char *put_digits(char *to, int64_t v, int width, char then)
{
    for (int i = width - 1; i >= 0; i--) {
        to[i] = (char)('0' + v % 10);
        v /= 10;
    }
    to[width] = then;
    return to + width + 1;
}

void dm_clock_format(int64_t wall_ms, char ret_text[DM_CLOCK_TEXT_MAX])
{
    if (wall_ms < WALL_MIN_MS)
        wall_ms = WALL_MIN_MS;
    if (wall_ms > WALL_MAX_MS)
        wall_ms = WALL_MAX_MS;
    int64_t days = wall_ms / MS_PER_DAY;
    int64_t ms = wall_ms % MS_PER_DAY;
    if (ms < 0) {
        ms += MS_PER_DAY;
        days--;
    }
    struct date d = date_from_days(days);
    char *to = put_digits(ret_text, d.year, 4, '-');
    to = put_digits(to, d.month, 2, '-');
    to = put_digits(to, d.day, 2, 'T');
    to = put_digits(to, ms / 3600000, 2, ':');
    to = put_digits(to, ms / 60000 % 60, 2, ':');
    to = put_digits(to, ms / 1000 % 60, 2, '.');
    to = put_digits(to, ms % 1000, 3, 'Z');
    *to = '\0';
}

/* Takes width digits and then one of the characters in then off *rest. */
static bool take_digits(struct dm_str *rest, size_t width, const char *then, int64_t *ret)
{
    if (rest->n < width)
        return false;
    int64_t v = 0;
    for (size_t i = 0; i < width; i++) {
        if (rest->p[i] < '0' || rest->p[i] > '9')
            return false;
        v = v * 10 + (rest->p[i] - '0');
    }
    if (*then != '\0' &&
        (rest->n == width || rest->p[width] == '\0' || strchr(then, rest->p[width]) == NULL))
        return false;
    *rest = dm_str_slice(*rest, width + (*then != '\0' ? 1 : 0), rest->n);
    *ret = v;
    return true;
}

static bool is_date(struct date d)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (d.year < 1 || d.month < 1 || d.month > 12 || d.day < 1)
        return false;
    bool leap = (d.year % 4 == 0 && d.year % 100 != 0) || d.year % 400 == 0;
    return d.day <= days[d.month - 1] + (d.month == 2 && leap ? 1 : 0);
}

/* ".digits", if it is there: milliseconds, the rest is cut. */
static bool take_fraction(struct dm_str *rest, int64_t *ret_ms)
{
    if (rest->n == 0 || rest->p[0] != '.')
        return true;
    int64_t ms = 0, worth = 100;
    size_t i = 1;
    for (; i < rest->n && rest->p[i] >= '0' && rest->p[i] <= '9'; i++) {
        ms += worth * (rest->p[i] - '0');
        worth /= 10;
    }
    *rest = dm_str_slice(*rest, i, rest->n);
    *ret_ms = ms;
    return i > 1;
}

/* "Z", "+hh:mm" or "-hh:mm", and nothing after it. */
static bool take_offset(struct dm_str rest, int64_t *ret_minutes)
{
    if (dm_str_eq_nocase(rest, DM_STR("Z"))) {
        *ret_minutes = 0;
        return true;
    }
    if (rest.n != 6 || (rest.p[0] != '+' && rest.p[0] != '-'))
        return false;
    int64_t sign = rest.p[0] == '-' ? -1 : 1, hours, minutes;
    rest = dm_str_slice(rest, 1, rest.n);
    if (!take_digits(&rest, 2, ":", &hours) || !take_digits(&rest, 2, "", &minutes) || hours > 23 ||
        minutes > 59)
        return false;
    *ret_minutes = sign * (hours * 60 + minutes);
    return true;
}

bool dm_clock_parse(struct dm_str text, int64_t *ret_wall_ms)
{
    struct date d;
    int64_t hour, minute, second, ms = 0, offset;
    if (!take_digits(&text, 4, "-", &d.year) || !take_digits(&text, 2, "-", &d.month) ||
        !take_digits(&text, 2, "Tt", &d.day) || !take_digits(&text, 2, ":", &hour) ||
        !take_digits(&text, 2, ":", &minute) || !take_digits(&text, 2, "", &second) ||
        !take_fraction(&text, &ms) || !take_offset(text, &offset))
        return false;
    if (!is_date(d) || hour > 23 || minute > 59 || second > 60)
        return false;
    int64_t minutes = days_from_date(d) * 1440 + hour * 60 + minute - offset;
    /* A leap second ends a day of UTC; like POSIX we count it as the second after it. */
    if (second == 60 && (minutes + 1) % 1440 != 0)
        return false;
    int64_t wall_ms = (minutes * 60 + second) * 1000 + ms;
    if (wall_ms < WALL_MIN_MS || wall_ms > WALL_MAX_MS)
        return false;
    *ret_wall_ms = wall_ms;
    return true;
}
