/* Virtual clocks as Python uses them: time passes only when it is told to. */
#include "engine_loop.h"

sn_clock *sn_clock_new(void)
{
    sn_clock *clock;
    lo_clock_begin(&lo_real_clock);
    clock = lo_clock_new();
    lo_api_end();
    return clock;
}

void sn_clock_release(sn_clock *clock)
{
    lo_clock_begin(&lo_real_clock);
    lo_clock_release(clock);
    lo_api_end();
}

int64_t sn_clock_now(sn_clock *clock) { return lo_clock_time(clock); }

int64_t sn_clock_due(sn_clock *clock)
{
    int64_t due;
    lo_clock_begin(clock);
    due = lo_timer_due();
    lo_api_end();
    return due;
}

void sn_clock_advance(sn_clock *clock, int64_t to)
{
    lo_clock_begin(clock);
    if (to > lo.time)
        atomic_store(&lo.time, to);
    lo_api_end();
    lo_clock_begin(clock); /* runs what is due by now */
    lo_api_end();
}

bool sn_clock_run(sn_clock *clock, int64_t to)
{
    bool more = true, found = false;
    while (more && !found) {
        uint64_t before;
        int64_t next;
        lo_clock_begin(clock);
        before = lo.news;
        next = lo_timer_due();
        lo_api_end();
        more = next < to;
        if (!more && to == INT64_MAX)
            break; /* never */
        sn_clock_advance(clock, more ? next : to);
        lo_clock_begin(clock);
        found = lo.news != before;
        lo_api_end();
    }
    return found;
}
