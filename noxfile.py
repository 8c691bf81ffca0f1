"""Every check is a session: ``nox -s NAME`` runs one, without root; ``nox -l`` lists them."""

import atexit
import json
import os
import re
import shlex
import shutil
import sys
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parent
CONFIG = ROOT / "wheelhouse-config"
CACHE = Path(os.environ.get("STEAMNET_CACHE") or Path.home() / ".cache/steamnet")
sys.path.insert(0, str(CONFIG))

from interpreters import interpreters  # noqa: E402  # found by the path above

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "venv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "generated", "layering", "tests"]

GAME_LIBRARIES = ("arcade==3.3.3", "panda3d==1.10.16", "ursina==7.0.0")  # of howto-gameloop.md
LONG_FOLDER = 70  # bytes of the path of the temporary folder there, where a socket's may have 104
PYTEST = ("-P", "-m", "pytest", "-q")  # -P: the installed package, not the source folder
# Most tests wait more than they work, so there may be more of them at a time than processors.
AT_ONCE = (f"-n{(os.cpu_count() or 1) + 1}", "--dist=worksteal")


def pinned(*tools: str) -> list[str]:
    """The requirement of each tool, in the version that the project uses."""
    text = (CONFIG / "requirements.txt").read_text(encoding="utf-8")
    return [re.findall(rf"^{tool}==\S+", text, re.MULTILINE)[0].rstrip(";") for tool in tools]


@cache
def wheel_folder() -> Path:
    """Where this run of nox keeps the wheel that it has built."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    return Path(folder.name)


def install(session: nox.Session, extras: str, *tools: str, python: str = "python") -> None:
    """Install this tree, built once, into a session's environment, or into another Python."""
    pip = ("-m", "pip", "--quiet")
    if not list(wheel_folder().iterdir()):
        shutil.rmtree(ROOT / "build", ignore_errors=True)  # setuptools would take removed modules
        build = ("wheel", "--no-deps", "--wheel-dir", str(wheel_folder()), ".")
        builder = sys.executable if find_spec("pip") else python  # uv's environments have no pip
        session.run(builder, *pip, *build, external=True)
    (wheel,) = wheel_folder().iterdir()
    # pip keeps what is installed of the same version, unless it is told otherwise.
    again = ("--force-reinstall", "--no-deps", str(wheel))
    session.run(python, *pip, "install", *again, external=True)
    session.run(python, *pip, "install", f"{wheel}[{extras}]", *pinned(*tools), external=True)


def gns_python(session: nox.Session) -> str:
    """Install real GameNetworkingSockets into a Python of its own; that Python's path."""
    fetch = ("tools/real_engines.py", "gns", f"--cache={CACHE}")
    session.run(sys.executable, *fetch, silent=True, external=True)
    lines = (CACHE / "gns.env").read_text(encoding="utf-8")
    return shlex.split(re.findall("STEAMNET_GNS_PYTHON=(.*)", lines)[0])[0]


def steam_libraries(session: nox.Session) -> Path:
    """Fetch real Steam libraries of several ages: the file that lists them."""
    fetch = ("tools/real_engines.py", "steam", f"--cache={CACHE}")
    session.run(sys.executable, *fetch, silent=True, external=True)
    return CACHE / "steam.json"


def test_files(*names: str) -> list[str]:
    """The paths of test files, wherever in tests/ they are."""
    found = [path for name in names for path in ROOT.glob(f"tests/**/test_{name}.py")]
    return [str(path.relative_to(ROOT)) for path in found]


@nox.session
def tests(session: nox.Session) -> None:
    """The suite on this Python; ``nox -s tests -- ARGUMENT ...`` hands arguments to pytest."""
    install(session, "cli,test", "pyinstaller")
    session.run("python", *PYTEST, *session.posargs)


@nox.session(python=False)
def gns(session: nox.Session) -> None:
    """The suite over real GameNetworkingSockets and real Steam libraries, which it fetches."""
    python = gns_python(session)
    libraries = str(steam_libraries(session))
    environment = {"STEAMNET_STEAM_LIBRARIES": libraries, "STEAMNET_REQUIRE_ENGINES": "1"}
    install(session, "test,cli,plot,examples", "setuptools", "pyinstaller", python=python)
    session.run(python, *PYTEST, *AT_ONCE, "--engine=gns", *session.posargs, env=environment)
    if not session.posargs:
        matrix = ("tools/steam_matrix.py", libraries, "--check")
        session.run(sys.executable, *matrix, external=True)


@nox.session(python=False)
def newest(session: nox.Session) -> None:
    """The tests of what Python itself does, on the newest CPython of this machine."""
    found = [path for tag, path in interpreters().items() if not tag.endswith("t")]
    environment = ROOT / ".nox" / "newest"
    session.run(found[-1], "-m", "venv", "--clear", environment)
    python = str(environment / "bin" / "python")
    install(session, "test,cli,examples", "setuptools", python=python)
    marked = () if session.posargs else ("-m", "python_behaviour")
    session.run(python, *PYTEST, "--engine=loopback", *marked, *session.posargs)


