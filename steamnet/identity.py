"""Who somebody is: identities and addresses, between Valve's structs and text."""

import operator
import re
import reprlib
from collections.abc import Callable, Iterable
from typing import Any, SupportsIndex

from ._native import ffi, lib, set_identity_type
from .enums import IdentityType, known

TYPES = {
    "steamid": IdentityType.STEAM_ID,
    "str": IdentityType.GENERIC_STRING,
    "gen": IdentityType.GENERIC_BYTES,
    "ip": IdentityType.IP_ADDRESS,
    "psn": IdentityType.SONY_PSN,
    "xboxpwid": IdentityType.XBOX_PAIRWISE_ID,
}
NEWER_TYPE = re.compile(r"type(-?\d{1,10}):")  # as C writes one that it does not know
STEAM_ID_2 = re.compile(r"STEAM_(\d):([01]):(\d{1,10})\b", re.I)
STEAM_ID_3 = re.compile(r"\[?U:(\d):(\d{1,10})\b\]?", re.I)
STEAM_ID_64 = re.compile(r"7656\d{13}\b")
STEAM_TEXT = re.compile(r"STEAM_\d:[01]:\d+|\[?[A-Z]:\d:\d+(:\d+)?\]?", re.I)  # not only people's
HOST_AND_PORT = re.compile(r"(\[[^\]]*\]|[^:/\s]+):\d{1,5}")
HOST_NAME = re.compile(r"[\w-]+(\.[\w-]+)+")
PORT = re.compile("[0-9]{1,5}")

_brief = reprlib.Repr()
_brief.maxstring = _brief.maxother = 80


class Identity(str):
    """A networking identity (``SteamNetworkingIdentity``), which is its text.

    That is the Steam ID in decimal, else the identity string, such as ``str:alice``. So it equals,
    hashes, sorts and prints as that str does; ``Identity(text)`` is the same as `parse`.
    """

    __slots__ = ()

    def __new__(cls, text: "str | int") -> "Identity":
        """Read an identity as `parse` does."""
        return cls.parse(text)

    def __reduce__(self) -> tuple[Callable[[str], "Identity"], tuple[str]]:
        """Pickle and copy the text as it is: a peer's identity need not parse here."""
        return identity_of, (str(self),)

    @classmethod
    def parse(cls, text: "str | int | Identity") -> "Identity":
        """Read an identity.

        Takes a Steam ID (an int, or a string of digits) or an identity string as
        ``SteamNetworkingIdentity_ParseString`` reads it: ``steamid:``, ``str:``, ``gen:``,
        ``ip:``, ``psn:``, ``xboxpwid:``. Raises ValueError if it is none of these; for an
        address, a SteamID2 or SteamID3 text and a profile's URL it names what to use instead.
        """
        return text if isinstance(text, Identity) else from_native(to_native(text))

    @property
    def type(self) -> IdentityType | int:
        """What kind of identity it is."""
        if self.isdecimal():
            return IdentityType.STEAM_ID
        if self in ("", "invalid"):
            return IdentityType.INVALID
        if (newer := NEWER_TYPE.fullmatch(self)) is not None:
            return known(IdentityType, int(newer[1]))
        return TYPES.get(self.partition(":")[0], IdentityType.UNKNOWN_TYPE)

    @property
    def steam_id(self) -> str | None:
        """The Steam ID in decimal; None where the identity is of another kind."""
        return str(self) if self.isdecimal() else None

    @property
    def text(self) -> str:
        """The identity in Valve's spelling, such as ``steamid:76561198000000001``."""
        return f"steamid:{self}" if self.isdecimal() else str(self)


def identity_of(text: str) -> Identity:
    """The Identity that an engine wrote as ``text``."""
    return str.__new__(Identity, text.removeprefix("steamid:"))


set_identity_type(Identity)  # of which messages have theirs


def in_short(text: object) -> str:
    """What somebody has typed, as an error shows it: not whole where it is long."""
    return _brief.repr(text)


def to_native(value: "str | int | Identity") -> Any:
    """A new ``SteamNetworkingIdentity *`` for anything that names somebody."""
    if isinstance(value, Identity):
        text = value.text
    elif isinstance(value, str):
        text = f"steamid:{value}" if value.isdecimal() else value
        _refuse_other_names(text)
    elif isinstance(value, SupportsIndex):
        text = f"steamid:{operator.index(value)}"
    else:
        raise TypeError(f"an identity is a Steam ID, a string or an Identity, not {type(value)}")
    native = ffi.new("SteamNetworkingIdentity *")
    if not lib.sn_identity_parse(native, c_string(text, "identity")):
        raise ValueError(
            f"{in_short(value)} is no identity: give a Steam ID in decimal, or a string such as "
            "'steamid:76561198000000001' or 'str:alice'"
        )
    return native


