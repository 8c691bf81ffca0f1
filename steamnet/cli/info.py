"""``steamnet info``: which engines are on this machine, their versions, and what they lack."""

import argparse
import os
import platform
import re
import sys

from .. import engine as engines
from .. import libraries
from .._version import __version__
from ..errors import InitError


def run(options: argparse.Namespace) -> int:
    """Load each engine without starting it, and describe it; 0 if all that was asked for loads."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    print(f"steamnet {__version__} on {python}, {sys.platform} {platform.machine()}")
    found = [_describe(name, options.library, options.all) for name in ("steam", "gns")]
    if options.library is None:
        _describe("loopback", None, options.all)
        return 0
    return 0 if any(found) else 1


def _describe(name: str, library: str | None, everything: bool) -> bool:
    try:
        engine = engines.load(name, engines.KINDS[name], library)
    except InitError as error:
        print(f"\n{name:9} not here")
        for line in error.tried:
            print(f"          - {line}")
        return False
    functions = list(engine.functions())
    missing = [symbol for symbol, there in functions if not there]
    print(f"\n{name:9} {engine.library or 'built in'}")
    print(f"          version   {_exact_version(engine)}")
    for package, version in libraries.packages(engine.library or "").items():
        print(f"          package   {package} {version}")
    if engine.accessor:
        print(f"          accessor  {engine.accessor}")
    print(f"          functions {len(functions) - len(missing)} of {len(functions)}")
    for symbol in missing if everything else ():
        print(f"          missing   {symbol.removeprefix('SteamAPI_')}")
    if missing and not everything:
        print("          missing   listed by steamnet info --all")
    engine.close()
    return True


def _exact_version(engine: engines.Engine) -> str:
    """The engine's version; that of GNS is in the name of its file, where a system keeps it."""
    found = re.search(r"\.so\.(\d+\.\d+\.\d+)$", os.path.realpath(engine.library or ""))
    if engine.name == "gns" and found is not None:
        return f"GameNetworkingSockets {found[1]}"
    return engine.version
