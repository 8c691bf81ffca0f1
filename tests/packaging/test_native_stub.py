"""_native.pyi says what the compiled module is: no more, no less."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from steamnet import _native

ROOT = Path(__file__).resolve().parents[2]
TREE = ast.parse((ROOT / "steamnet" / "_native.pyi").read_text(encoding="utf-8"))
# Parts of the stub that exist for type checkers only.
TYPES_ONLY = {"CData", "CBuffer", "FFI", "Lib", "Payload", "Messages", "Outgoing", "Function"}


def _names(body: list[ast.stmt]) -> dict[str, ast.stmt]:
    """Each name that a body of the stub declares, with where it does."""
    names: dict[str, ast.stmt] = {}
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names[node.name] = node
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names[node.target.id] = node
    return names


def _members(name: str) -> dict[str, ast.stmt]:
    """Each member that a class of the stub declares."""
    node = _names(TREE.body)[name]
    assert isinstance(node, ast.ClassDef)
    return _names(node.body)


def test_the_stub_is_what_the_headers_say() -> None:
    """The tool would write the very same file again."""
    tool = [sys.executable, str(ROOT / "tools" / "native_stub.py"), "--check"]
    done = subprocess.run(tool, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_lib_has_exactly_the_functions_and_constants_of_the_stub() -> None:
    """A name is in both or in neither, and is a function in both or a number in both."""
    members = _members("Lib")
    assert set(dir(_native.lib)) == set(members)
    for name, node in members.items():
        is_number = isinstance(getattr(_native.lib, name), int)
        assert isinstance(node, ast.FunctionDef) != is_number, name


def test_each_function_of_lib_takes_as_many_arguments_as_the_stub_says() -> None:
    """The C type of the compiled function agrees with the stub's parameters and result."""
    for name, node in _members("Lib").items():
        if isinstance(node, ast.FunctionDef):
            c_type = _native.ffi.typeof(getattr(_native.lib, name))
            assert len(c_type.args) == len(node.args.posonlyargs) - 1, name
            assert node.returns is not None
            assert (c_type.result.kind == "void") == (ast.unparse(node.returns) == "None"), name


def test_ffi_offers_what_the_stub_says() -> None:
    """The stub's FFI names no method that cffi lacks."""
    for name in _members("FFI"):
        assert hasattr(_native.ffi, name), name


def test_the_module_has_exactly_the_names_of_the_stub() -> None:
    """What our C module adds is typed, and nothing is typed that it has not."""
    public = {name for name in dir(_native) if not name.startswith("__")}
    assert public == set(_names(TREE.body)) - TYPES_ONLY


def test_the_hot_calls_take_as_many_arguments_as_the_stub_says() -> None:
    """Each says so itself when it is given none."""
    words = {2: "two", 3: "three", 4: "four", 5: "five"}
    for name, node in _names(TREE.body).items():
        if isinstance(node, ast.FunctionDef) and not name.startswith(("set_", "read_", "method_")):
            count = len(node.args.posonlyargs)
            with pytest.raises(TypeError, match=f"^{words[count]} arguments are needed"):
                getattr(_native, name)()


def test_the_message_type_has_exactly_the_members_of_the_stub() -> None:
    """Attributes and methods agree; __buffer__ is the stub's name for the C buffer slots."""
    own = {
        name
        for name, member in vars(_native.NetworkingMessage).items()
        if callable(member) or inspect.isdatadescriptor(member)
    }
    assert own - {"__repr__"} == set(_members("NetworkingMessage")) - {"__buffer__"} | (
        own & {"__buffer__", "__release_buffer__"}  # Python 3.12 and later show them
    )


def test_the_message_methods_have_the_signatures_of_the_stub() -> None:
    """help(), the stub and the C code give parameters the same names."""
    for name in ("decode", "release"):
        node = _members("NetworkingMessage")[name]
        assert isinstance(node, ast.FunctionDef)
        signature = inspect.signature(getattr(_native.NetworkingMessage, name))
        assert list(signature.parameters) == [argument.arg for argument in node.args.args]
        defaults = [p.default for p in signature.parameters.values() if p.default is not p.empty]
        assert defaults == [ast.literal_eval(default) for default in node.args.defaults]
