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
with pytest.MonkeyPatch.context() as _path:
    _path.syspath_prepend(ROOT / "wheelhouse-config")
    import matrix


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
    assert set(matrix.platforms()) == set(matrix.TAGS)
    for tag in ("cp311", "cp314t"):
        assert {f"{tag}-{platform}" for platform in matrix.TAGS} <= set(matrix.identifiers())
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


def test_what_was_run_is_told_of_each_platform() -> None:
    """By a session or a script that is there."""
    assert set(matrix.RUN) == set(matrix.TAGS)
    assert set(matrix.TAGS) > matrix.WITHOUT_STEAM
    sessions = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    for text in matrix.RUN.values():
        (command,) = re.findall(r"`(.+)`", text)
        if command.startswith("nox -s "):
            for session in command.split()[2:]:
                assert f"def {session}(session" in sessions, command
        else:
            assert (ROOT / command).is_file(), command


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
        (
            {"steamnet/_native.abi3.so": None, "steamnet/_native.pyd": b""},
            "one extension module that abi3 finds",
        ),
        ({"steamnet/libsteam_api.so": b""}, "one extension module that abi3 finds"),
        ({"steamnet.libs/libsteam_api-0a1b2c3d.so": b""}, "one extension module that abi3 finds"),
        ({"steamnet-1.2.dist-info/licenses/LICENSE": None}, "licence is missing"),
        ({"steamnet/_version.py": b"__version__ = '1.3'"}, "named 1.2, but holds 1.3"),
        ({"steamnet/notes.txt": b""}, "not of the package: ['steamnet/notes.txt']"),
        ({"steamnet/old_module.py": b""}, "not of the package: ['steamnet/old_module.py']"),
        ({"tests/test_init.py": b""}, "not of the package: ['tests/test_init.py']"),
        ({"steamnet-1.2.dist-info/key.pem": b""}, "dist-info/key.pem"),
    ],
)
def test_a_faulty_wheel_is_refused(
    tmp_path: Path, changes: dict[str, bytes | None], complaint: str
) -> None:
    """Each fault that other tools let pass is named."""
    import check_wheel

    assert complaint in " ".join(check_wheel.faults(wheel(tmp_path, **changes)))


WHEELS = [
    f"steamnet-1.2-{abi}-{tag}.whl"
    for abi in ("cp311-abi3", "cp314-cp314t")
    for tag in matrix.TAGS.values()
]


def test_a_wheel_of_a_strange_name_is_refused(tmp_path: Path) -> None:
    """With a build number, say, which none of ours has."""
    import check_wheel

    strange = wheel(tmp_path).rename(tmp_path / "steamnet-1.2-1-cp311-abi3-win_amd64.whl")
    assert check_wheel.faults(strange) == ["Its name has 6 parts, and not five."]


def test_a_release_holds_every_promised_wheel() -> None:
    """Nothing is wrong with the names that cibuildwheel gives."""
    import release

    assert release.differences(WHEELS) == []
    assert sorted(map(str, map(release.build_of, WHEELS))) == sorted(matrix.wheels())


@pytest.mark.parametrize("name", WHEELS)
def test_a_wheel_that_is_missing_or_doubled_stops_the_release(name: str) -> None:
    """Each of them, by the name of its build."""
    import release

    build = release.build_of(name)
    without = [other for other in WHEELS if other != name]
    assert release.differences(without) == [f"The wheel of {build} is missing."]
    double = name.replace("-1.2-", "-1.2.post1-")
    assert release.differences([*WHEELS, double]) == [
        f"{one} is not the only wheel of {build}." for one in sorted((name, double))
    ]


@pytest.mark.parametrize(
    "name",
    [
        "steamnet-1.2-cp311-abi3-win32.whl",
        "steamnet-1.2-cp311-cp311-win_amd64.whl",
        "steamnet-1.2-cp314t-cp314t-win_amd64.whl",
        "steamnet-1.2-cp312-abi3-win_amd64.whl",
        "steamnet-1.2-cp311-abi3-manylinux_2_34_x86_64.whl",
        "steamnet-1.2-cp311-abi3-linux_x86_64.whl",
        "steamnet-1.2-cp311-abi3-macosx_15_0_arm64.whl",
        "steamnet-1.2-cp311-abi3-macosx_11_0_universal2.whl",
        "steamnet-1.2-1-cp311-abi3-win_amd64.whl",
        "steamnet-1.2-py3-none-any.whl",
    ],
)
def test_a_wheel_that_nobody_promised_stops_the_release(name: str) -> None:
    """For a system that is too new, too old or unknown, or of another kind."""
    import release

    assert release.differences([*WHEELS, name]) == [f"{name} is no promised wheel."]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of version 1.2, which main has and the tag v1.2 names, ready to be released."""
    import release

    (tmp_path / "steamnet").mkdir()
    (tmp_path / "steamnet" / "_version.py").write_text('__version__ = "1.2"\n')
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changes\n\n## 1.2 — 2026-11-29\n\n## 1.1 — unreleased\n"
    )
    monkeypatch.setattr(release, "ROOT", tmp_path)
    monkeypatch.delenv("GITHUB_SERVER_URL", raising=False)
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "one")
    git(tmp_path, "tag", "v1.2")
    return tmp_path


def git(folder: Path, *words: str) -> None:
    """Run git as somebody."""
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


def test_a_tag_of_main_may_be_released(checkout: Path) -> None:
    """Where the version is dated."""
    import release

    assert release.misplaced("v1.2") == []


@pytest.mark.parametrize("heading", ["1.2 — unreleased", "1.2", "1.1 — 2026-11-29", "Unreleased"])
def test_a_version_that_is_not_dated_is_not_released(checkout: Path, heading: str) -> None:
    """The changelog says when, and of which version."""
    import release

    (checkout / "CHANGELOG.md").write_text(f"# Changes\n\n## {heading}\n")
    (reason,) = release.misplaced("v1.2")
    assert heading in reason


@pytest.mark.parametrize("name", ["somebody/steamnet", "steamnet/fork"])
def test_another_repository_releases_nothing(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The page leads to the repository, and so do the reports of vulnerabilities."""
    import description
    import release

    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.com")
    monkeypatch.setenv("GITHUB_REPOSITORY", name)
    (reason,) = release.misplaced("v1.2")
    assert name in reason
    monkeypatch.setenv("GITHUB_REPOSITORY", description.repository().partition(".com/")[2])
    assert release.misplaced("v1.2") == []


