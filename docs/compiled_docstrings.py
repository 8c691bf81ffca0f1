"""Gives the reference the docstrings that the compiled message type has at run time."""

from typing import Any

import griffe

import steamnet


class CompiledDocstrings(griffe.Extension):
    """What is read from the sources is the type's stub, which leaves them out."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Copy them, when all of the package has been read."""
        if pkg.name != "steamnet":  # the pytest plug-in is a module of its own
            return
        stub = pkg["_native.NetworkingMessage"]
        stub.docstring = griffe.Docstring(steamnet.NetworkingMessage.__doc__, parent=stub)
        for name, member in stub.members.items():
            if not name.startswith("_"):
                text = getattr(steamnet.NetworkingMessage, name).__doc__
                member.docstring = griffe.Docstring(text, parent=member)
