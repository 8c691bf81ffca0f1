"""Docstrings tell what a call takes, and which function of Valve's it is."""

import inspect
import re
from enum import Enum
from types import FunctionType
from typing import Any

import pytest

import steamnet
from steamnet import aio, objects, signaling
from steamnet.enums import member_docs

SDK = (
    steamnet.SteamNetworkingSocketsManager,
    steamnet.SteamNetworkingUtilsManager,
    steamnet.SteamNetworkingMessagesManager,
    steamnet.FakeUDPPort,
)
OURS = (
    objects.Connection,
    objects.Listener,
    objects.PollGroup,
    aio.Steam,
    aio.Connection,
    aio.Listener,
    aio.PollGroup,
    signaling.Signaling,
    signaling.LocalSignaling,
)
VALVES = re.compile(r"``(ISteamNetworking\w+::\w+|Steam\w+_t)``")


def methods(*classes: type) -> list[Any]:
    """The public methods of classes, inherited ones included: class and function of each."""
    return [
        pytest.param(cls, member, id=f"{cls.__module__}.{cls.__name__}.{name}")
        for cls in classes
        for name, member in inspect.getmembers(cls, inspect.isfunction)
        if not name.startswith("_")
    ]


@pytest.mark.parametrize(("cls", "method"), methods(*SDK))
def test_a_call_names_valves_function(cls: type, method: FunctionType) -> None:
    """Valve's documentation holds for it too; a call of our own says that it has none."""
    doc = inspect.getdoc(method) or ""
    assert VALVES.search(doc) or "The SDK has no such call." in doc


@pytest.mark.parametrize(("cls", "method"), methods(*SDK, *OURS))
def test_a_method_names_what_it_takes(cls: type, method: FunctionType) -> None:
    """Each parameter is told of there, or with those that many methods of its class share."""
    doc = f"{inspect.getdoc(method)} {inspect.getdoc(cls)}"
    for name in list(inspect.signature(method).parameters)[1:]:
        assert re.search(rf"\b{name}\b", doc), f"nothing is said of {name}"


ENUMS = [cls for cls in vars(steamnet).values() if isinstance(cls, type) and issubclass(cls, Enum)]


@pytest.mark.parametrize("cls", ENUMS)
def test_every_member_of_an_enumeration_has_a_docstring(cls: type[Enum]) -> None:
    """A string of its own below it, that says more than its name; help on a member shows it."""
    told = member_docs(cls)
    assert set(told) == set(cls.__members__)
    for member in cls:
        assert inspect.getdoc(member) == told[member.name] != inspect.getdoc(cls)
        assert len(told[member.name].split()) > 1