def _refuse_other_names(text: str) -> None:
    """Raise ValueError for names of users and places that are no identities, but look like some."""
    if text.partition(":")[0] in TYPES:
        return
    if STEAM_TEXT.fullmatch(text) or "://" in text or "steamcommunity.com/" in text:
        raise ValueError(
            f"{in_short(text)} is no identity: give the Steam ID in decimal{_steam_id_in(text)}"
        )
    native = ffi.new("SteamNetworkingIPAddr *")
    is_host = HOST_AND_PORT.fullmatch(text) or HOST_NAME.fullmatch(text)
    if is_host or lib.sn_address_parse(native, c_string(text, "identity")):
        raise ValueError(
            f"{in_short(text)} is an address and no identity: call connect_ip to connect to it, or "
            "listen_ip to listen on it"
        )


def _steam_id_in(text: str) -> str:
    """The Steam ID of a person that is spelled in another way, after a comma; "" if it is not."""
    if (found := STEAM_ID_64.search(text)) is not None:
        return f", {found[0]!r}"
    if (found := STEAM_ID_2.search(text)) is not None:
        universe, low, half = map(int, found.groups())
        account = 2 * half + low
    elif (found := STEAM_ID_3.search(text)) is not None:
        universe, account = map(int, found.groups())
    else:
        return ""
    number = max(universe, 1) << 56 | 1 << 52 | 1 << 32 | account & 0xFFFFFFFF  # a person's desktop
    return f", '{number}'"


def split_address(address: str) -> tuple[str, int]:
    """Host and port of ``host:port`` or ``[host]:port``; ValueError otherwise."""
    if not isinstance(address, str):
        raise TypeError(f"an address is a str such as '127.0.0.1:27015', not {type(address)}")
    host, colon, number = address.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        colon = ""  # an IPv6 address without brackets
    if not (colon and host and PORT.fullmatch(number) and int(number) <= 0xFFFF):
        raise ValueError(
            f"{in_short(address)} is no address with a port: write '127.0.0.1:27015', "
            "'[::1]:27015' or 'play.example.org:27015'"
        )
    return host, int(number)


def resolve(address: str) -> list[str]:
    """The numeric addresses that a ``host:port`` stands for, those of IPv4 first.

    A host's name is looked up, which may take seconds: OSError where that fails, UnicodeError
    where the text cannot be a name. Servers listen on IPv4 more often than on IPv6, and nothing
    answers where a port is closed.
    """
    host, number = split_address(address)
    if (numeric := numeric_address(address)) is not None:
        return [numeric]
    import socket  # slow to import

    return found_addresses(socket.getaddrinfo(host, number, type=socket.SOCK_DGRAM))


def numeric_address(address: str) -> str | None:
    """A ``host:port`` that needs no look-up, as engines write it; None for one with a name."""
    native = ffi.new("SteamNetworkingIPAddr *")
    if lib.sn_address_parse(native, c_string(address, "address")):
        return address_from_native(native)
    return None


def found_addresses(found: Iterable[tuple[Any, ...]]) -> list[str]:
    """The numeric addresses of what getaddrinfo found, those of IPv4 first."""
    from socket import AF_INET

    entries = sorted(found, key=lambda entry: entry[0] != AF_INET)
    addresses = [  # engines know no scopes
        join_address(str(where[0]).partition("%")[0], where[1]) for *_, where in entries
    ]
    return list(dict.fromkeys(addresses))


def lookup_failure(error: OSError | UnicodeError) -> str:
    """Why getaddrinfo found nothing: a UnicodeError is a name such as ``a..b``."""
    if isinstance(error, UnicodeError):
        return "no host name"
    return error.strerror or str(error)


def join_address(host: str, number: int) -> str:
    """A numeric host and a port as one text."""
    return f"[{host}]:{number}" if ":" in host else f"{host}:{number}"


def from_native(native: Any) -> Identity:
    """The Identity of a ``SteamNetworkingIdentity *``."""
    buffer = ffi.new("char[]", lib.SN_IDENTITY_SIZE)
    lib.sn_identity_format(native, buffer, len(buffer))
    return identity_of(text_of(buffer))


def address_to_native(text: str) -> Any:
    """A new ``SteamNetworkingIPAddr *`` from ``1.2.3.4:5`` or ``[::1]:5``; ValueError otherwise."""
    if not isinstance(text, str):
        raise TypeError(f"an address is a str such as '127.0.0.1:27015', not {type(text)}")
    native = ffi.new("SteamNetworkingIPAddr *")
    if not lib.sn_address_parse(native, c_string(text, "address")):
        raise ValueError(
            f"{in_short(text)} is no address: write '127.0.0.1:27015' or '[::1]:27015'"
        )
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
    try:
        data = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise ValueError(f"{what} holds half a character: {text[:32]!r}") from None
    if b"\0" in data:
        raise ValueError(f"{what} holds a NUL character")
    return data
