"""What the generators share: they write what they make into its file, or with --check compare."""

import argparse
import difflib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def parser(description: str | None) -> argparse.ArgumentParser:
    """A generator's command line, with ``--check``."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument(
        "--check", action="store_true", help="write nothing; fail if the file is not up to date"
    )
    return made


def put(path: Path, text: str, check: bool, block: str | None = None) -> int:
    """Write the text, or compare it; the exit status.

    With ``block`` the text is only what stands between ``<!-- block: begin -->`` and its end.
    """
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    if block is not None:
        begin, end = f"<!-- {block}: begin -->\n", f"<!-- {block}: end -->"
        before, found, rest = old.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            sys.exit(f"{path} has no block {begin.strip()} ... {end}")
        text = f"{before}{begin}{text}{end}{after}"
    if not check:
        path.write_text(text, encoding="utf-8")
        return 0
    sys.stdout.writelines(
        difflib.unified_diff(
            old.splitlines(keepends=True),
            text.splitlines(keepends=True),
            f"{path.name} as it is",
            f"{path.name} as {Path(sys.argv[0]).name} makes it",
        )
    )
    return int(old != text)
