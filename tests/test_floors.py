"""The package has layers, and a module imports from lower layers only."""

import ast
from pathlib import Path

import pytest

import steamnet

PACKAGE = Path(steamnet.__file__).parent
# Each module's layer. An import goes to a lower layer, never to the same one.
LAYERS = (
    {"_native", "_version", "events", "libraries"},
    {"enums"},
    {"errors"},
    {"identity", "pump"},
    {"arguments", "info", "signaling"},
    {"engine"},
    {"config", "fake_udp_port", "farewells"},
    {"networking_messages", "networking_sockets", "networking_utils"},
    {"handles"},
    {"objects"},
    {"steam"},
    {"aio", "testing"},
    {"__init__"},
    {"cli.bench", "cli.chat", "cli.demo", "cli.info", "cli.netgraph"},
    {"cli"},
    {"__main__"},
)
LAYER = {name: number for number, names in enumerate(LAYERS) for name in names}
SUBPACKAGES = ("cli",)


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


def test_the_imports_are_seen() -> None:
    """Arrows that are there are found: the tests above have something to judge."""
    assert {"_native", "steam"} <= _imports("__init__")
    assert "identity" in _imports("arguments")
    assert {"engine", "__init__", "cli.chat"} <= _imports("cli")
