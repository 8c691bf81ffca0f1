"""The hot paths on one engine, beside a C loop and other bindings: a process of its own.

``python hot.py OPTIONS-AS-JSON`` prints a JSON object a line: ``{"step": what}`` before each
measurement, ``{"group", "name", "unit", "samples": {who: [...]}}`` after it.
"""

import ctypes
import gc
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from time import thread_time_ns  # other programs on the machine do not count
from typing import Any

from bindings import Cffi, Ctypes, read_event
from loops import Loops

import steamnet
from steamnet import ConfigScope, ConfigValue
from steamnet._native import ffi, lib
from steamnet.cli.bench import FLAGS, Pair, Sample, how_many, interleave, open_wide

FAN = 64
QUEUED = 2 << 20  # bytes
DATA = b"x" * 64


def say(**line: Any) -> None:
    """Tell the runner."""
    print(json.dumps(line), flush=True)


class Hot:
    """The measurements."""

    def __init__(self, options: dict[str, Any]) -> None:
        """Open the engine and what shall be compared on it."""
        self.options = options
        self.repeats = 7 if options["quick"] else 21
        app_id = 480 if options["engine"] == "steam" else None
        self.steam = steamnet.init(app_id, engine=options["engine"], library=options.get("library"))
        self.sockets = self.steam.networking_sockets
        open_wide(self.steam)
        self.pair = Pair(self.steam)
        self.loops = Loops(Path(options["loops"]), self.steam)
        self.others: dict[str, Any] = {}
        if options["bindings"]:
            sockets = self.loops.sockets()
            self.others = {
                "ctypes": Ctypes(sockets, self.loops.address),
                "naive cffi": Cffi(sockets, self.loops.address),
            }
        self.swig = load_swig(Path(options["swig"])) if options.get("swig") else None

    def compare(
        self, group: str, name: str, unit: str, cases: dict[str, Sample], turns: int = 1
    ) -> None:
        """Measure the cases of a row, each once unmeasured first; that many times as often."""
        say(step=f"{self.options['engine']}: {group}, {name}")
        for sample in cases.values():
            sample()
        gc.collect()
        gc.disable()
        quickly = min(sample() for sample in cases.values()) < 1000
        samples = interleave(cases, self.repeats * (2 if quickly else turns))
        gc.enable()
        say(group=group, name=name, unit=unit, samples=samples)

    # --- receiving ----------------------------------------------------------------------------

    def filled(self, pair: Pair, size: int, take: Callable[[int], int], queued: int) -> Sample:
        """Time how long that takes for each message of a queue that C has filled."""
        count = how_many(size, queued)
        near = self.loops.handles([pair.near])

        def sample() -> float:
            if self.loops.fill(near, 1, size, count, int(FLAGS)) != count:
                raise RuntimeError("the queue could not be filled")
            pair.settle()
            start = thread_time_ns()
            got = take(count)
            taken = thread_time_ns() - start
            if got != count:
                raise RuntimeError(f"{got} of {count} messages came")
            return taken / count

        return sample

    def receive(
        self, group: str, pair: Pair, sizes: tuple[int, ...], batches: tuple[int, ...]
    ) -> None:
        """Take messages of each size, so many a call; ``group`` names how."""
        handle, grouped = pair.far, "poll group" in group
        if grouped:
            handle = self.sockets.create_poll_group()
            self.sockets.set_connection_poll_group(pair.far, handle)
        sockets = self.sockets
        ours = sockets.receive_messages_on_poll_group if grouped else sockets.receive_messages
        for size in sizes:
            for batch in batches:
                cases: dict[str, Callable[[int], int]] = {
                    "C": lambda count, batch=batch: self.loops.receive(handle, grouped, batch),
                    "steamnet": lambda n, b=batch: walk(ours, handle, b, n),
                }
                if not grouped and pair is self.pair:
                    for what, read in READERS.items():
                        cases[f"steamnet, {what}"] = lambda n, b=batch, r=read: r(
                            ours, handle, b, n
                        )
                    for who, binding in self.others.items():
                        cases[who] = lambda n, b=batch, r=binding.receive: walk(r, handle, b, n)
                if self.swig is not None:
                    take = getattr(
                        self.swig,
                        "SWS_Steam_NetworkingSockets_ReceiveMessagesOn"
                        f"{'PollGroup' if grouped else 'Connection'}Bytes",
                    )
                    cases["steamworks-swig"] = lambda n, b=batch, r=take: walk(r, handle, b, n)
                queued = (1 if self.options["quick"] else 2) << (15 if "UDP" in group else 20)
                self.compare(
                    group,
                    f"{size} B, {batch} a call",
                    "ns a message",
                    {who: self.filled(pair, size, take, queued) for who, take in cases.items()},
                )
        if grouped:
            self.sockets.destroy_poll_group(handle)

    def columns(self) -> None:
        """Take messages as columns, beside the C loop, which takes 256 a call."""
        handle, receive = self.pair.far, self.sockets.receive_columns_on_connection

        def take(count: int, batch: int) -> int:
            got = 0
            while got < count and (columns := receive(handle, batch)):
                got += len(columns)
            return got

        for batch in (256, 1000):
            cases: dict[str, Callable[[int], int]] = {
                "C": lambda count: self.loops.receive(handle, False, 256),
                "steamnet": lambda count, b=batch: take(count, b),
            }
            samples = {who: self.filled(self.pair, 64, work, QUEUED) for who, work in cases.items()}
            self.compare("receive as columns", f"64 B, {batch} a call", "ns a message", samples)

    def status(self) -> None:
        """Ask for a connection's status and info, beside a bare call of the same function."""
        times, far, sockets = 500, self.pair.far, self.sockets
        pointer = self.steam.engine.pointer
        status = ffi.new("SteamNetConnectionRealTimeStatus_t *")
        info = ffi.new("SteamNetConnectionInfo_t *")
        ask = lib.ISteamNetworkingSockets_GetConnectionRealTimeStatus
        look = lib.ISteamNetworkingSockets_GetConnectionInfo
        rows: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
            "get_quick_connection_status": (
                lambda: ask(pointer, far, status, 0, ffi.NULL),
                lambda: sockets.get_quick_connection_status(far),
            ),
            "get_connection_info": (
                lambda: look(pointer, far, info),
                lambda: sockets.get_connection_info(far),
            ),
        }
        for name, (bare, ours) in rows.items():
            cases = {
                "cffi": timed(lambda w=bare: each(times, w), times),
                "steamnet": timed(lambda w=ours: each(times, w), times),
            }
            self.compare("a connection's state", name, "ns a call", cases)
        run = self.steam.run_callbacks
        cases = {"steamnet": timed(lambda: each(times, run), times)}
        self.compare("nothing to tell", "run_callbacks", "ns a call", cases)

    def lanes(self) -> None:
        """Send where there are many lanes, all but one of them empty."""
        flags, one = int(FLAGS), self.sockets.send_message
        many = Pair(self.steam)
        self.sockets.configure_connection_lanes(many.near, [0] * 255)

        def sample(pair: Pair) -> Sample:
            def send() -> float:
                start = thread_time_ns()
                for _ in range(256):
                    one(pair.near, DATA, flags)
                taken = thread_time_ns() - start
                pair.settle()
                self.loops.receive(pair.far, False, 256)
                return taken / 256

            return send

        cases = {"1 lane": sample(self.pair), "255 lanes": sample(many)}
        self.compare("send_message with lanes", "64 B", "ns a message", cases)
        for end in (many.near, many.far):
            self.sockets.close_connection(end)

    def poll(self) -> None:
        """Ask where nothing waits."""
        times, far, receive = 2000, self.pair.far, self.sockets.receive_messages

        def c() -> None:
            self.loops.poll(far, False, times)

        def ours(receive: Callable[..., Any] = receive) -> None:
            for _ in range(times):
                receive(far)

        cases: dict[str, Sample] = {"C": timed(c, times), "steamnet": timed(ours, times)}
        for who, binding in self.others.items():
            cases[who] = timed(lambda r=binding.receive: each(times, lambda: r(far, 100)), times)
        self.compare("empty poll", "one connection", "ns a call", cases)

    # --- sending ------------------------------------------------------------------------------

    def sent(self, work: Callable[[], object], count: int) -> Sample:
        """Time sending; C takes what was sent out again, so often that malloc keeps its memory."""

        def sample() -> float:
            taken = 0
            for _ in range(4):
                start = thread_time_ns()
                work()
                taken += thread_time_ns() - start
                self.pair.settle()
                self.loops.receive(self.pair.far, False, 256)
            return taken / (4 * count)

        return sample

    def send(self, sizes: tuple[int, ...]) -> None:
        """Send one by one, and 64 a call."""
        loops, near, flags = self.loops, self.pair.near, int(FLAGS)
        one, many = self.sockets.send_message, self.sockets.send_messages
        handles = loops.handles([near])
        for size in sizes:
            data, count = b"x" * size, 256 if size <= 256 else 64
            batch = [(near, data, flags)] * 64

            def c(data: bytes = data, size: int = size, count: int = count) -> None:
                loops.send(handles, 1, data, size, count, flags)

            def c_many(data: bytes = data, size: int = size, count: int = count) -> None:
                loops.send_many(near, data, size, count // 64, flags)

            def ours(data: bytes = data, count: int = count) -> None:
                for _ in range(count):
                    one(near, data, flags)

            def ours_many(batch: list[Any] = batch, count: int = count) -> None:
                for _ in range(count // 64):
                    many(batch)

            def ours_made(data: bytes = data, count: int = count) -> None:
                for _ in range(count // 64):
                    many([(near, data, flags) for _ in range(64)])

            cases = {"C": self.sent(c, count), "steamnet": self.sent(ours, count)}
            for who, binding in self.others.items():
                cases[who] = self.sent(
                    lambda s=binding.send, d=data, n=count: each(n, lambda: s(near, d, flags)),
                    count,
                )
            self.compare("send_message", f"{size} B", "ns a message", cases)
            cases = {
                "C": self.sent(c, count),
                "C, 64 a call": self.sent(c_many, count),
                "steamnet": self.sent(ours_many, count),
                "steamnet, list made anew": self.sent(ours_made, count),
            }
            self.compare("send_messages, 64 a call", f"{size} B", "ns a message", cases)

    def broadcast(self, sizes: tuple[int, ...]) -> None:
        """Send one payload to many connections."""
        pairs = [self.sockets.create_socket_pair() for _ in range(FAN)]
        group = self.sockets.create_poll_group()
        for _, far in pairs:
            self.sockets.set_connection_poll_group(far, group)
        near = [pair[0] for pair in pairs]
        handles, flags, shout = self.loops.handles(near), int(FLAGS), self.sockets.broadcast
        for size in sizes:
            data, calls = b"x" * size, max(how_many(size) // FAN, 1)
            cases: dict[str, Callable[[], object]] = {
                "C": lambda d=data, n=calls: self.loops.send(handles, FAN, d, len(d), n, flags),
                "steamnet": lambda d=data, n=calls: each(n, lambda: shout(near, d, flags)),
            }

            def drained(work: Callable[[], object], count: int = calls * FAN) -> Sample:
                def sample() -> float:
                    start = thread_time_ns()
                    work()
                    taken = thread_time_ns() - start
                    got = 0
                    while got < count:
                        got += int(self.loops.receive(group, True, 256))
                    return taken / count

                return sample

            samples = {who: drained(work) for who, work in cases.items()}
            self.compare(f"broadcast to {FAN}", f"{size} B", "ns a message", samples)
        for pair in pairs:
            for connection in pair:
                self.sockets.close_connection(connection)

    # --- the rest -----------------------------------------------------------------------------

    def events(self) -> None:
        """Hear of connections that were closed."""
        sockets = self.sockets

        engine, event = self.steam.engine.pointer, ffi.new("sn_event *")
        told: list[object] = []

        def ours() -> int:
            self.steam.run_callbacks()
            return len(sockets.connection_events())

        def handled() -> int:
            sockets.on_connection_status_changed(told.append)
            self.steam.run_callbacks()
            sockets.remove_connection_status_handler(told.append)
            count = len(told)
            told.clear()
            return count

        def cffi(read: Callable[[Any], object] | None) -> int:
            count = 0
            lib.sn_pump_events(engine, 2**31 - 1)
            while lib.sn_next_event(engine, event):
                count += 1
                if read is not None:
                    read(event)
            return count

        def made() -> tuple[int, int]:
            # GNS has room for some 8,000, those that were closed a moment ago included.
            while 0 in (pair := sockets.create_socket_pair()):
                time.sleep(0.1)
            return pair

        def sample(hear: Callable[[], int]) -> Sample:
            def one() -> float:
                pairs = [made() for _ in range(64)]
                ours()  # what run_callbacks does ten times a second is done, and not measured
                if hear is in_c:
                    self.loops.hear(True)
                for near, _ in pairs:
                    sockets.close_connection(near)
                heard, start, deadline = 0, thread_time_ns(), time.monotonic() + 10
                while heard < len(pairs) and time.monotonic() < deadline:
                    heard += hear()
                taken = thread_time_ns() - start
                if hear is in_c:
                    self.loops.hear(False)
                if heard < len(pairs):
                    raise RuntimeError(f"{heard} events of {len(pairs)} connections came")
                for _, far in pairs:
                    sockets.close_connection(far)
                return taken / heard

            return one

        in_c = self.loops.events
        cases = {
            "C": sample(in_c),
            "steamnet": sample(ours),
            "steamnet, handler": sample(handled),
            "cffi": sample(lambda: cffi(None)),
            "cffi, all read": sample(lambda: cffi(read_event)),
        }
        self.compare("status events", "connections closed", "ns an event", cases)

    def busy(self) -> None:
        """The slowest of 40 receive calls, with and without a thread that never sleeps."""
        loops, pair = self.loops, self.pair
        near = loops.handles([pair.near])
        takers = {"steamnet": self.sockets.receive_messages}
        takers |= {who: binding.receive for who, binding in self.others.items()}

        def worst(receive: Callable[..., Any]) -> Sample:
            def sample() -> float:
                slowest = 0
                loops.fill(near, 1, 64, 64 * 40, int(FLAGS))
                pair.settle()
                time.sleep(0)
                for _ in range(40):
                    start = time.perf_counter_ns()
                    receive(pair.far, 64)
                    slowest = max(slowest, time.perf_counter_ns() - start)
                return float(slowest)

            return sample

        stop = threading.Event()

        def spin() -> None:
            while not stop.is_set():
                pass

        for name in ("idle", "a busy Python thread"):
            thread = threading.Thread(target=spin, daemon=True)
            if name != "idle":
                thread.start()
            cases = {who: worst(receive) for who, receive in takers.items()}
            # The system moves this thread between cores, and the first call on a new one is slow.
            self.compare("slowest of 40 receive calls of 64", name, "ns a call", cases, turns=3)
        stop.set()

    def memory(self) -> None:
        """What is left of a million messages, and of a million polls that found nothing."""
        total = 100_000 if self.options["quick"] else 1_000_000
        near, far = self.loops.handles([self.pair.near]), self.pair.far
        receive = self.sockets.receive_messages

        def messages(count: int) -> None:
            while count > 0:
                self.loops.fill(near, 1, 64, 1000, int(FLAGS))
                self.pair.settle()
                got = 0
                while got < 1000:
                    got += len(receive(far, 256))
                count -= 1000

        def polls(count: int) -> None:
            for _ in range(count):
                receive(far)

        for name, work in (("messages", messages), ("empty polls", polls)):
            say(step=f"{self.options['engine']}: memory after {total:,} {name}")
            work(10_000)
            gc.collect()
            before = held()
            work(total)
            gc.collect()
            after = held()
            growth = {what: [float(after[what] - before[what])] for what in before}
            say(group="growth of memory", name=f"{total:,} {name}", unit="", samples=growth)


def timed(work: Callable[[], object], count: int) -> Sample:
    """Nanoseconds of each of the things that the work does."""

    def sample() -> float:
        start = thread_time_ns()
        work()
        return (thread_time_ns() - start) / count

    return sample


def each(times: int, work: Callable[[], object]) -> None:
    """Do it that many times."""
    for _ in range(times):
        work()


def walk(receive: Callable[..., Any], handle: int, batch: int, count: int) -> int:
    """Take each message in a loop, as any program does, and no more."""
    got = 0
    while got < count and (messages := receive(handle, batch)):
        for _ in messages:
            pass
        got += len(messages)
    return got


def read_three(receive: Callable[..., Any], handle: int, batch: int, count: int) -> int:
    """Read what a game reads: the length of the payload, the connection and the number."""
    got = size = connection = number = 0
    while got < count and (messages := receive(handle, batch)):
        for message in messages:
            size = len(message.data)
            connection = message.connection
            number = message.message_number
        got += len(messages)
    return got if size >= 0 and connection and number else 0


def read_payload(receive: Callable[..., Any], handle: int, batch: int, count: int) -> int:
    """Read the same three with the payload as bytes."""
    got = size = connection = number = 0
    while got < count and (messages := receive(handle, batch)):
        for message in messages:
            size = len(message.payload)
            connection = message.connection
            number = message.message_number
        got += len(messages)
    return got if size >= 0 and connection and number else 0


def read_all(receive: Callable[..., Any], handle: int, batch: int, count: int) -> int:
    """Read all eight fields and the first byte of each, as the C loop does."""
    got = byte = 0
    fields: tuple[Any, ...] = ()
    while got < count and (messages := receive(handle, batch)):
        for m in messages:
            size = m.size
            connection = m.connection
            identity = m.identity
            user_data = m.connection_user_data
            received = m.time_received
            number = m.message_number
            flags = m.flags
            channel = m.channel
            byte = m.payload[0]
        fields = size, connection, identity, user_data, received, number, flags, channel
        got += len(messages)
    return got if len(fields) == 8 and byte >= 0 else 0


def copy_all(receive: Callable[..., Any], handle: int, batch: int, count: int) -> int:
    """Take the bytes of each payload, which is all that steamworks-swig gives."""
    got = 0
    payload = b""
    while got < count and (messages := receive(handle, batch)):
        for message in messages:
            payload = message.payload
        got += len(messages)
    return got if type(payload) is bytes else 0


READERS = {
    "three read": read_three,
    "three, payload": read_payload,
    "all read": read_all,
    "payload": copy_all,
}


def held() -> dict[str, int]:
    """What this process holds: Python's blocks, malloc's bytes, and pages of memory."""
    sizes = {"Python blocks": sys.getallocatedblocks()}
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallinfo2"):

        class Info(ctypes.Structure):
            _fields_ = (
                ("before", ctypes.c_size_t * 7),
                ("used", ctypes.c_size_t),
                ("after", ctypes.c_size_t * 2),
            )

        libc.mallinfo2.restype = Info
        sizes["malloc bytes"] = libc.mallinfo2().used
    if os.path.exists("/proc/self/statm"):
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        sizes["resident KiB"] = pages * os.sysconf("SC_PAGE_SIZE") // 1024
    return sizes


def load_swig(folder: Path) -> Any:
    """steamworks-swig over the library that is loaded already; what that lacks stays unresolved."""
    flags = sys.getdlopenflags()
    sys.setdlopenflags(os.RTLD_LAZY)
    sys.path.insert(0, str(folder))
    try:
        import steamworks.steamworks as raw
    finally:
        sys.setdlopenflags(flags)
    return raw


def main() -> None:
    """Measure what the options ask for."""
    options = json.loads(sys.argv[1])
    hot = Hot(options)
    say(about=hot.steam.engine.version)
    quick = options["quick"]
    if options.get("swig"):
        hot.receive("receive", hot.pair, (64, 1200, 16384), (1, 64))
        return
    if options["link"] == "events":
        hot.events()
        return
    if options["link"] == "udp":
        over_udp = Pair(hot.steam)
        over_udp.near, over_udp.far = hot.sockets.create_socket_pair(True)
        for key in (ConfigValue.SEND_RATE_MIN, ConfigValue.SEND_RATE_MAX):  # no faster than heard
            for end in (over_udp.near, over_udp.far):
                hot.steam.networking_utils.set_config_value(
                    key, 4 << 20, ConfigScope.CONNECTION, end
                )
        hot.receive("receive over UDP", over_udp, (64, 1200), (64,))
        return
    if quick:
        hot.receive("receive", hot.pair, (64, 1200, 262144), (1, 64))
        hot.receive("receive, poll group", hot.pair, (64,), (64,))
        hot.poll()
        hot.send((64,))
        hot.broadcast((1200,))
    else:
        hot.receive("receive", hot.pair, (16, 64, 512, 1200, 16384, 262144), (1, 16, 64, 256))
        hot.receive("receive, poll group", hot.pair, (64, 1200, 16384), (1, 64, 256))
        hot.poll()
        hot.send((64, 1200, 16384, 262144))
        hot.broadcast((64, 1200, 16384))
    hot.columns()
    hot.status()
    hot.lanes()
    hot.busy()
    hot.memory()


if __name__ == "__main__":
    main()
