"""A program of everything a little, run again and again while one allocation after the other fails.

tests/process/test_faults.py starts it with tests/c/alloc_failures.c preloaded. It prints how many
allocations there were to fail, how many more the extension holds at the end than at the start,
and how often it was told that events were lost.
"""

import contextlib
import ctypes
import gc
import logging
import sys
import time
import warnings

import steamnet
from steamnet import ConfigValue, SendFlags, _native

ANSWERS = (MemoryError, steamnet.SteamnetError)


def live_a_little() -> None:
    """Two users, each kind of connection, each way to send and receive, and the end of it all."""
    with contextlib.ExitStack() as shutdowns:
        host = steamnet.init(engine="loopback", identity="str:host")
        shutdowns.callback(host.shutdown, 0)  # what an allocation failed for may never arrive
        guest = steamnet.init(engine="loopback", identity="str:guest")
        shutdowns.callback(guest.shutdown, 0)
        here, there = guest.networking_sockets, host.networking_sockets
        host.networking_utils.set_debug_output(6)
        there.create_listen_socket_p2p(1)
        group = there.create_poll_group()
        one, other = here.create_socket_pair()
        caller = here.connect_p2p("str:host", 1, {ConfigValue.NAGLE_TIME: 100})
        guest.networking_utils.set_config_value(ConfigValue.P2P_STUN_SERVER_LIST, "text")
        for turn in range(6):
            for steam in (host, guest):
                steam.run_callbacks()
            for event in there.connection_events():
                if event.is_incoming_request and there.accept_connection(event.connection):
                    there.set_connection_poll_group(event.connection, group)
            for identity in host.networking_messages.session_requests():
                host.networking_messages.accept_session_with_user(identity)
            if one:
                here.send_message(one, b"x" * 40_000)
                here.send_messages([(one, b"few", SendFlags.RELIABLE), (other, b"l", 0, 1)])
                here.broadcast([one, other], b"all of you")
                here.configure_connection_lanes(other, [0] * (turn + 1))
                held = here.receive_messages(other)
                here.get_detailed_connection_status(one)
                del held
            if caller:
                here.send_message(caller, bytes(2000), SendFlags.RELIABLE_NO_NAGLE)
            guest.networking_messages.send_message_to_user("str:host", b"hello", SendFlags.RELIABLE)
            there.receive_messages_on_poll_group(group, turn + 1)
            there.receive_columns_on_poll_group(group)
            host.networking_messages.receive_messages_on_channel(0)
            time.sleep(0.0005)
        if caller:
            here.close_connection(caller, 0, "", True)


def fill_the_pool() -> None:
    """Have more large payloads under way than the pool keeps, so that it holds its most."""
    with steamnet.init(engine="loopback", identity="str:host") as steam:
        sockets = steam.networking_sockets
        one, _other = sockets.create_socket_pair()
        for _ in range(12):
            sockets.send_message(one, b"x" * 40_000)
    gc.collect()


def main() -> None:
    """Fail each allocation in turn, until there is none left to fail."""
    # The library is in the process already: opening it again gives what was preloaded.
    logging.disable()
    alloc_failures = ctypes.CDLL(sys.argv[1])
    alloc_failures.alloc_failures_watch.argtypes = [ctypes.c_size_t, ctypes.c_size_t]
    with open("/proc/self/maps", encoding="utf-8") as maps:
        spans = [line.split()[0].split("-") for line in maps if _native.__file__ in line]
    alloc_failures.alloc_failures_watch(int(spans[0][0], 16), int(spans[-1][1], 16))
    for _ in range(3):
        live_a_little()  # what is kept for good is there now: pools, what Python remembers
    fill_the_pool()
    before = alloc_failures.alloc_failures_held()
    number, answered = 0, 0
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", RuntimeWarning)
        while True:
            alloc_failures.alloc_failures_arm(ctypes.c_long(number))
            try:
                live_a_little()
            except ANSWERS:
                answered += 1
            if not alloc_failures.alloc_failures_disarm():
                break
            number += 1
    fill_the_pool()
    losses = sum("events of the engine are lost" in str(warning.message) for warning in told)
    print(number, answered, alloc_failures.alloc_failures_held() - before, losses)


if __name__ == "__main__":
    main()
