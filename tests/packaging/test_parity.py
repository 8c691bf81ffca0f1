"""docs/parity.md has no hole: each flat function has a Python name, or a reason why not."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import requirements

import steamnet

ROOT = Path(__file__).resolve().parents[2]
_spec = importlib.util.spec_from_file_location("parity", ROOT / "tools" / "parity.py")
assert _spec is not None
assert _spec.loader is not None
parity = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(parity)

ROWS = parity.rows()


def _python(name: str) -> object:
    """What a name of the page stands for."""
    holder, _, attribute = name.partition(".")
    classes = {way.rstrip("."): cls for cls, way in parity.REACHED.items()}
    return getattr(getattr(steamnet, classes.get(holder, holder)), attribute)


def test_the_page_is_what_the_tool_writes() -> None:
    """The tool would write the very same page again."""
    tool = [sys.executable, str(ROOT / "tools" / "parity.py"), "--check"]
    done = subprocess.run(tool, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_row_of_flat_def_has_a_python_name() -> None:
    """Each function is cited by a public method's docstring, or used inside a named one."""
    cited = parity.cited()
    assert len(ROWS) > 80
    for _, _, interface, name in ROWS:
        flat = f"{interface}_{name}"
        ways = cited.get(flat) or [parity.INSIDE.get(flat, "")]
        for way in ways:
            found = _python(way)
            assert callable(found) or isinstance(found, property), f"{flat}: {way}"


def test_docstrings_cite_only_functions_that_there_are() -> None:
    """A misspelt ``Interface::Function`` would send a reader of Valve's documents astray."""
    flat = {f"{interface}_{name}" for _, _, interface, name in ROWS}
    for cited, ways in parity.cited().items():
        assert cited in flat, f"{ways} cite {cited}"


def test_every_function_is_called_somewhere() -> None:
    """What Python may call, Python calls, or our C for it; the others are called by our C alone."""
    python = "\n".join(p.read_text("utf-8") for p in (ROOT / "steamnet").glob("*.py"))
    c_files = [p for p in (ROOT / "csrc").rglob("*.c") if p.parent.name != "loopback"]
    c = "\n".join(p.read_text("utf-8") for p in c_files)
    module = "\n".join(p.read_text("utf-8") for p in c_files if p.parent.name == "module")
    for _, lock, interface, name in ROWS:
        call = f"{interface}_{name}"
        ours = re.search(rf"flat(\.|->){call}\b", c) is not None
        called = f"lib.{call}(" in python or f"flat.{call}(" in module
        assert ours if lock == "INTERNAL" else called, f"nobody calls {call}"


def test_the_columns_say_what_the_engine_has(engine: str, steam: steamnet.Steam) -> None:
    """What the page says of an engine is what that engine, loaded, has."""
    needs = {f"SteamAPI_{interface}_{name}": need for need, _, interface, name in ROWS}
    functions = dict(steam.engine.functions())
    assert set(functions) == set(needs)
    for symbol, has in functions.items():
        said = parity.engines(needs[symbol], symbol.removeprefix("SteamAPI_"))[engine]
        assert said == has, symbol


def test_what_is_not_bound_has_a_reason() -> None:
    """Each function of Valve's flat header is in flat.def, or on the list of what is left alone."""
    header = requirements.gns_headers() / "steam/steamnetworkingsockets_flat.h"
    flat = {f"{interface}_{name}" for _, _, interface, name in ROWS}
    valves = set(re.findall(r"\bSteamAPI_(\w+)\s*\(", header.read_text("utf-8")))
    assert len(valves) > 80
    unexplained = {
        name
        for name in valves - flat
        if not any(re.fullmatch(pattern, name) for pattern in parity.UNBOUND)
    }
    assert not unexplained
