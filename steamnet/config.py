"""Configuration values, typed by asking the engine what type a key has."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, SupportsIndex

from ._native import ffi, lib
from .arguments import integer
from .engine import Engine
from .enums import ConfigDataType, ConfigScope, ConfigValue, known
from .identity import c_string, text_of

Value = int | float | str
Options = Mapping[ConfigValue, Value] | Mapping[int, Value]
WHOLE = (ConfigDataType.INT32, ConfigDataType.INT64)
# What C calls each type of number, and how many bits an int may have to be one.
NUMBERS: dict[int, tuple[str, int]] = {
    ConfigDataType.INT32: ("int32_t *", 31),
    ConfigDataType.INT64: ("int64_t *", 63),
    ConfigDataType.FLOAT: ("float *", 127),
}
# A value or text that is longer each time we ask, or longer than this, is cut off.
TRIES, LARGEST = 4, 2**20  # calls; bytes


@dataclass(frozen=True, slots=True)
class ConfigValueInfo:
    """What an engine says about a configuration key."""

    key: ConfigValue | int
    """The key."""
    name: str
    """Its name."""
    data_type: ConfigDataType | int
    """The type of its values."""
    scope: ConfigScope | int
    """The narrowest thing that it can be set on."""


def info(engine: Engine, key: int) -> ConfigValueInfo | None:
    """What the engine says about a key; None if it does not know it."""
    number = _key(key)
    data_type, scope = ffi.new("int *"), ffi.new("int *")
    name = lib.ISteamNetworkingUtils_GetConfigValueInfo(engine.pointer, number, data_type, scope)
    if name == ffi.NULL:
        return None
    return ConfigValueInfo(
        known(ConfigValue, number),
        text_of(name),
        known(ConfigDataType, data_type[0]),
        known(ConfigScope, scope[0]),
    )


def set_value(engine: Engine, key: int, value: Value | None, scope: int, target: int) -> bool:
    """Set a value on a scope's object; None takes the own value away again."""
    number = _key(key)
    if value is None:
        data_type, argument = lib.k_ESteamNetworkingConfig_Int32, ffi.NULL
    else:
        data_type, argument = _native_value(engine, number, value)
    return lib.ISteamNetworkingUtils_SetConfigValue(
        engine.pointer, number, scope, target, data_type, argument
    )


def get_value(engine: Engine, key: int, scope: int, target: int) -> Value | None:
    """The value in force on a scope's object; None for an unknown key or a dead object."""
    number = _key(key)
    data_type, size = ffi.new("int *"), ffi.new("size_t *", 256)
    for _ in range(TRIES):
        room = min(size[0], LARGEST)
        buffer = ffi.new("char[]", room)
        size[0] = room
        result = lib.ISteamNetworkingUtils_GetConfigValue(
            engine.pointer, number, scope, target, data_type, buffer, size
        )
        if result != lib.k_ESteamNetworkingGetConfigValue_BufferTooSmall or size[0] <= room:
            break
    if result < 0:
        return None
    # GNS leaves the type of the derived key MTU_DataSize out; it is an int32.
    kind = data_type[0] or lib.k_ESteamNetworkingConfig_Int32
    if kind == lib.k_ESteamNetworkingConfig_String:
        return text_of(buffer)
    if kind not in NUMBERS:
        return None  # a pointer, which is no business of Python's
    value: Value = ffi.cast(NUMBERS[kind][0], buffer)[0]
    return value


def items_of(options: Options) -> list[tuple[int, Value]]:
    """The keys and values of options; TypeError for what is no mapping."""
    if not isinstance(options, Mapping):
        raise TypeError(f"options are a mapping {{ConfigValue.X: value}}, not {type(options)}")
    return list(options.items())


def native_options(engine: Engine, options: Options | None) -> tuple[int, Any, list[Any]]:
    """Options for a create or connect call: count, array, and what must live through the call."""
    if options is None or not (items := items_of(options)):
        return 0, ffi.NULL, []
    array = ffi.new("SteamNetworkingConfigValue_t[]", len(items))
    alive: list[Any] = [array]
    for native, (key, value) in zip(array, items, strict=True):
        native.m_eValue = _key(key)
        native.m_eDataType, argument = _native_value(engine, native.m_eValue, value)
        alive.append(argument)
        if native.m_eDataType == lib.k_ESteamNetworkingConfig_String:
            native.m_val.m_string = argument
        elif native.m_eDataType == lib.k_ESteamNetworkingConfig_Float:
            native.m_val.m_float = argument[0]
        elif native.m_eDataType == lib.k_ESteamNetworkingConfig_Int64:
            native.m_val.m_int64 = argument[0]
        else:
            native.m_val.m_int32 = argument[0]
    return len(options), array, alive


def name(key: int) -> str:
    """A key as a user writes it; its number where it is not known."""
    return getattr(known(ConfigValue, key), "name", str(key))


def refusal(engine: Engine, key: int, value: Value) -> str:
    """Why no listen socket or connection can have that value; "" where no reason is known."""
    about = info(engine, key)
    if about is None:
        return f"the {engine.name} engine does not know {name(key)}"
    if about.scope == ConfigScope.GLOBAL:
        return f"{name(key)} can only be set globally, with networking_utils.set_config_value"
    if about.data_type in NUMBERS and isinstance(value, str):
        return f"{name(key)} must be a number, not {value!r}"
    return ""


def unreadable(engine: Engine, key: int) -> str:
    """Why no connection has a value of that key."""
    about = info(engine, key)
    if about is None:
        return f"the {engine.name} engine does not know {name(key)}"
    if about.scope == ConfigScope.GLOBAL:
        return f"{name(key)} is global: networking_utils.get_config_value tells it"
    return f"no {name(key)} on this connection"


def _key(key: int) -> int:
    return integer(key, "config key", 0, 0x7FFFFFFF)


def _native_value(engine: Engine, key: int, value: Value) -> tuple[int, Any]:
    """A value as the engine's type for the key wants it: type, pointer to the bytes."""
    known_key = info(engine, key)
    wanted = known_key.data_type if known_key is not None else None
    if wanted == lib.k_ESteamNetworkingConfig_Ptr or _is_callback(key):
        raise ValueError(
            f"{known(ConfigValue, key)!r} is a callback pointer, which steamnet keeps to itself"
        )
    if isinstance(value, str):
        return lib.k_ESteamNetworkingConfig_String, ffi.new("char[]", c_string(value, "value"))
    if not isinstance(value, float | SupportsIndex):
        raise TypeError(f"a config value is an int, a float or a str, not {type(value)}")
    if isinstance(value, float):
        if math.isnan(value):
            raise ValueError("a config value cannot be NaN")
        if wanted not in WHOLE:
            return lib.k_ESteamNetworkingConfig_Float, ffi.new("float *", value)
        if math.isinf(value):
            raise ValueError(f"{known(ConfigValue, key)!r} takes whole numbers, not {value!r}")
        value = math.floor(value + 0.5)  # as engines do, whose floats are too short for the largest
    kind = wanted if wanted in NUMBERS else lib.k_ESteamNetworkingConfig_Int32
    c_type, bits = NUMBERS[kind]
    return kind, ffi.new(c_type, integer(value, "value", -(2**bits), 2**bits - 1))


def _is_callback(key: int) -> bool:
    first = lib.k_ESteamNetworkingConfig_Callback_ConnectionStatusChanged
    last = lib.k_ESteamNetworkingConfig_Callback_FakeIPResult
    return bool(first <= key <= last)
