"""Python and C have layers: a file imports, includes and calls what is in lower layers only."""

import ast
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
import requirements

import steamnet

PACKAGE = Path(steamnet.__file__).parent
# Each module's layer. An import goes to a lower layer, never to the same one.
LAYERS = (
    {"_native", "_version", "libraries"},
    {"enums", "events", "virtual_loop"},
    {"errors"},
    {"identity", "pump"},
    {"arguments", "columns", "info", "rendezvous.stun", "signaling_protocol"},
    {"clock", "lobby_backend", "rendezvous.ice", "rendezvous.protocol", "signaling"},
    {"engine", "rendezvous.admission", "rendezvous.client"},
    {"config", "fake_udp_port", "lobbies", "lobby_rules", "steam_lobbies"},
    {"closing", "friends", "lobby_client"},
    {"lobby_memory", "lobby_wire", "networking_messages", "networking_sockets", "networking_utils"},
    {"handles", "lobby_store", "rendezvous.lobbies", "rendezvous.lobby_carrier"},
    {"rendezvous.server"},
    {"rendezvous"},
    {"objects"},
    {"steam"},
    {"aio"},
    {"testing"},
    {"_api"},
    {"__init__"},
    {"cli.addresses", "cli.bench", "cli.demo", "cli.info", "cli.netgraph", "cli.output"},
    {"cli.lobbies", "cli.server"},
    {"cli.chat"},
    {"cli"},
    {"__main__"},
)
LAYER = {name: number for number, names in enumerate(LAYERS) for name in names}
SUBPACKAGES = ("cli", "rendezvous")


def _files() -> dict[str, Path]:
    """Each module's file, by its name below steamnet."""
    files = {path.stem: path for path in PACKAGE.glob("*.py")}
    for package in SUBPACKAGES:
        for path in (PACKAGE / package).glob("*.py"):
            files[package if path.stem == "__init__" else f"{package}.{path.stem}"] = path
    return files


FILES = _files()
MODULES = sorted(FILES)


def _tree(module: str) -> ast.Module:
    return ast.parse(FILES[module].read_text(encoding="utf-8"))


def _for_types_only(tree: ast.Module) -> set[ast.AST]:
    """Everything under an ``if TYPE_CHECKING:``; it is not there when the program runs."""
    return {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }


def _targets(module: str, node: ast.Import | ast.ImportFrom) -> list[list[str]]:
    """The dotted names that an import statement loads, if they are of this package."""
    if isinstance(node, ast.Import):
        return [alias.name.split(".") for alias in node.names]
    path = node.module.split(".") if node.module else []
    if node.level:
        inside = FILES[module].relative_to(PACKAGE).parent.parts
        path = ["steamnet", *inside[: len(inside) - node.level + 1], *path]
    # What is imported from a package may be one of its modules.
    return [[*path, alias.name] for alias in node.names]


def _imports(module: str) -> set[str]:
    """The modules of the package that a module imports when it runs, wherever in it."""
    tree = _tree(module)
    types_only = _for_types_only(tree)
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and node not in types_only:
            for target in _targets(module, node):
                if target[0] == "steamnet":
                    names = [".".join(target[1:end]) for end in range(len(target), 1, -1)]
                    found.add(next((name for name in names if name in LAYER), "__init__"))
    return found


def test_every_module_has_a_layer() -> None:
    """A new module is given its place here, and one that is gone leaves the list."""
    assert set(MODULES) | {"_native"} == set(LAYER)


@pytest.mark.parametrize("module", MODULES)
def test_imports_only_look_down(module: str) -> None:
    """What a module imports is in a lower layer."""
    up = {name for name in _imports(module) if LAYER[name] >= LAYER[module]}
    assert not up, f"{module} (layer {LAYER[module]}) imports {sorted(up)}"


