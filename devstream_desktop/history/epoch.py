"""The epoch of this device's feed, and the small mirror outside the database that proves the database is the newest one.

A device may only append to a feed whose newest number it surely knows: a restored backup or a cloned disk would use numbers twice.
The mirror file remembers epoch and last number, written before each own entry; a database that is not the one it describes begins a
new epoch. It is not forced to the disk: a power cut that loses its last word leaves it behind the database, which it then still
describes, or unreadable, which begins a new epoch.
"""

from __future__ import annotations

import secrets
from pathlib import Path

import msgspec

from devstream_desktop.home import write_private
from devstream_desktop.stream.entry import EPOCH_BYTES


class _Mirror(msgspec.Struct, frozen=True):
    epoch: str
    last: int


class FeedMirror:
    """The file that remembers which feed this device appends to, and how far."""

    def __init__(self, path: Path | None) -> None:
        """`path` None keeps it in memory, for a history that is in memory too."""
        self._path = path
        self._state = self._read()

    def describes(self, epoch: bytes, last: int) -> bool:
        """Whether a database with this epoch and last own number is surely the newest one of this device."""
        return self._state is not None and self._state.epoch == epoch.hex() and self._state.last <= last

    def remember(self, epoch: bytes, last: int) -> None:
        """Note that `last` will be used.

        Raises:
            OSError: it cannot be written, so the number must not be used.

        """
        self._state = _Mirror(epoch.hex(), last)
        if self._path is not None:
            write_private(self._path, msgspec.json.encode(self._state), durable=False)

    def _read(self) -> _Mirror | None:
        if self._path is None:
            return None
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Mirror)
        except (FileNotFoundError, msgspec.DecodeError):
            return None


def new_epoch() -> bytes:
    """Eight random bytes."""
    return secrets.token_bytes(EPOCH_BYTES)
