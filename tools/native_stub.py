"""Writes steamnet/_native.pyi, the types of the compiled module, from what cffi is told.

    python tools/native_stub.py [--check]

The functions and constants of ``lib`` come from the C headers, through build_ffi.py; what our C
module adds beside them is written out below. tests/packaging/test_native_stub.py compares all of it
with the compiled module.
"""

import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
STUB = ROOT / "steamnet" / "_native.pyi"
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

import generated

import build_ffi

HEAD = '''\
"""The compiled module, typed. Written by tools/native_stub.py: change that, or the C headers."""

# ruff: noqa  # the names are Valve's
# A line each.
# fmt: off

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias, TypeVar, final

from typing_extensions import Buffer

from .arguments import Payload
from .columns import MessageColumns
from .enums import ConnectionInfoFlags
from .identity import Identity
from .info import ConnectionEvent, ConnectionInfo, LaneStatus, QuickConnectionStatus

class CData:
    """A C value of any type: what its fields and items are, cffi knows and Python does not."""

    def __getattr__(self, name: str, /) -> Any: ...
    def __setattr__(self, name: str, value: Any, /) -> None: ...
    def __getitem__(self, index: int, /) -> Any: ...
    def __setitem__(self, index: int, value: Any, /) -> None: ...
    def __add__(self, count: int, /) -> CData: ...
    def __int__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __len__(self) -> int: ...

class CBuffer:
    """The bytes behind a C value, which it does not keep alive."""

    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __getitem__(self, part: slice, /) -> bytes: ...
    def __len__(self) -> int: ...

@final
class FFI:
    """As much of cffi's FFI as this package uses."""

    @property
    def NULL(self) -> CData: ...
    def addressof(self, cdata: CData, /) -> CData: ...
    def buffer(self, cdata: CData, size: int = ..., /) -> CBuffer: ...
    def cast(self, cdecl: str, source: CData | int, /) -> CData: ...
    def from_buffer(self, source: Buffer, /) -> CData: ...
    def gc(self, cdata: CData, destructor: Callable[[CData], object], /) -> CData: ...
    def list_types(self) -> tuple[list[str], list[str], list[str]]: ...
    def new(self, cdecl: str, init: Any = ..., /) -> CData: ...
    def sizeof(self, cdecl: str, /) -> int: ...
    def string(self, cdata: CData, /) -> bytes | str: ...
    def unpack(self, cdata: CData, length: int, /) -> list[Any]: ...

@final
class Lib:
    """The functions and constants of the C headers."""

'''