@nox.session
def steam(session: nox.Session) -> None:
    """Real Steam libraries load or are refused in words, as docs/engines.md says."""
    libraries = steam_libraries(session)
    install(session, "test")
    files = test_files("real_libraries")
    environment = {"STEAMNET_STEAM_LIBRARIES": str(libraries), "STEAMNET_REQUIRE_ENGINES": "1"}
    session.run("python", *PYTEST, *files, *session.posargs, env=environment)
    session.run("python", "tools/steam_matrix.py", str(libraries), "--check")


@nox.session
def lint(session: nox.Session) -> None:
    """The style of all Python here: ruff; the workflows: zizmor and their schema."""
    session.install("--quiet", *pinned("ruff", "zizmor", "check-jsonschema"))
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("zizmor", "--persona=pedantic", "--offline", "--collect=all", ".github")
    workflows = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob(".github/workflows/*.yml"))
    session.run("check-jsonschema", "--builtin-schema=vendor.github-workflows", *workflows)
    schema = "--builtin-schema=vendor.dependabot"
    session.run("check-jsonschema", schema, ".github/dependabot.yml")


@nox.session
def types(session: nox.Session) -> None:
    """Check with mypy the package and the examples, with pyright what users' editors see."""
    install(session, "test,examples", "mypy", "pyright")
    session.run("mypy")
    session.run("pyright")
    words = ("pyright", "--verifytypes", "steamnet", "--ignoreexternal", "--outputjson")
    printed = str(session.run(*words, silent=True, success_codes=(0, 1)))
    counts = json.loads(printed[printed.index("{") :])["typeCompleteness"]["exportedSymbolCounts"]
    if counts["withUnknownType"] or not counts["withKnownType"]:
        session.error(f"public names whose type an editor cannot know: {counts}")


@nox.session
def generated(session: nox.Session) -> None:
    """Every file that a tool writes is what it would write today."""
    session.install("--quiet", *pinned("cffi", "setuptools"))
    for tool in ("tools/native_stub.py", "tools/parity.py", "wheelhouse-config/matrix.py"):
        session.run("python", tool, "--check")


@nox.session
def layering(session: nox.Session) -> None:
    """Includes and imports point down."""
    install(session, "test")
    session.run("python", *PYTEST, *test_files("layering"), *session.posargs)


@nox.session
def reliability(session: nox.Session) -> None:
    """Every promise of docs/reliability.md has its test."""
    session.run("python", "tools/reliability.py", *(session.posargs or ["--check"]))


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation's site builds without a warning; its game loops run in their libraries."""
    install(session, "docs,test")
    session.install("--quiet", *GAME_LIBRARIES)
    loops = (*test_files("readme"), "-k", "loops_of_other_libraries", *session.posargs)
    session.run("python", *PYTEST, *loops, env={"STEAMNET_REQUIRE_GAME_LIBRARIES": "1"})
    site = str(Path(session.create_tmp()) / "site")
    environment = {"NO_MKDOCS_2_WARNING": "1"}
    session.run("mkdocs", "build", "--quiet", "--strict", "--site-dir", site, env=environment)


@nox.session(python=False)
def c(session: nox.Session) -> None:
    """Our C without a warning: gcc, clang, gcc's analyzer, cppcheck; a message's walk."""
    session.run("tools/check_c.sh", env={"PYTHON": sys.executable})
    session.run("python3", "tools/call_walk.py", "--check")


@nox.session(python=False)
def sanitize(session: nox.Session) -> None:
    """The suite on loopback and on real GNS, and the C checks, under the sanitizers."""
    python = gns_python(session)
    own = ("pytest", "hypothesis", "psutil", "rich", "websockets")
    tools = (*pinned("setuptools", "cffi"), *own)
    session.run(python, "-m", "pip", "install", "--quiet", *tools)
    session.run("tools/sanitize.sh", *session.posargs, env={"PYTHON": python})


@nox.session(python=False)
def fuzz(session: nox.Session) -> None:
    """What reads bytes from outside, fuzzed: 10 seconds a target, or ``-- --seconds N``."""
    session.run(sys.executable, "tests/fuzz/run.py", *(session.posargs or ["--seconds", "10"]))


@nox.session
def long_folder(session: nox.Session) -> None:
    """What makes sockets, in a temporary folder with a path as long as on macOS."""
    install(session, "test")
    with tempfile.TemporaryDirectory() as short:
        folder = Path(short) / ("x" * (LONG_FOLDER - len(short) - 1))
        folder.mkdir()
        files = test_files("rendezvous", "loopback", "testing")
        words = ("--engine=loopback", *files, *session.posargs)
        session.run("python", *PYTEST, *words, env={"TMPDIR": str(folder)})


@nox.session(python=False)
def wine(session: nox.Session) -> None:
    """The wheel for Windows under Wine: its own test, the demo, and a part of the suite."""
    session.run(sys.executable, "tools/lab/wine.py", "--smoke", *session.posargs)


@nox.session(python=False)
def wheel(session: nox.Session) -> None:
    """The sdist and the wheel for glibc 2.17, tried on every CPython here; C for all platforms."""
    session.run(sys.executable, "wheelhouse-config/verify_wheel.py", *session.posargs)
