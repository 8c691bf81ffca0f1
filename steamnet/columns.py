"""Messages as columns: for servers, bots and learning agents that hold their numbers in arrays."""

from dataclasses import dataclass

from ._native import set_columns_type
from .identity import Identity


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MessageColumns:
    """The messages of one receive call: a column for each field, oldest message first.

    Each column but `data` and `identities` is a read-only ``memoryview`` of numbers, one for each
    message; ``numpy.asarray(column)`` takes it without a copy. ``len()`` tells how many there are.
    """

    data: bytes
    """All payloads, one after the other."""
    connections: memoryview
    """Handles of the connections that they came on."""
    offsets: memoryview
    """Where in `data` each payload begins."""
    sizes: memoryview
    """How long each payload is, in bytes."""
    channels: memoryview
    """The lanes that they came on."""
    flags: memoryview
    """`SendFlags` bits."""
    message_numbers: memoryview
    """The senders' numbers for them, counted from 1 on each lane."""
    times_received: memoryview
    """When they arrived, in microseconds of the engine's clock."""
    identity_index: memoryview
    """Who sent each: its place in `identities`."""
    identities: list[Identity]
    """Each sender once."""

    def __len__(self) -> int:
        return len(self.sizes)

    def __repr__(self) -> str:
        return f"<MessageColumns: {len(self)} messages, {len(self.data)} bytes>"


set_columns_type(MessageColumns)
