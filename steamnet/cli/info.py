"""``steamnet info``: which engines are on this machine, their versions, and what they lack."""

import argparse
import platform
import sys

from .. import engine as engines
from .. import libraries
from .._version import __version__
from ..errors import InitError


def run(options: argparse.Namespace) -> int:
    """Load each engine without starting it, and describe it; 0 if all that was asked for loads."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    print(f"steamnet {__version__} on {python}, {sys.platform} {platform.machine()}")
    found = [_describe(name, options.library) for name in ("steam", "gns")]
    if options.library is None:
        _describe("loopback", None)
        return 0
    return 0 if any(found) else 1


def _describe(name: str, library: str | None) -> bool:
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
    print(f"          version   {engine.version}")
    for package, version in libraries.packages(engine.library or "").items():
        print(f"          package   {package} {version}")
    if engine.accessor:
        print(f"          accessor  {engine.accessor}")
    print(f"          functions {len(functions) - len(missing)} of {len(functions)}")
    for symbol in missing:
        print(f"          missing   {symbol.removeprefix('SteamAPI_')}")
    engine.close()
    return True