TAIL = '''
ffi: FFI
lib: Lib

@final
class NetworkingMessage:
    """A received message; see csrc/module/message.c."""

    @property
    def payload(self) -> bytes: ...
    @property
    def data(self) -> memoryview: ...
    @property
    def size(self) -> int: ...
    @property
    def connection(self) -> int: ...
    @property
    def identity(self) -> Identity: ...
    @property
    def channel(self) -> int: ...
    @property
    def flags(self) -> int: ...
    @property
    def message_number(self) -> int: ...
    @property
    def time_received(self) -> int: ...
    @property
    def connection_user_data(self) -> int: ...
    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str: ...
    def release(self) -> None: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __bool__(self) -> bool: ...
    def __len__(self) -> int: ...

class EngineHolder:
    """What methods in C are called on; see csrc/module/methods.c."""

    def _hold(self, address: int, /) -> None: ...

Function = TypeVar("Function", bound=Callable[..., Any])
Item = TypeVar("Item")
Messages: TypeAlias = list[NetworkingMessage]
Outgoing: TypeAlias = tuple[int, Payload, int] | tuple[int, Payload, int, int]

def method_in_c(function: Function, results: dict[Any, Any], /) -> Function: ...
def set_closed_error(exception_class: type[Exception], /) -> None: ...
def set_identity_type(str_subclass: type[str], /) -> None: ...
def receive_on_connection(engine: int, connection: int, limit: int, /) -> Messages: ...
def receive_on_poll_group(engine: int, poll_group: int, limit: int, /) -> Messages: ...
def receive_on_channel(engine: int, channel: int, limit: int, /) -> Messages: ...
def receive_on_fake_port(engine: int, port: int, limit: int, /) -> Messages: ...
def receive_columns_on_connection(
    engine: int, connection: int, limit: int, /
) -> MessageColumns: ...
def receive_columns_on_poll_group(
    engine: int, poll_group: int, limit: int, /
) -> MessageColumns: ...
def set_columns_type(columns: type[MessageColumns], /) -> None: ...
def send(engine: int, connection: int, data: Payload, flags: int, lane: int, /) -> int: ...
def send_many(engine: int, messages: Iterable[Outgoing], /) -> list[int]: ...
def broadcast(
    engine: int, connections: Iterable[int], data: Payload, flags: int, lane: int, /
) -> list[int]: ...
def connection_info(engine: int, connection: int, /) -> ConnectionInfo | None: ...
def connection_status(
    engine: int, connection: int, lanes: int, /
) -> QuickConnectionStatus | None: ...
def next_events(
    engine: int, events: list[ConnectionEvent], limit: int, room: CBuffer, /
) -> int: ...
def note_events(
    events: list[ConnectionEvent],
    connections: dict[int, int],
    pairs: set[int],
    hidden: dict[int, Any],
    /,
) -> None: ...
def take_all(take: Callable[[], Item], count: int, /) -> list[Item]: ...
def read_info(buffer: CBuffer, /) -> ConnectionInfo: ...
def read_status(buffer: CBuffer, /) -> QuickConnectionStatus: ...
def read_event(buffer: CBuffer, /) -> ConnectionEvent: ...
def set_record_types(
    info: type[ConnectionInfo],
    status: type[QuickConnectionStatus],
    lane: type[LaneStatus],
    event: type[ConnectionEvent],
    states: dict[Any, Any],
    reasons: dict[Any, Any],
    names: dict[int, str],
    flags: type[ConnectionInfoFlags],
    words: str,
    /,
) -> None: ...
'''

FUNCTION = re.compile(r"\b(\w+)\(([^()]*)\);")


def python_type(c_type: Any, result: bool) -> str:
    """Say what Python sees of a C type, as a result or as a parameter."""
    name = c_type.get_c_name()
    if name == "void":
        return "None"
    if name in ("float", "double"):
        return "float"
    if name == "_Bool":
        return "bool"
    if "*" not in name:
        return "int"
    # cffi takes bytes for text and for bytes that C only reads.
    return "CData | bytes" if name in ("char const *", "void const *") and not result else "CData"


def stub() -> str:
    """Make the text of the stub."""
    ffi = build_ffi.make()
    texts = "\n".join(ffi._cdefsources)
    names = {
        name: [re.split(r"[ *]+", parameter)[-1] for parameter in parameters.split(",")]
        for name, parameters in FUNCTION.findall(texts)
    }
    constants, functions = set(), []
    for declaration, (c_type, _) in ffi._parser._declarations.items():
        kind, _, name = declaration.partition(" ")
        if kind == "function":
            parameters = "".join(
                f"{parameter.replace('self', 'port')}: {python_type(argument, result=False)}, "
                for parameter, argument in zip(names[name], c_type.args, strict=False)  # f(void)
            )
            result = python_type(c_type.result, result=True)
            functions.append(f"    def {name}(self, {parameters}/) -> {result}: ...\n")
        elif kind in ("anonymous", "enum"):
            constants.update(getattr(c_type, "enumerators", ()))
    constants.update(ffi._parser._int_constants)
    values = [f"    {name}: int\n" for name in sorted(constants)]
    return HEAD + "".join(values) + "".join(functions) + TAIL


if __name__ == "__main__":
    sys.exit(generated.put(STUB, stub(), generated.parser(__doc__).parse_args().check))
