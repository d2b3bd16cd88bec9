"""The epoch of this device's feed, and the small mirror outside the database that proves the database is the newest one.

A device may only append to a feed whose newest number it surely knows: a restored backup or a cloned disk would use numbers twice.
The mirror file remembers epoch and last number, written before each own entry, and which file on which machine the database is: a copy
of the whole home is another file. A database that is not the one described begins a new epoch. It is not forced to the disk: a power cut
that loses its last word leaves it behind the database, which it then still describes, or unreadable, which begins a new epoch.
"""

from __future__ import annotations

import hashlib
import secrets
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from devstream_desktop.home import write_private
from devstream_desktop.stream.entry import EPOCH_BYTES


class _Mirror(msgspec.Struct, frozen=True):
    epoch: str
    last: int
    place: str = ""


class FeedMirror:
    """The file that remembers which feed this device appends to, and how far."""

    def __init__(self, path: Path | None) -> None:
        """`path` None keeps it in memory, for a history that is in memory too."""
        self._path = path
        self._state = self._read()

    def describes(self, epoch: bytes, last: int, place: str) -> bool:
        """Whether a database with this epoch and last own number, at this place, is surely the newest one of this device."""
        state = self._state
        return state is not None and (state.epoch, state.place) == (epoch.hex(), place) and state.last <= last

    def remember(self, epoch: bytes, last: int, place: str) -> None:
        """Note that `last` will be used.

        Raises:
            OSError: it cannot be written, so the number must not be used.

        """
        self._state = _Mirror(epoch.hex(), last, place)
        if self._path is not None:
            write_private(self._path, msgspec.json.encode(self._state), durable=False)

    def _read(self) -> _Mirror | None:
        if self._path is None:
            return None
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Mirror)
        except (FileNotFoundError, msgspec.DecodeError):
            return None


def place_of(database: Path) -> str:
    """Which file on which machine: another for a copy, the same for a file that was only written to or moved.

    What cannot be told apart (the image of a whole machine, started twice) is found out by the peers, who see a number used twice.
    """
    # The machine's id is confidential (machine-id(5)): only a hash that means nothing elsewhere leaves it.
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
