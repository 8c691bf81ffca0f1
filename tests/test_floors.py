"""The house has floors, and modules only look down: architecture kept by a list."""

import ast
from pathlib import Path

import pytest

import steamnet

PACKAGE = Path(steamnet.__file__).parent
# Each module's floor. An import goes to a lower one, never to a neighbour.
FLOORS = (
    {"_native", "_version", "events", "libraries", "pump"},
    {"enums", "errors"},
    {"identity"},
    {"arguments", "info", "signaling"},
    {"engine"},
    {"config", "fake_udp_port", "farewells"},
    {"networking_messages", "networking_sockets", "networking_utils"},
    {"owners"},
    {"objects"},
    {"steam"},
    {"aio", "testing"},
    {"__init__"},
    {"bench", "chat", "demo", "inspect", "netgraph"},
    {"__main__"},
)
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py"))


def _tree(module: str) -> ast.Module:
    return ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))


def _for_types_only(tree: ast.Module) -> set[ast.AST]:
    """Everything under an ``if TYPE_CHECKING:``; it is not there when the program runs."""
    return {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }


def _imports(module: str) -> set[str]:
    """The modules of the package that a module imports when it runs, wherever in it."""
    tree = _tree(module)
    types_only = _for_types_only(tree)
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node not in types_only:
            path = (node.module or "").split(".")
            if node.level == 0 and path[0] == "steamnet":
                path = path[1:]
            elif node.level != 1:
                continue
            names = path if path and path[0] else [alias.name for alias in node.names]
            found.update(name if name in FLOOR else "__init__" for name in names)
        elif isinstance(node, ast.Import):
            paths = [alias.name.split(".") for alias in node.names]
            found.update((*path, "__init__")[1] for path in paths if path[0] == "steamnet")
    return found


def test_every_module_has_a_floor() -> None:
    """A new module is given its place here, and one that is gone leaves the list."""
    assert set(MODULES) | {"_native"} == set(FLOOR)


@pytest.mark.parametrize("module", MODULES)
def test_imports_only_look_down(module: str) -> None:
    """What a module imports lies on a lower floor."""
    up = {name for name in _imports(module) if FLOOR[name] >= FLOOR[module]}
    assert not up, f"{module} (floor {FLOOR[module]}) looks up to {sorted(up)}"


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
