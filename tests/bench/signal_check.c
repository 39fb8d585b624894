/*
 * What looking for attack signals costs: a body of 2 KiB of ordinary prose, and one of the attacks themselves, which is the most that there
 * is to do. Prints the processor's time of the calling thread, the least of many rounds.
 */
#include "edge/signal.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BODY_BYTES 2048
#define ROUNDS 2000

static int64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void measure(const struct dm_signals *signals, const char *name, struct dm_str text)
{
    char body[BODY_BYTES];
    int64_t least = INT64_MAX;
    unsigned found = 0;
    for (size_t i = 0; i < sizeof(body); i++)
        body[i] = text.p[i % text.n];
    for (int round = 0; round < ROUNDS; round++) {
        int64_t before = cpu_ns();
        found = dm_signals_of(signals, (struct dm_str){body, sizeof(body)});
        int64_t spent = cpu_ns() - before;
        least = spent < least ? spent : least;
    }
    printf("signals %s us %.2f found %#x\n", name, (double)least / 1000, found);
}

int main(void)
{
    struct dm_signals *signals = dm_signals_new();
    if (!signals)
        abort();
    measure(
        signals, "prose",
        DM_STR(
            "{\"content\":\"Who taught you to rivet? My uncle Arvid did, when I was twelve; it's "
            "hard to say what I'd do without it. We select the oak in winter.\"}"));
    measure(signals, "attacks",
            DM_STR("' or '1'='1' union select a from b; drop table c; <script>$(cat /etc/passwd)"
                   "../../<img onerror=x>"));
    dm_signals_free(signals);
    return 0;
}
