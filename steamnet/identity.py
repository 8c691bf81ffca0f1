"""Who somebody is: identities and addresses, between Valve's structs and text."""

import operator
from dataclasses import dataclass
from typing import Any, SupportsIndex

from ._native import ffi, lib
from .enums import IdentityType, known


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """A networking identity (``SteamNetworkingIdentity``), hashable and comparable."""

    type: IdentityType | int
    """What kind of identity it is."""
    text: str
    """The identity in Valve's spelling, such as ``steamid:76561198000000001`` or ``str:alice``."""

    @property
    def steam_id(self) -> str | None:
        """The Steam ID in decimal; None where the identity is of another kind."""
        prefix, _, number = self.text.partition(":")
        return number if prefix == "steamid" else None

    def __str__(self) -> str:
        """The Steam ID in decimal, else the identity string: as ``NetworkingMessage.identity``."""
        return self.text.removeprefix("steamid:")

    @classmethod
    def parse(cls, text: "str | int | Identity") -> "Identity":
        """Read an identity.

        Takes a Steam ID (an int, or a string of digits) or an identity string as
        ``SteamNetworkingIdentity_ParseString`` reads it: ``steamid:``, ``str:``, ``gen:``,
        ``ip:``, ``psn:``, ``xboxpwid:``. Raises ValueError if it is none of these.
        """
        if isinstance(text, Identity):
            return text
        return from_native(to_native(text))


def to_native(value: "str | int | Identity") -> Any:
    """A new ``SteamNetworkingIdentity *`` for anything that names somebody."""
    if isinstance(value, Identity):
        text = value.text
    elif isinstance(value, str):
        text = f"steamid:{value}" if value.isdecimal() else value
    elif isinstance(value, SupportsIndex):
        text = f"steamid:{operator.index(value)}"
    else:
        raise TypeError(f"an identity is a Steam ID, a string or an Identity, not {type(value)}")
    native = ffi.new("SteamNetworkingIdentity *")
    if not lib.sn_identity_parse(native, c_string(text, "identity")):
        raise ValueError(
            f"{value!r} is no identity: give a Steam ID in decimal, or a string such as "
            "'steamid:76561198000000001', 'str:alice' or 'ip:127.0.0.1:27015'"
        )
    return native


def from_native(native: Any) -> Identity:
    """The Identity of a ``SteamNetworkingIdentity *``."""
    buffer = ffi.new("char[]", lib.SN_IDENTITY_SIZE)
    lib.sn_identity_format(native, buffer, len(buffer))
    return Identity(known(IdentityType, native.m_eType), text_of(buffer))


def address_to_native(text: str) -> Any:
    """A new ``SteamNetworkingIPAddr *`` from ``1.2.3.4:5`` or ``[::1]:5``; ValueError otherwise."""
    if not isinstance(text, str):
        raise TypeError(f"an address is a str such as '127.0.0.1:27015', not {type(text)}")
    native = ffi.new("SteamNetworkingIPAddr *")
    if not lib.sn_address_parse(native, c_string(text, "address")):
        raise ValueError(f"{text!r} is no address: write '127.0.0.1:27015' or '[::1]:27015'")
    return native


def address_from_native(native: Any) -> str:
    """The text of a ``SteamNetworkingIPAddr *`` with its port."""
    buffer = ffi.new("char[]", lib.SN_ADDRESS_SIZE)
    lib.sn_address_format(native, buffer, len(buffer), True)
    return text_of(buffer)


def text_of(chars: Any) -> str:
    """The text of a C string; bytes that a peer made up do not raise."""
    data = ffi.string(chars)
    return data.decode("utf-8", "replace") if isinstance(data, bytes) else data


def c_string(text: str, what: str) -> bytes:
    """The bytes of a string that C will read; ValueError where it would end early."""
    if not isinstance(text, str):
        raise TypeError(f"{what} must be a str, not {type(text)}")
    data = text.encode("utf-8", "surrogateescape")
    if b"\0" in data:
        raise ValueError(f"{what} holds a NUL character")
    return data
