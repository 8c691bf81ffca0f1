"""The command line answers a mistake in a line, and never with a traceback."""

import os
import subprocess
import sys

import pytest

import steamnet


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run ``steamnet`` with these arguments, as its user would."""
    return subprocess.run(
        [sys.executable, "-m", "steamnet", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"STEAMNET_LIBRARY": "", "STEAMNET_ENGINE": ""} | environment,
    )


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["demo", "--loss", "2"], 2, "not from 0 to 1"),
        (["demo", "--lag", "-5"], 2, "not from 0 to"),
        (["demo", "--messages", "0"], 2, "not from 1 to"),
        (["demo", "--lag", "soon"], 2, "invalid int value"),
        (["netgraph", "--seconds", "-1"], 2, "not from 0"),
        (["demo", "--library", "x.so"], 2, "takes no library"),
        (["host", "--engine", "loopback", "--identity", "nobody"], 2, "is no identity"),
        (["host", "--engine", "loopback", "--port", "70000"], 2, "0 to 65535"),
        (["join", "nobody", "--engine", "loopback"], 2, "is no identity"),
        (["host"], 1, "no library for the steam engine"),
        (["host", "--library", __file__], 1, "the library given cannot serve as the steam engine"),
        (["dance"], 2, "invalid choice"),
    ],
)
def test_mistakes_are_told_in_words(arguments: list[str], status: int, words: str) -> None:
    """Each with the exit status that shells expect."""
    done = run(*arguments)
    said = done.stderr + done.stdout
    assert words in said
    assert "Traceback" not in said
    assert done.returncode == status


def test_an_engine_that_nobody_has() -> None:
    """The environment may be wrong as well."""
    done = run("host", STEAMNET_ENGINE="pigeons")
    assert done.returncode == 2
    assert "'pigeons'" in done.stderr
    assert "Traceback" not in done.stderr


def test_version_and_help() -> None:
    """What every command line has."""
    assert run("--version").stdout == f"steamnet {steamnet.__version__}\n"
    helped = run("--help")
    assert helped.returncode == 0
    for command in ("demo", "host", "join", "info", "bench", "netgraph"):
        assert command in helped.stdout
