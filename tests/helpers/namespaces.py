"""Machines and home routers made of Linux network namespaces, for tests that cross a network.

A namespace lives as long as its processes: each machine has one that ends when its standard input
is closed, and the others end with the process that started them. So nothing is left behind, however
the tests end. Nothing is changed outside of the namespaces, and no packet leaves them.
"""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requirements
from waiting import until

STEAMNET = (sys.executable, "-P", "-m", "steamnet")
TOOLS = ("ip", "nft", "nsenter", "setpriv", "unshare", "turnserver")
SBIN = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])

# What a home router does: outgoing connections get its own address, and only answers come in.
ROUTER = """
flush ruleset
table ip home {{
    chain out {{
        type nat hook postrouting priority 100
        oifname "wan" masquerade {ports}
    }}
    chain through {{
        type filter hook forward priority 0; policy drop
        ct state established,related accept
        iifname "lan*" accept
        ct status dnat accept
    }}
    chain in {{
        type nat hook prerouting priority -100
        {forwarded}
    }}
    chain here {{
        type filter hook input priority 0; policy drop
        ct state established,related accept
        iifname "lan*" accept
    }}
}}
"""


def _run(*command: str | Path, text: str | None = None) -> None:
    words = [str(word) for word in command]
    done = subprocess.run(
        words, input=text, capture_output=True, text=True, timeout=60, env={"PATH": SBIN}
    )
    assert done.returncode == 0, f"{words}: {done.stderr}{done.stdout}"


class Program:
    """A program on a machine, with all that it has printed; lines can be typed into it."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        """Read what the process prints."""
        self.process = process
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def shows(self, text: str, timeout: float = 60.0) -> str:
        """Wait for a line that has this text, and return it."""

        def found() -> str | None:
            return next((line for line in self.lines if text in line), None)

        def shown_or_over() -> bool:
            return found() is not None or not self._reader.is_alive()

        until(shown_or_over, timeout=timeout, what=f"{text!r} in {self.lines}")
        line = found()
        assert line is not None, f"no {text!r} in {self.lines}"
        return line

    def type(self, line: str) -> None:
        """Type a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def ends(self, timeout: float = 60.0) -> int:
        """Wait for the end; the exit code."""
        code = self.process.wait(timeout)
        self._reader.join(timeout)
        return code

    def stop(self) -> int:
        """End it as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        return self.ends()

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.kill()
        self.ends()


class Machine:
    """A network namespace, with a folder for what its user's programs keep."""

    def __init__(self, folder: Path, name: str) -> None:
        """Begin with the loopback interface only."""
        self.name = name
        self.address = ""
        self._programs: list[Program] = []
        self._environment = {"STEAMNET_LOOPBACK_DIR": str(folder / name)}
        (folder / name).mkdir(mode=0o700)
        ready = ("unshare", "--net", "sh", "-c", "echo; exec cat")
        self._holder = subprocess.Popen(ready, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"\n", "no new network namespace"
        self.pid = str(self._holder.pid)
        self.run("ip", "link", "set", "lo", "up")

    @property
    def inside(self) -> list[str]:
        """The words before a command that run it on this machine."""
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net", "--"]

    def run(self, *command: str | Path, text: str | None = None) -> None:
        """Run a command here, to its end."""
        _run(*self.inside, *command, text=text)

    def start(self, *command: str | Path, **environment: str) -> Program:
        """Start a program here."""
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *self.inside, *map(str, command)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"PATH": SBIN} | self._environment | environment,
        )
        self._programs.append(Program(process))
        return self._programs[-1]

    def steamnet(self, line: str) -> Program:
        """Start the command ``steamnet``, as typed after that word."""
        return self.start(*STEAMNET, *shlex.split(line))

    def plug(self, on: bool) -> None:
        """Pull the cable of a machine behind a router, or put it back."""
        self.run("ip", "link", "set", "eth", "up" if on else "down")
        if on:
            self.run("ip", "route", "replace", "default", "via", "192.168.1.1")

    def end_programs(self) -> None:
        """End whatever still runs here."""
        for program in self._programs:
            program.process.kill()
        for program in self._programs:
            program.ends()
            for pipe in (program.process.stdin, program.process.stdout):
                if pipe is not None:
                    pipe.close()
        self._programs.clear()

    def close(self) -> None:
        """Let the namespace go."""
        self.end_programs()
        for pipe in (self._holder.stdin, self._holder.stdout):
            if pipe is not None:
                pipe.close()
        self._holder.wait(10)


