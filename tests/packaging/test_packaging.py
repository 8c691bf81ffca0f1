"""The facts about a release agree wherever they are told, and its guards refuse what they must."""

import importlib.metadata
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import steamnet

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROMISED = {
    "manylinux_x86_64",
    "manylinux_aarch64",
    "musllinux_x86_64",
    "musllinux_aarch64",
    "macosx_x86_64",
    "macosx_arm64",
    "win_amd64",
    "win_arm64",
}


@pytest.fixture(autouse=True)
def _wheelhouse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the scripts of wheelhouse-config be imported."""
    monkeypatch.syspath_prepend(ROOT / "wheelhouse-config")


def test_version_is_told_alike_by_module_metadata_changelog_and_command(tmp_path: Path) -> None:
    """A user who reports a version reports the same one wherever it was read."""
    assert importlib.metadata.version("steamnet") == steamnet.__version__
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[?(\d[^\s\]]*)", changelog, re.MULTILINE)
    assert newest is not None
    assert newest[1] == steamnet.__version__
    command = [sys.executable, "-m", "steamnet", "info"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert re.search(rf"\b{re.escape(steamnet.__version__)}\b", told.stdout), told


def test_configuration_names_exactly_the_promised_wheels() -> None:
    """Every platform gets a stable-ABI wheel, and one of its own for free-threaded Python."""
    import matrix

    assert set(matrix.platforms()) == PROMISED
    for tag in ("cp311", "cp314t"):
        assert {f"{tag}-{platform}" for platform in PROMISED} <= set(matrix.identifiers())
    ours = matrix.configuration()["build"]
    classifiers = importlib.metadata.metadata("steamnet").get_all("Classifier") or []
    minors = [c.rpartition(".")[2] for c in classifiers if re.search(r":: 3\.\d+$", c)]
    assert [f"cp3{minor}-*" for minor in minors] == [p for p in ours if not p.endswith("t-*")]


def test_readme_shows_the_table_of_the_configuration() -> None:
    """The README promises what cibuildwheel.toml makes."""
    script = ROOT / "wheelhouse-config" / "matrix.py"
    command = [sys.executable, script, "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="run paths of ELF files")
def test_the_extension_has_no_run_path() -> None:
    """The builder's folders, which some Pythons link extensions with, are nothing to the user."""
    from steamnet import _native

    shown = subprocess.run(
        ["readelf", "--dynamic", _native.__file__], capture_output=True, text=True, check=True
    )
    assert "NEEDED" in shown.stdout
    assert not re.search("RPATH|RUNPATH", shown.stdout)


def wheel(folder: Path, **changes: bytes | None) -> Path:
    """Make a wheel that is sound, but for the members changed, added or (None) left out."""
    members: dict[str, bytes | None] = {
        "steamnet/__init__.py": b"",
        "steamnet/_version.py": b"__version__ = '1.2'",
        "steamnet/_native.abi3.so": b"",
        "steamnet-1.2.dist-info/licenses/LICENSE": b"",
        **changes,
    }
    path = folder / "steamnet-1.2-cp311-abi3-manylinux2014_x86_64.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            if data is not None:
                archive.writestr(name, data)
    return path


def test_a_sound_wheel_passes(tmp_path: Path) -> None:
    """The guard does not cry wolf; nor may a wheel be judged by a test that made it wrong."""
    import check_wheel

    assert check_wheel.faults(wheel(tmp_path)) == []


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        (
            {
                "steamnet/_native.abi3.so": None,
                "steamnet/_native.cpython-311-x86_64-linux-gnu.so": b"",
            },
            "one extension module that abi3 finds",
        ),
        ({"steamnet/libsteam_api.so": b""}, "one extension module that abi3 finds"),
        ({"steamnet.libs/libsteam_api-0a1b2c3d.so": b""}, "one extension module that abi3 finds"),
        ({"steamnet-1.2.dist-info/licenses/LICENSE": None}, "licence is missing"),
        ({"steamnet/_version.py": b"__version__ = '1.3'"}, "named 1.2, but holds 1.3"),
        ({"steamnet/notes.txt": b""}, "has asked for ['steamnet/notes.txt']"),
        ({"steamnet/old_module.py": b""}, "has asked for ['steamnet/old_module.py']"),
        ({"tests/test_init.py": b""}, "has asked for ['tests/test_init.py']"),
        ({"steamnet-1.2.dist-info/key.pem": b""}, "dist-info/key.pem"),
    ],
)
def test_a_faulty_wheel_is_refused(
    tmp_path: Path, changes: dict[str, bytes | None], complaint: str
) -> None:
    """Each fault that other tools let pass is named."""
    import check_wheel

    assert complaint in " ".join(check_wheel.faults(wheel(tmp_path, **changes)))


def test_a_release_must_hold_every_promised_wheel_and_no_other() -> None:
    """A platform whose build was forgotten stops the release; so does one that was not promised."""
    import release

    floors = {
        "manylinux_": "manylinux2014_{0}.manylinux_2_17_{0}",
        "musllinux_": "musllinux_1_2_{0}",
        "macosx_": "macosx_11_0_{0}",
        "win_": "win_{0}",
    }
    tags = [
        floor.format(platform.removeprefix(system))
        for platform in PROMISED
        for system, floor in floors.items()
        if platform.startswith(system)
    ]
    names = [f"steamnet-1.2-cp311-abi3-{tag}.whl" for tag in tags]
    names += [f"steamnet-1.2-cp314t-cp314t-{tag}.whl" for tag in tags]
    assert release.differences(names) == []
    assert release.differences([n for n in names if "win_arm64" not in n or "abi3" not in n]) == [
        "cp311-win_arm64"
    ]
    assert release.differences([*names, "steamnet-1.2-cp311-abi3-win32.whl"]) == ["cp311-win32"]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_pin_their_actions_and_call_scripts_of_ours(workflow: Path) -> None:
    """What CI runs can be read here and run by a person; nobody else can change it under us."""
    text = workflow.read_text(encoding="utf-8")
    assert re.search(r"^permissions: \{\}$", text, re.MULTILINE), "no permission but those named"
    uses = re.findall(r"uses: (\S+)", text)
    assert uses
    assert [action for action in uses if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action)] == []
    for command in re.findall(r"- run: (.+)", text):
        script = re.match(r"(?:bash|python) (\S+)", command)
        assert script is not None, command
        assert (ROOT / script[1]).is_file(), command
        for session in re.findall(r"nox -s (\w+)", command):
            assert f"def {session}(session" in (ROOT / "noxfile.py").read_text(encoding="utf-8")
    assert len(re.findall(r"\brun:", text)) == len(re.findall(r"- run: (?:bash|python) ", text))


def test_there_are_workflows_to_look_at() -> None:
    """The test above would say nothing of an empty folder."""
    assert {path.name for path in WORKFLOWS} == {"tests.yml", "wheels.yml"}