@pytest.mark.parametrize("module", MODULES)
def test_any_lives_where_cdata_does(module: str) -> None:
    """Only a module that imports _native may speak of Any: cdata is what has no better type."""
    tree = _tree(module)
    says_any = any(isinstance(node, ast.Name) and node.id == "Any" for node in ast.walk(tree))
    assert not says_any or "_native" in _imports(module)


SLOW = {  # to import, and not every program needs them
    *("asyncio", "dataclasses", "hashlib", "inspect", "json", "logging", "pathlib", "random"),
    *("re", "secrets", "selectors", "socket", "sqlite3", "ssl", "subprocess", "typing"),
}
SLOW_OF_OURS = {
    "aio",
    "libraries",
    "lobby_client",
    "lobby_memory",
    "lobby_rules",
    "lobby_store",
    "pump",
    "rendezvous",
    "signaling",
    "testing",
}


@pytest.mark.parametrize(
    ("program", "spared"),
    [
        ("import steamnet", SLOW | {f"steamnet.{name}" for name in (*SLOW_OF_OURS, "steam")}),
        (
            "import steamnet; steamnet.init(engine='loopback').shutdown()",
            {"asyncio", "hashlib", "random", "secrets", "selectors", "socket", "sqlite3", "ssl"}
            | {f"steamnet.{name}" for name in SLOW_OF_OURS},
        ),
    ],
)
def test_what_is_slow_is_imported_when_it_is_needed(program: str, spared: set[str]) -> None:
    """A program pays for what it uses, and a tool that only names the package for nothing."""
    look = "import sys; before = set(sys.modules); {}; print(*(set(sys.modules) - before))"
    done = subprocess.run(
        [sys.executable, "-c", look.format(program)],
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert not spared & set(done.stdout.split())


def test_modules_are_attributes_of_the_package_too() -> None:
    """Whatever was used first; and what there is not is refused as in any module."""
    code = "import steamnet; print(steamnet.enums.EResult.OK, hasattr(steamnet, 'nothing'))"
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "OK False\n", done.stderr


@pytest.mark.parametrize(
    "program",
    [
        "from steamnet import *; init(engine='loopback').shutdown()",
        "import steamnet; help(steamnet)",
    ],
)
def test_the_core_needs_no_library_of_an_extra(program: str) -> None:
    """Not even of who takes all that is public: websockets is for a rendezvous server alone."""
    code = f"import sys; sys.modules['websockets'] = sys.modules['pytest'] = None; {program}"
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process for each module would take long")
def test_each_high_module_may_be_the_first() -> None:
    """Whichever a program imports first, none meets itself half made."""
    code = """if True:
        import asyncio, dataclasses, enum, importlib, logging, os, sys, typing  # once for all
        for name in sys.argv[1:]:
            if not os.fork():
                try:
                    importlib.import_module(f"steamnet.{name}")
                except ImportError as error:
                    print(name, error, flush=True)
                os._exit(0)
            if os.wait()[1]:
                print(name, "has died", flush=True)
    """
    names = ["closing", "handles", "lobbies", "networking_messages", "networking_sockets"]
    names += ["networking_utils", "objects", "rendezvous", "steam", "testing"]
    assert set(names) < set(MODULES) | {"rendezvous"}
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    command = [sys.executable, "-c", code, *names]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_imports_are_seen() -> None:
    """Arrows that are there are found: the tests above have something to judge."""
    assert {"_native", "_api"} <= _imports("__init__")
    assert "identity" in _imports("arguments")
    assert {"engine", "__init__", "cli.chat"} <= _imports("cli")


# --- C --------------------------------------------------------------------------------------------

CSRC = Path(__file__).resolve().parents[2] / "csrc"
# The layers of csrc/loopback, each file with its header.
LOOPBACK_LAYERS = (
    {"alloc", "list", "random", "readiness"},
    {"rendezvous"},
    {"config", "message"},
    {"wire"},
    {"registry"},
    {"receive_queue"},
    {"network_sim", "reassembly"},
    {"transport"},
    {"closing", "datagram"},
    {"send"},
    {"status"},
    {"connection"},
    {"handshake", "session"},
    {"listener"},
    {"receive", "transport_receive"},
    {"engine_loop"},
    {"api"},
    {"api_messages", "api_socket_messages", "api_sockets", "api_utils"},
    {"backend"},
    {"topology"},
)
LOOPBACK_LAYER = {name: number for number, names in enumerate(LOOPBACK_LAYERS) for name in names}
INCLUDE = re.compile(r'^#include "(.+?)"', re.M)


def _includes(path: Path) -> set[Path]:
    """The files of ours that a file includes."""
    places = (path.parent, CSRC)
    names = INCLUDE.findall(path.read_text(encoding="utf-8"))
    found = {place / name for name in names for place in places if (place / name).exists()}
    return {target.resolve() for target in found}


def _symbols(source: Path, folder: Path) -> tuple[set[str], set[str]]:
    """What the linker finds in a source file: names defined, names needed."""
    target = folder / f"{source.parent.name}-{source.stem}.o"
    flags = ["-std=c11", "-D_GNU_SOURCE", '-DSN_VERSION="0"']
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        flags.append("-DPy_LIMITED_API=0x030b0000")
    include = [f"-I{CSRC}", f"-I{sysconfig.get_path('include')}"]
    command = ["cc", *flags, *include, "-c", str(source), "-o", str(target)]
    subprocess.run(command, check=True, timeout=120)
    listing = subprocess.run(["nm", target], capture_output=True, text=True, check=True, timeout=60)
    defined, needed = set(), set()
    for line in listing.stdout.splitlines():
        kind, name = line.split()[-2:]
        if kind == "U":
            needed.add(name)
        elif kind.isupper():
            defined.add(name)
    return defined, needed


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, set[Path]]:
    """The source files whose symbols each source file needs, as the linker sees it."""
    if not shutil.which("cc") or not shutil.which("nm"):
        requirements.missing("no C compiler")
    folder = tmp_path_factory.mktemp("objects")
    sources = [path for path in CSRC.rglob("*.c") if path.stem != "windows"]
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda path: _symbols(path, folder), sources)
        symbols = dict(zip(sources, found, strict=True))
    home = {name: path for path, (defined, _) in symbols.items() for name in defined}
    return {
        path: {home[name] for name in needed if name in home} - {path}
        for path, (_, needed) in symbols.items()
    }


