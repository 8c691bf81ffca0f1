/* Checks the loopback engine through the flat table, without Python: for sanitizers and speed.
 *
 * Each failed check is printed; the exit code is 0 only if there was none. With an argument the
 * program is one of its own other processes (check_processes.c), or the measurement: `speed`.
 */
#include "check.h"

#include <stdio.h>

int main(int argument_count, char **arguments)
{
    program = arguments[0];
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    if (argument_count > 1)
        return play_role(arguments[1]);
    check_clock = sn_clock_new();
    check_states();
    check_reject_and_cancel();
    check_own_identity();
    check_timeouts();
    check_late_listener();
    check_bad_handles();
    check_messages();
    check_limits();
    check_close_and_linger();
    check_close_without_linger();
    check_undelivered();
    check_poll_groups();
    check_lanes();
    check_many_lanes();
    check_simulation();
    check_slow_links();
    check_blackout_passes();
    check_config();
    check_status();
    check_status_afterwards();
    check_rates();
    check_ip();
    check_symmetric();
    check_sessions();
    check_full_session(false);
    check_full_session(true);
    check_session_without_memory();
    check_many_users();
    sn_clock_release(check_clock);
    check_clock = NULL;
    check_session_between_processes();
    check_echo();
    check_killed();
    check_guests();
    check_unread_peer();
    check_frozen_peer();
    check_hostile();
    check_two_closes();
    check_request_in_flight();
    check_other_clock();
    check_flood();
    check_acks_unread();
    check_crossing_links();
    check_false_acks();
    check_room_beside_acks();
    check_directory();
    check_fork();
    check_threads();
    check_callback_set_elsewhere();
    check_memory_failures();
    check_call_without_memory();
    printf("%d checks, %d failed\n", check_count, check_failures);
    return check_failures > 0;
}
