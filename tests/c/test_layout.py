"""Our declarations are Valve's: a C++ compiler holds them to the headers of Valve's own engine."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import requirements

ROOT = Path(__file__).resolve().parents[2]
CSRC = ROOT / "csrc"
CONSTANT = re.compile(r"^\s+(k_\w+) =", re.M)
ROW = re.compile(r"^FLAT(\(\w+, \w+, .+?, (\w+), (\w+), \(.*\), .+\))$", re.M)
# Only the Steamworks SDK's headers have these, which are not open.
STEAM_ONLY = re.compile(
    r"k_iCallback_\w+|k_ESteamAPIInitResult_\w+"
    r"|k_EResult(PhoneNumberIsVOIP|OfflineAppCacheInvalid|TryLater)|ISteamNetworkingFakeUDPPort|ISteam(Matchmaking|Friends|Utils|Apps)"
)


@pytest.fixture(scope="module")
def include() -> Path:
    """Where Valve's headers are."""
    if not shutil.which("g++"):
        requirements.missing("no g++")
    return requirements.gns_headers()


def _compile(
    include: Path, folder: Path, constants: list[str], rows: str
) -> "subprocess.CompletedProcess[str]":
    """What a C++ compiler says of our declarations beside Valve's."""
    (folder / "constants.inc").write_text("".join(f"CONSTANT({name})\n" for name in constants))
    (folder / "flat.inc").write_text(rows)
    source = ROOT / "tests" / "c" / "layout_check.cpp"
    command = ["g++", "-std=c++17", "-fsyntax-only", f"-I{folder}", f"-I{CSRC}", f"-I{include}"]
    return subprocess.run(
        [*command, str(source)], capture_output=True, text=True, timeout=60, check=False
    )


def _constants() -> list[str]:
    """Our constants that Valve's open headers have, too."""
    names = CONSTANT.findall((CSRC / "valve_constants.h").read_text())
    assert len(names) > 300
    return [name for name in names if not STEAM_ONLY.fullmatch(name)]


def _rows(include: Path) -> str:
    """The rows of flat.def, held to flat functions where Valve has those, else to methods."""
    flat = (include / "steam" / "steamnetworkingsockets_flat.h").read_text()
    rows = ROW.findall((CSRC / "flat.def").read_text())
    assert len(rows) > 80
    return "".join(
        ("FLAT" if f"SteamAPI_{interface}_{name}(" in flat else "METHOD") + row + "\n"
        for row, interface, name in rows
        if not STEAM_ONLY.fullmatch(interface)
    )


def test_every_struct_constant_and_function_is_as_valve_declares_it(
    include: Path, tmp_path: Path
) -> None:
    """Sizes and offsets of layout.def, all constants, and all signatures of flat.def agree."""
    done = _compile(include, tmp_path, _constants(), _rows(include))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("ours", "theirs", "name"),
    [
        ("int cbMsg,", "int64_t cbMsg,", "ReceivedP2PCustomSignal"),
        (
            "FLAT(REQUIRED, RELEASE_GIL, bool,",
            "FLAT(REQUIRED, RELEASE_GIL, int,",
            "CloseConnection",
        ),
        ("int nNumPorts)", "HSteamNetConnection p)", "BeginAsyncRequestFakeIP"),
    ],
)
def test_a_wrong_signature_would_be_noticed(
    include: Path, tmp_path: Path, ours: str, theirs: str, name: str
) -> None:
    """One parameter or result of another type, and the compiler names the function."""
    rows = _rows(include)
    assert ours in rows
    done = _compile(include, tmp_path, [], rows.replace(ours, theirs))
    assert done.returncode != 0
    assert f"{name} has another signature" in done.stderr


def test_a_wrong_constant_would_be_noticed(include: Path, tmp_path: Path) -> None:
    """A constant that Valve does not have fails to compile."""
    done = _compile(include, tmp_path, ["k_EResultTryLater"], "")
    assert done.returncode != 0
    assert "k_EResultTryLater" in done.stderr
