"""Annotations mean something at run time: frameworks that read them, and help(), need no luck."""

import importlib
import inspect
import pkgutil
import typing
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

import pytest

import steamnet

pytestmark = pytest.mark.python_behaviour


def modules() -> Iterator[ModuleType]:
    """Every module of the package that a program may import: not the command line's."""
    yield steamnet
    for found in pkgutil.iter_modules(steamnet.__path__, "steamnet."):
        if found.name not in ("steamnet.__main__", "steamnet._native", "steamnet.cli"):
            yield importlib.import_module(found.name)


def functions(thing: Any) -> Iterator[FunctionType]:
    """The functions behind a member of a module or a class, whichever way they hang there."""
    if isinstance(thing, property):
        thing = (thing.fget, thing.fset)
    elif isinstance(thing, classmethod | staticmethod):
        thing = (thing.__func__,)
    for function in thing if isinstance(thing, tuple) else (thing,):
        if inspect.isfunction(function):
            yield function


def annotated(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Every function and class that a module defines, and the functions of those."""
    for name, member in vars(module).items():
        if getattr(member, "__module__", None) != module.__name__:
            continue
        for function in functions(member):
            yield name, function
        if inspect.isclass(member):
            yield name, member
            for attribute, value in vars(member).items():
                for function in functions(value):
                    yield f"{name}.{attribute}", function


@pytest.mark.parametrize("module", [*modules()], ids=lambda module: module.__name__)
def test_annotations_resolve(module: ModuleType) -> None:
    """Those of functions, methods, properties, classes and their attributes, private ones too."""
    unresolved = []
    for name, thing in annotated(module):
        try:
            typing.get_type_hints(thing)
            if inspect.isfunction(thing):
                inspect.signature(thing, eval_str=True)
        except (NameError, TypeError, AttributeError) as error:
            unresolved.append(f"{name}: {error}")
    typing.get_type_hints(module)
    assert unresolved == []


def test_what_was_looked_at() -> None:
    """The look-out above passes nothing over: classes, properties, methods, and the module's."""
    seen = {f"{m.__name__}.{name}" for m in modules() for name, _ in annotated(m)}
    assert {
        "steamnet.aio.Connection.send",
        "steamnet.aio.init",
        "steamnet.identity.Identity.parse",
        "steamnet.info.ConnectionEvent",
        "steamnet.steam.Steam.__exit__",
    } <= seen
    assert len(seen) > 400
    assert typing.get_type_hints(steamnet.ConnectionEvent)["info"] is steamnet.ConnectionInfo
    parameters = inspect.signature(steamnet.aio.init, eval_str=True).parameters
    assert parameters["engine"].annotation == str | None