def test_every_loopback_file_has_a_layer() -> None:
    """A new file is given its place here, and one that is gone leaves the list."""
    stems = {path.stem for path in (CSRC / "loopback").glob("*.[ch]")}
    assert stems == set(LOOPBACK_LAYER)


def test_loopback_only_looks_down(calls: dict[Path, set[Path]]) -> None:
    """What a file of the loopback engine includes or calls is in a lower layer."""
    up = {
        (path.name, target.name)
        for path in (CSRC / "loopback").glob("*.[ch]")
        for target in _includes(path) | calls.get(path, set())
        if target.parent.name == "loopback"
        if target.stem != path.stem
        if target.suffix != ".def"
        if LOOPBACK_LAYER[target.stem] >= LOOPBACK_LAYER[path.stem]
    }
    assert not up


def test_no_circle_among_c_files(calls: dict[Path, set[Path]]) -> None:
    """Neither the sources' symbols nor the headers' includes go round in a circle."""
    assert len(calls) > 40
    assert any(path.name == "engine.c" and len(targets) > 5 for path, targets in calls.items())
    TopologicalSorter(calls).prepare()
    headers = {path.resolve(): _includes(path) for path in CSRC.rglob("*.h")}
    TopologicalSorter(headers).prepare()


def test_loopback_files_are_small() -> None:
    """No file has more than 450 lines."""
    sizes = {path.name: len(path.read_text().splitlines()) for path in CSRC.glob("loopback/*")}
    assert {name: size for name, size in sizes.items() if size > 450} == {}