def test_every_link_of_the_package_page_leads_somewhere() -> None:
    """None is relative, and what the repository is said to have is there."""
    import description

    text = description.description(steamnet.__version__)
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert len(links) > 15
    assert description.faults(text, links, steamnet.__version__) == []
    security = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    assert f"<{description.repository()}/security/advisories/new>" in security


@pytest.mark.parametrize(
    "dead",
    [
        "docs/engines.md",
        "#no-such-heading",
        "http://example.org/",
        "{}/blob/v1.2/docs/nowhere.md",
        "{}/blob/v1.2/docs/engines.md#nothing",
        "{}/raw/v1.2/docs/images/nothing.png",
    ],
)
def test_a_dead_link_is_found(dead: str) -> None:
    """Of each kind."""
    import description

    link = dead.format(description.repository())
    (fault,) = description.faults("# A heading", ["#a-heading", link], "1.2")
    assert fault.startswith(link)


def test_a_tag_beside_main_is_not_released(checkout: Path) -> None:
    """Nor is one of another version, or one that is not there."""
    import release

    git(checkout, "switch", "-q", "-c", "side")
    git(checkout, "commit", "-q", "--allow-empty", "-m", "not on main")
    git(checkout, "tag", "-f", "v1.2")
    assert release.misplaced("v1.2") == ["The tag v1.2 is not on main."]
    assert release.misplaced("v1.3") == [
        "The tag is v1.3, the version 1.2.",
        "The tag v1.3 is not on main.",
    ]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_pin_their_actions_and_call_scripts_of_ours(workflow: Path) -> None:
    """What CI runs can be read here and run by a person; nobody else can change it under us."""
    text = workflow.read_text(encoding="utf-8")
    assert re.search(r"^permissions: \{\}$", text, re.MULTILINE), "no permission but those named"
    uses = re.findall(r"uses: (\S+)", text)
    assert uses
    pinned = re.compile(r"[\w/-]+@[0-9a-f]{40}|\$/\.github/workflows/\w+\.yml")
    assert [action for action in uses if not pinned.fullmatch(action)] == []
    for command in re.findall(r"- run: (.+)", text):
        script = re.match(r"(?:bash|python) (\S+)", command)
        assert script is not None, command
        assert (ROOT / script[1]).is_file(), command
        for session in re.findall(r"nox -s (\w+)", command):
            assert f"def {session}(session" in (ROOT / "noxfile.py").read_text(encoding="utf-8")
    assert len(re.findall(r"\brun:", text)) == len(re.findall(r"- run: (?:bash|python) ", text))


@pytest.mark.parametrize("name", ["requirements", "build", "audit"])
def test_what_makes_a_release_is_pinned_with_hashes(name: str) -> None:
    """Each package, those that others need too; and the lists agree."""
    folder = ROOT / "wheelhouse-config"
    locked = (folder / f"{name}.txt").read_text(encoding="utf-8")
    pinned = dict(re.findall(r"^([\w.-]+)==(\S+)", locked, re.MULTILINE))
    wanted = (folder / f"{name}.in").read_text(encoding="utf-8")
    names = re.findall(r"^([\w.-]+)", wanted, re.MULTILINE)
    assert {one.lower().replace(".", "-") for one in names} <= {*pinned}
    for entry in re.split(r"\n(?=\S)", locked.partition("\n")[2].strip()):
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry.splitlines()[0]
    whole = (folder / "requirements.txt").read_text(encoding="utf-8")
    assert pinned.items() <= dict(re.findall(r"^([\w.-]+)==(\S+)", whole, re.MULTILINE)).items()


def test_there_are_workflows_to_look_at() -> None:
    """The test above would say nothing of an empty folder."""
    assert {path.name for path in WORKFLOWS} == {"tests.yml", "wheels.yml"}
