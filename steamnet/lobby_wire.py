"""Lobbies as JSON: in the store of one machine, and on the way to a rendezvous server and back.

Decoding takes what anybody may have written: ValueError for what is not what it should be.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache

from .enums import EChatRoomEnterResponse, EResult, LobbyType
from .identity import Identity, identity_of
from .lobby_backend import (
    Chat,
    Create,
    Inspect,
    Invite,
    Join,
    Leave,
    LobbyEventKind,
    LobbyInfo,
    Search,
    SetData,
    SetJoinable,
    SetMaxMembers,
    SetMemberData,
    SetOwner,
    SetType,
)
from .lobby_client import People, Person, Reply, Request, SetPresence, Update
from .lobby_rules import Change, Member, State

Json = Mapping[str, object]
LONGEST_NAME = 160  # characters of an identity, or of a user's name
REQUESTS: dict[str, type[Request]] = {
    "create": Create,
    "search": Search,
    "join": Join,
    "inspect": Inspect,
    "leave": Leave,
    "set_data": SetData,
    "set_member_data": SetMemberData,
    "set_type": SetType,
    "set_joinable": SetJoinable,
    "set_max_members": SetMaxMembers,
    "set_owner": SetOwner,
    "chat": Chat,
    "invite": Invite,
    "people": People,
    "set_presence": SetPresence,
}
WORDS = {kind: word for word, kind in REQUESTS.items()}


# --- what is written ------------------------------------------------------------------------------


@cache
def _names(kind: type) -> tuple[str, ...]:
    """The names of a class's fields."""
    return tuple(one.name for one in fields(kind))


