"""tools/live_steam.py, for people with a Steam: over the stand-in, as it runs for them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from topologies import ALICE, BOB

ROOT = Path(__file__).resolve().parents[3]
TOOL = ROOT / "tools" / "live_steam.py"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake Steam is built for POSIX")
NAME = "Alice of the Hidden Valley"


@pytest.fixture
def library(fakes: dict[str, str], surroundings: pytest.MonkeyPatch) -> str:
    """The newest library, as people have."""
    return fakes["v013"]


def start(
    folder: Path, library: str, *arguments: str, **environment: str
) -> "subprocess.Popen[str]":
    """Start the tool in a folder of its own; its report goes there."""
    folder.mkdir()
    return subprocess.Popen(
        [sys.executable, str(TOOL), *arguments, "--library", library, "--seconds", "20"],
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def results(folder: Path) -> dict[str, str]:
    """What the report says of each step."""
    text = (folder / "live_steam_report.md").read_text("utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {row[0]: row[1] for row in rows[1:]}


def test_the_walk_tries_every_kind_of_call(library: str, tmp_path: Path, ice: None) -> None:
    """All goes well over the stand-in; without a person who agrees nothing is shown to friends."""
    walk = start(tmp_path / "walk", library, "walk", STEAMNET_FAKE_STEAM_NAME=NAME)
    said, _ = walk.communicate(timeout=120)
    assert walk.returncode == 0, said
    found = results(tmp_path / "walk")
    assert len(found) > 12
    asked = {"rich presence", "the invite dialog"}
    assert {what for what, result in found.items() if result == "skipped"} == asked
    assert {result for what, result in found.items() if what not in asked} == {"ok"}


def test_the_report_holds_nothing_personal(library: str, tmp_path: Path) -> None:
    """Neither who, nor where, nor with whom; also where everything fails, and paths are told."""
    agreed = start(tmp_path / "agreed", library, "walk", "--yes", STEAMNET_FAKE_STEAM_NAME=NAME)
    failed = start(
        tmp_path / "failed", library, "walk", STEAMNET_FAKE_STEAM_GNS="/home/alice/nothing.so"
    )
    assert agreed.communicate(timeout=120)[0]
    failed.communicate(timeout=120)
    assert results(tmp_path / "agreed")["rich presence"] == "ok"
    assert failed.returncode == 1
    assert results(tmp_path / "failed") == {"Steam starts": "FAILED"}
    for name in ("agreed", "failed"):
        text = (tmp_path / name / "live_steam_report.md").read_text("utf-8")
        for secret in (ALICE, NAME, "127.0.0.1", "/home/alice", str(tmp_path), str(Path.home())):
            assert secret not in text
        assert not re.search(r"\d{15}", text)
        assert "SHA-256" in text


def test_two_accounts_meet(library: str, tmp_path: Path, ice: None) -> None:
    """The host shows what the other types; both reports tell of the way between them."""
    host = start(tmp_path / "host", library, "host")
    assert host.stdout is not None
    line = next(line for line in host.stdout if "live_steam.py join" in line)
    lobby = line.split()[-1]
    other = {"STEAMNET_FAKE_STEAM_STEAM_ID": BOB}
    join = start(tmp_path / "join", library, "join", lobby, **other)
    said, _ = join.communicate(timeout=120)
    heard, _ = host.communicate(timeout=120)
    assert (join.returncode, host.returncode) == (0, 0), said + heard
    for name, steps in (
        ("host", {"echo"}),
        ("join", {"round trips", "256 KiB, reliably", "the way"}),
    ):
        found = results(tmp_path / name)
        assert steps <= set(found)
        assert set(found.values()) == {"ok"}
        assert BOB not in (tmp_path / name / "live_steam_report.md").read_text("utf-8")


@pytest.mark.parametrize("arguments", [["join"], ["walk", "77"], ["sing"]])
def test_wrong_arguments_are_refused(arguments: list[str], library: str, tmp_path: Path) -> None:
    """With how it is used, and no report."""
    tool = start(tmp_path / "wrong", library, *arguments)
    said, _ = tool.communicate(timeout=60)
    assert tool.returncode == 2
    assert "usage" in said
    assert list((tmp_path / "wrong").iterdir()) == []


def test_a_library_that_is_not_there_is_told_in_a_line(tmp_path: Path) -> None:
    """Before anything is tried, and without a report."""
    walk = start(tmp_path / "walk", str(tmp_path / "libsteam_api.so"), "walk")
    said, _ = walk.communicate(timeout=120)
    assert walk.returncode == 2
    assert f"there is no file {tmp_path / 'libsteam_api.so'}" in said
    assert "Traceback" not in said
    assert list((tmp_path / "walk").iterdir()) == []
