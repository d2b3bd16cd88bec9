"""Epoch of this device's feed, and its mirror outside the database.

A device may only append to a feed whose newest number it surely knows: a restored backup or a
cloned disk would use numbers twice. The mirror file remembers epoch and last number, written before
each own entry, and which file on which machine the database is: a copy of the whole home is another
file. A database that is not the one described begins a new epoch. It is not forced to the disk: a
power cut that loses its last word leaves it behind the database, which it then still describes, or
unreadable, which begins a new epoch.
"""

from __future__ import annotations

import hashlib
import secrets
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from devstream_desktop.private_file import read_kept, write_private
from devstream_desktop.stream.entry import EPOCH_BYTES


class _Mirror(msgspec.Struct, frozen=True):
    epoch: str
    last: int
    """The last number that may have been used."""
    place: str = ""
    stored: int = 0
    """The last number that surely was."""


class FeedMirror:
    """Mirror of the feed that this device appends to, and how far."""

    def __init__(self, path: Path | None) -> None:
        """Read the mirror at `path`; None keeps it in memory, with its history."""
        self._path = path
        self._state = self._read()

    def describes(self, epoch: bytes, last: int, place: str) -> bool:
        """Tell whether a database is surely the newest one of this device.

        It has this epoch and last own number, and is at this place.
        """
        state = self._state
        return (
            state is not None
            and (state.epoch, state.place) == (epoch.hex(), place)
            and state.last <= last
        )

    @property
    def stored(self) -> tuple[bytes, int]:
        """The epoch, and its last number that was surely stored; 0 for none."""
        if self._state is None:
            return b"", 0
        try:
            return bytes.fromhex(self._state.epoch), self._state.stored
        except ValueError:
            return b"", 0

    def remember(self, epoch: bytes, last: int, place: str, *, stored: int = 0) -> None:
        """Note the numbers that will be used, up to `last`.

        Those up to `stored` are on the disk.

        Raises:
            OSError: it cannot be written, so the number must not be used.
        """
        if self._state is not None and self._state.epoch == epoch.hex():
            stored = max(stored, self._state.stored)
        self._state = _Mirror(epoch.hex(), last, place, stored)
        if self._path is not None:
            write_private(self._path, msgspec.json.encode(self._state), durable=False)

    def _read(self) -> _Mirror | None:
        return read_kept(self._path, _Mirror) if self._path is not None else None


def place_of(database: Path) -> str:
    """Identity of a file: device, number and machine.

    What cannot be told apart (the image of a whole machine, started twice) is found out by the
    peers, who see a number used twice.
    """
    # The machine's id is confidential (machine-id(5)): only a hash that means nothing elsewhere
    # leaves it.
    machine = hashlib.blake2b(_machine(), digest_size=8, person=b"devstream").hexdigest()
    return f"{machine}/{database.stat().st_ino}"


def _machine() -> bytes:
    if sys.platform == "win32":
        import winreg

        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SOFTWARE\Microsoft\Cryptography") as key:
            return str(winreg.QueryValueEx(key, "MachineGuid")[0]).encode()
    for name in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        with suppress(OSError):
            return Path(name).read_bytes()
    return b""


def new_epoch() -> bytes:
    """Eight random bytes."""
    return secrets.token_bytes(EPOCH_BYTES)