def _made_plain(value: object) -> object:
    """What JSON can hold of bytes, or of what is made of fields: those that are set."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    kind: type = type(value)
    return {
        name: item
        for name in _names(kind)
        if (item := getattr(value, name)) or isinstance(item, int | float)
    }


_encoder = json.JSONEncoder(check_circular=False, separators=(",", ":"), default=_made_plain)


def dump(value: object) -> str:
    """A value as JSON."""
    return _encoder.encode(value)


def plain(value: object) -> object:
    """What `dump` makes of a value, to be put into a message."""
    return json.loads(dump(value))


def request_to_json(request: Request) -> dict[str, object]:
    """A request, by its word."""
    content = plain(request)
    assert isinstance(content, dict)
    return {"do": WORDS[type(request)], **content}


# --- what is read ---------------------------------------------------------------------------------


def request_from_json(message: Json) -> Request:
    """The request of a client; it has been checked."""
    kind = REQUESTS.get(_text(message, "do"))
    make: Callable[..., Request] | None = kind
    if kind is None or make is None:
        raise ValueError("no such request")
    if kind is Chat:
        return Chat(_whole(message, "lobby"), _bytes(message, "data"))
    try:
        return make(**{one.name: READERS[one.name](message, one.name) for one in fields(kind)})
    except TypeError as error:
        raise ValueError(str(error)) from None


def state_from_json(message: Json) -> State:
    """A lobby."""
    members = {
        _name(user): _member(_object(value)) for user, value in _object(message["members"]).items()
    }
    owner = _name(message.get("owner"))
    if owner not in members:
        raise ValueError("the owner is no member")
    created = message.get("created")
    if not isinstance(created, int | float):
        raise ValueError("created is no number")
    return State(
        _whole(message, "id"),
        _type(message, "type"),
        _whole(message, "max_members"),
        owner,
        members,
        _texts(message, "data"),
        created,
        _flag(message, "joinable"),
    )


def change_from_json(message: Json) -> Change:
    """A change of a lobby."""
    member = message.get("member")
    return Change(
        LobbyEventKind(_text(message, "kind")),
        _name(message.get("user")),
        _bytes(message, "data"),
        _texts(message, "values"),
        _type(message, "type") if "type" in message else None,
        _whole(message, "max_members") if "max_members" in message else None,
        _flag(message, "joinable") if "joinable" in message else None,
        _member(_object(member)) if member is not None else None,
        _text(message, "to"),
    )


def update_from_json(message: Json) -> Update:
    """A change with its lobby."""
    return Update(_whole(message, "lobby"), change_from_json(_object(message.get("change"))))


def reply_from_json(request: int, message: Json) -> Reply:
    """The answer to a request."""
    state, people = message.get("state"), message.get("people")
    kind = EChatRoomEnterResponse if message.get("enter") is True else EResult
    number = _whole(message, "result")
    return Reply(
        request,
        kind._value2member_map_.get(number, number),  # type: ignore[arg-type]  # of an IntEnum
        _text(message, "detail"),
        state_from_json(_object(state)) if state is not None else None,
        tuple(_info(_object(item)) for item in _items(message.get("infos", []))),
        tuple(map(person_from_json, map(_object, _items(people)))) if people is not None else None,
    )


def reply_to_json(reply: Reply) -> dict[str, object]:
    """The answer to a request, which is not in it."""
    content = plain(reply)
    assert isinstance(content, dict)
    content.pop("request")
    if isinstance(reply.result, EChatRoomEnterResponse):
        content["enter"] = True
    if reply.people is not None:
        content["people"] = plain(reply.people)
    return content


def _info(message: Json) -> LobbyInfo:
    owner = message.get("owner")
    return LobbyInfo(
        _whole(message, "id"),
        _whole(message, "member_count"),
        _whole(message, "max_members"),
        _texts(message, "data"),
        identity_of(_name(owner)) if owner is not None else None,
    )


def person_from_json(message: Json) -> Person:
    """A user of the rendezvous."""
    return Person(
        _name(message.get("identity")),
        _name(message.get("name", "")),
        _whole(message, "app"),
        _whole(message, "lobby"),
        _texts(message, "presence"),
    )


def _member(message: Json) -> Member:
    name, place = _name(message.get("name", "")), _name(message.get("place", ""))
    return Member(name, place, _texts(message, "data"))


def _object(value: object) -> Json:
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _items(value: object) -> list[object]:
    if not isinstance(value, list):
        raise ValueError("not a list")
    return value


def _name(value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_NAME:
        raise ValueError("not a name")
    value.encode()  # ValueError for half a surrogate pair, which JSON can spell
    return value


def _text(message: Json, key: str) -> str:
    value = message.get(key, "")
    if not isinstance(value, str):
        raise ValueError(f"{key} is no text")
    value.encode()
    return value


def _whole(message: Json, key: str) -> int:
    value = message.get(key, 0)
    if not isinstance(value, int) or not 0 <= value < 2**64:
        raise ValueError(f"{key} is no number")
    return int(value)


def _flag(message: Json, key: str) -> bool:
    value = message.get(key, False)
    if not isinstance(value, bool):
        raise ValueError(f"{key} is neither true nor false")
    return value


def _type(message: Json, key: str) -> LobbyType:
    return LobbyType(_whole(message, key))


def _bytes(message: Json, key: str) -> bytes:
    return _text(message, key).encode("latin-1")


def _texts(message: Json, key: str) -> dict[str, str]:
    texts = dict(_object(message.get(key, {})))
    if not all(isinstance(value, str) for value in texts.values()):
        raise ValueError(f"{key} has other things than texts")
    "".join((*texts, *texts.values())).encode()  # type: ignore[arg-type]  # so they are
    return texts  # type: ignore[return-value]  # so it is


def _user(message: Json, key: str) -> Identity:
    return identity_of(_name(message.get(key)))


def _where(message: Json, key: str) -> tuple[tuple[str, str, str | int], ...]:
    return tuple(_row(item, (str, str, (str, int))) for item in _items(message.get(key, [])))  # type: ignore[misc]  # of three


def _near(message: Json, key: str) -> tuple[tuple[str, int], ...]:
    return tuple(_row(item, (str, int)) for item in _items(message.get(key, [])))  # type: ignore[misc]  # of two


def _row(item: object, kinds: tuple[object, ...]) -> tuple[object, ...]:
    row = _items(item)
    if len(row) != len(kinds) or not all(map(isinstance, row, kinds)):  # type: ignore[arg-type]  # types, or tuples of them
        raise ValueError("not such a row")
    return tuple(row)


READERS: dict[str, Callable[[Json, str], object]] = {
    "lobby": _whole,
    "type": _type,
    "max_members": _whole,
    "data": _texts,
    "where": _where,
    "near": _near,
    "slots": _whole,
    "limit": _whole,
    "distance": _text,
    "key": _text,
    "value": _text,
    "joinable": _flag,
    "user": _user,
}
"""How each field of a request is read."""