class Router(Machine):
    """A machine that gives those behind it its own address outside, as home routers do."""

    def masquerade(self, *, symmetric: bool = False, forwarded: str = "") -> None:
        """Map a sender to one port, or (symmetric) to one for each receiver; forward a UDP port.

        The latter as ``27015 to 192.168.1.11``.
        """
        ports = "fully-random" if symmetric else ""
        port = f'iifname "wan" udp dport {forwarded.replace("to", "dnat to")}' if forwarded else ""
        self.run("nft", "-f", "-", text=ROUTER.format(ports=ports, forwarded=port))


class Internet:
    """A bridge with public addresses, and two homes behind routers, whose private ones are alike.

    ``server`` and ``public`` have public addresses; ``ann`` and ``amy`` live behind ``west``,
    ``bob`` behind ``east``.
    """

    def __init__(self, folder: Path) -> None:
        """Make the machines and connect them."""
        self._folder = folder
        self._machines: list[Machine] = []
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    def _build(self) -> None:
        self._bridge = self._add(Machine, "bridge")
        self._bridge.run("ip", "link", "add", "name", "wires", "type", "bridge")
        self._bridge.run("ip", "link", "set", "wires", "up")
        self.server = self._public(Machine, "server", 10)
        self.public = self._public(Machine, "public", 11)
        self.west = self._public(Router, "west", 2)
        self.east = self._public(Router, "east", 3)
        self.ann = self._behind(self.west, "ann", 11)
        self.amy = self._behind(self.west, "amy", 12)
        self.bob = self._behind(self.east, "bob", 11)

    def _add(self, kind: type[Any], name: str) -> Any:
        self._machines.append(kind(self._folder, name))
        return self._machines[-1]

    def _cable(self, here: Machine, name: str, there: Machine, port: str) -> None:
        ends = [name, "netns", here.pid, "type", "veth", "peer", "name", port, "netns", there.pid]
        _run("ip", "link", "add", "name", *ends)
        here.run("ip", "link", "set", name, "up")
        there.run("ip", "link", "set", port, "up")

    def _public(self, kind: type[Any], name: str, number: int) -> Any:
        machine = self._add(kind, name)
        machine.address = f"198.18.0.{number}"
        self._cable(machine, "wan", self._bridge, name)
        machine.run("ip", "address", "add", f"{machine.address}/24", "dev", "wan")
        self._bridge.run("ip", "link", "set", name, "master", "wires")
        if kind is Router:
            machine.run("ip", "link", "add", "name", "lan", "type", "bridge")
            machine.run("ip", "address", "add", "192.168.1.1/24", "dev", "lan")
            machine.run("ip", "link", "set", "lan", "up")
            machine.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
            machine.masquerade()
        return machine

    def _behind(self, router: Router, name: str, number: int) -> Machine:
        machine: Machine = self._add(Machine, name)
        machine.address = f"192.168.1.{number}"
        self._cable(machine, "eth", router, f"lan-{name}")
        router.run("ip", "link", "set", f"lan-{name}", "master", "lan")
        machine.run("ip", "address", "add", f"{machine.address}/24", "dev", "eth")
        machine.run("ip", "route", "add", "default", "via", "192.168.1.1")
        return machine

    def reset(self) -> None:
        """End whatever runs on the machines, and make the routers ordinary again."""
        for machine in self._machines:
            machine.end_programs()
        for router in (self.west, self.east):
            router.masquerade()

    def close(self) -> None:
        """Let all namespaces go."""
        for machine in reversed(self._machines):
            machine.close()


def _why_none() -> str | None:
    """Why there can be no namespaces here; None if there can be."""
    if absent := [tool for tool in TOOLS if not shutil.which(tool, path=SBIN)]:
        return f"no {', '.join(absent)} on this machine"
    words = ["unshare", "--net", "sh", "-c", "nft list ruleset && ip link add name x type veth"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, env={"PATH": SBIN})
    if done.returncode:
        return f"no network namespaces for this user ({done.stderr.strip()})"
    return None


@contextmanager
def internet() -> Iterator[Internet]:
    """Make the machines, or skip the test where they cannot be made."""
    reason = _why_none()
    if reason is not None:
        requirements.missing(reason, "STEAMNET_REQUIRE_NETWORK")
    with tempfile.TemporaryDirectory(prefix="sn-") as folder:  # short, for names of sockets
        made = Internet(Path(folder))
        try:
            yield made
        finally:
            made.close()
