"""Runs a program with mistakes in place of ``@``, one after the other, as if each were typed.

    python mistaken.py (FILE | -m MODULE) [WORD ...]

It prints a line of JSON for each: the mistake, the exit status, and what was said.
"""

import json
import runpy
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

MISTAKES = (
    "",
    "nonsense",
    "\N{SNOWMAN} a\nb",
    "\udcff",  # a byte that is no text
    "x" * 100_000,
    "9" * 5_000,  # more digits than int() takes
    "STEAM_0:1:" + "9" * 5_000,
)


def run(words: list[str]) -> object:
    """Run a program; what it exits with."""
    try:
        if words[0] == "-m":
            sys.argv = words[1:]
            runpy.run_module(words[1], run_name="__main__")
        else:
            sys.argv = words
            runpy.run_path(words[0], run_name="__main__")
    except SystemExit as end:
        return end.code
    return 0


def main() -> None:
    """Make the mistakes, or, without a ``@``, run the program once."""
    words = sys.argv[1:]
    if words[0] != "-m":
        sys.path.insert(0, str(Path(words[0]).parent))  # an example may import another
    for mistake in MISTAKES if "@" in words else ("",):
        said = StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            status = run([mistake if word == "@" else word for word in words])
        print(json.dumps([mistake, status, said.getvalue()]))


if __name__ == "__main__":
    main()
