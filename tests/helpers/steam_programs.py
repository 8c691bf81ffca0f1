"""Programs that the tests of the steam engine start."""

import os
import subprocess
import sys
import textwrap

PYTHON = (sys.executable, "-X", "faulthandler")


def run(*command: str, **environment: str) -> "subprocess.Popen[str]":
    """Start a program."""
    return subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def python(code: str, **environment: str) -> "subprocess.Popen[str]":
    """Start a Python program of its own."""
    return run(*PYTHON, "-c", textwrap.dedent(code), **environment)


def output(program: "subprocess.Popen[str]", timeout: float = 60.0) -> str:
    """Return what a program printed; it must end well."""
    try:
        out, err = program.communicate(timeout=timeout)
    finally:
        program.kill()
    assert program.returncode == 0, f"exit {program.returncode}\n{out[-1000:]}\n{err[-3000:]}"
    return out
