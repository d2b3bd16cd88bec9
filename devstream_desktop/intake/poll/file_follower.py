"""Lines of a file as they are written, across every rotation.

A file may be moved away and replaced, truncated, or copied and truncated. So a place in it is kept
by two things that stay: the file's number on its device, and a hash of its first bytes, because
numbers are used again and `copytruncate` keeps the number. The file that a rotation leaves behind
(`app.log.1`, `app.log-20270115`) is read to its end first. Blocks.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import msgspec

from devstream_desktop import machine
from devstream_desktop.errors import DevstreamError

CHUNK = 256 * 1024
"""Bytes read at once. A longer line is cut."""
HEAD = 1024
MAX_SIBLINGS = 10_000
_ROTATED = re.compile(r"[.-]\d[\d.T_-]*")


class FollowError(DevstreamError):
    """The file cannot be read; the message says why."""


class Place(msgspec.Struct, frozen=True):
    """Position in a file. Without a file (`inode` 0) everything that comes is new."""

    device: int = 0
    inode: int = 0
    offset: int = 0
    head: str = ""
    """Hash of the first `head_size` bytes."""
    head_size: int = 0


@dataclass(frozen=True)
class Read:
    """Result of one look."""

    lines: tuple[str, ...]
    place: Place
    more: bool = False
    """There is more to read right now."""
    lost: bool = False
    """Lines may be missing: it was rotated or truncated, and the old content is gone."""


class Follower:
    """Follows the file at `path`. Call `close` at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def begin(self) -> Place:
        """Return the place at the file's end: the lines before it are no news.

        A file that is not there yet will be read from its beginning.

        Raises:
            FollowError: there is something else at the path, or it may not be read.

        """
        self.close()
        file = self._open(self._path)
        if file is None:
            return Place()
        with file:
            size = os.fstat(file.fileno()).st_size
            # Only the end is read, to find where the last whole line ends.
            start = max(0, size - CHUNK)
            file.seek(start)
            tail = file.read(size - start)
            end = tail.rfind(b"\n") + 1
            # Half a line is not yet read.
            return _place(file, start + end if end or not start else size)

    def look(self, place: Place) -> Read:
        """Read the lines after `place`.

        Raises:
            FollowError: the file is not there, or cannot be read.

        """
        lost = False
        if self._file is None:
            self._file, place, lost = self._find(place)
        try:
            if not _is(self._file, place):
                self._file, place, lost = self._find_copy(place)
            return self._lines(self._file, place, lost)
        except OSError as error:
            self.close()
            raise FollowError(f"{self._path} cannot be read: {machine.reason(error)}") from None
        finally:
            # On Windows nobody can move a file away that is open.
            if os.name == "nt":
                self.close()

    def _lines(self, file: BinaryIO, place: Place, lost: bool) -> Read:
        file.seek(place.offset)
        chunk = file.read(CHUNK)
        end = chunk.rfind(b"\n") + 1
        # A line longer than a chunk is cut, or it would never be read.
        if not end and len(chunk) == CHUNK:
            end = CHUNK
        follower = self._next(file) if end == 0 or len(chunk) < CHUNK else None
        if follower is None:
            return Read(
                _split(chunk[:end]),
                _place(file, place.offset + end, place),
                more=end > 0 and len(chunk) == CHUNK,
                lost=lost,
            )
        # It was moved away. Lines written between our read and the move are read before that.
        rest = chunk[end:] + file.read(CHUNK - len(chunk) + end)
        # There is more to read of the old file than fits into one look: stay with it.
        if len(rest) >= CHUNK:
            return Read(
                _split(chunk[:end]), _place(file, place.offset + end, place), more=True, lost=lost
            )
        file.close()
        self._file = follower
        return Read(_split(chunk[:end] + rest), _place(follower, 0), more=True, lost=lost)

    def _find(self, place: Place) -> tuple[BinaryIO, Place, bool]:
        """Find the file of `place` under any name; else the one at the path, from its start."""
        file = self._open(self._path)
        if file is None and not place.inode:
            raise FollowError(f"there is no file {self._path} yet")
        if file is not None and (not place.inode or _is(file, place)):
            return file, place if place.inode else _place(file, 0), False
        # The rest of the old file comes first, then the new one from its beginning.
        old = self._moved(place)
        if old is not None:
            if file is not None:
                file.close()
            return old, _at(old, place), False
        if file is None:
            raise FollowError(f"there is no file {self._path}")
        return file, _place(file, 0), True

    def _find_copy(self, place: Place) -> tuple[BinaryIO, Place, bool]:
        """Find the copy of a file that was truncated; else the file itself, from its start."""
        if self._file is not None:
            self._file.close()
            self._file = None
        copy = self._moved(place)
        if copy is not None:
            return copy, _at(copy, place), False
        file = self._open(self._path)
        if file is None:
            raise FollowError(f"there is no file {self._path}")
        # Nobody can know how much was written between the last look and the truncation.
        return file, _place(file, 0), True

    def _next(self, file: BinaryIO) -> BinaryIO | None:
        """Return the file that replaced `file`; None while it is empty.

        Until it has a line, the program may still write to the old one.
        """
        mine = os.fstat(file.fileno())
        now = _stat(self._path)
        if now is None or (now.st_dev, now.st_ino) == (mine.st_dev, mine.st_ino):
            return None
        for path in reversed(self._siblings()):
            at = _stat(path)
            if (
                at is not None
                and at.st_size
                and at.st_ino != mine.st_ino
                and at.st_mtime_ns > mine.st_mtime_ns
            ):
                # It was rotated more than once since our last look: none of them is left out.
                return self._open(path)
        return self._open(self._path) if now.st_size else None

    def _moved(self, place: Place) -> BinaryIO | None:
        """Find the file of `place` under another name.

        That is the file itself, else a copy with the same beginning and at least its length.
        """
        siblings = self._siblings()
        # The file itself before any copy: a copy has the same beginning.
        for by_number in (True, False):
            for path in siblings:
                file = self._open(path)
                if file is None:
                    continue
                at = os.fstat(file.fileno())
                same = (
                    (at.st_dev, at.st_ino) == (place.device, place.inode)
                    if by_number
                    else place.head_size > 0
                )
                # The number alone proves nothing: file systems use numbers again.
                if same and _is(file, _at(file, place)):
                    return file
                file.close()
        return None

    def _siblings(self) -> list[Path]:
        """List the files that rotations made of this one, newest first."""
        name = self._path.name
        try:
            # Bounded: somebody may keep a million files beside the log.
            with os.scandir(self._path.parent) as entries:
                found = [
                    Path(entry.path)
                    for entry in islice(entries, MAX_SIBLINGS)
                    if entry.name.startswith(name)
                    and _ROTATED.fullmatch(entry.name[len(name) :])
                    and entry.is_file(follow_symlinks=False)
                ]
        except OSError:
            return []
        dated = [(at.st_mtime_ns, path) for path in found if (at := _stat(path)) is not None]
        return [path for _, path in sorted(dated, reverse=True)]

    def _open(self, path: Path) -> BinaryIO | None:
        """Open a file; None when there is none.

        Raises:
            FollowError: it is no regular file, or may not be read.

        """
        try:
            # A named pipe would hold us up until somebody writes.
            descriptor = os.open(
                path,
                os.O_RDONLY
                | getattr(os, "O_NONBLOCK", 0)
                | getattr(os, "O_BINARY", 0)
                | getattr(os, "O_CLOEXEC", 0),
            )
        except FileNotFoundError:
            return None
        except OSError as error:
            raise FollowError(f"{path} cannot be read: {machine.reason(error)}") from None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise FollowError(f"{path} is no regular file")
        return os.fdopen(descriptor, "rb", buffering=0)


def _is(file: BinaryIO, place: Place) -> bool:
    """Tell whether `file` is the one of `place`: not shorter, with the same beginning."""
    at = os.fstat(file.fileno())
    if (at.st_dev, at.st_ino) != (place.device, place.inode) or at.st_size < place.offset:
        return False
    return _head(file, place.head_size) == place.head


def _at(file: BinaryIO, place: Place) -> Place:
    """Return `place` in `file`, which may be a copy."""
    at = os.fstat(file.fileno())
    return msgspec.structs.replace(place, device=at.st_dev, inode=at.st_ino)


def _place(file: BinaryIO, offset: int, before: Place | None = None) -> Place:
    at = os.fstat(file.fileno())
    # The first bytes of a log never change, so a whole head is hashed once.
    if before is not None and before.head_size == HEAD:
        return Place(at.st_dev, at.st_ino, offset, before.head, HEAD)
    size = min(HEAD, offset)
    return Place(at.st_dev, at.st_ino, offset, _head(file, size), size)


def _head(file: BinaryIO, size: int) -> str:
    if not size:
        return ""
    file.seek(0)
    return hashlib.sha256(file.read(size)).hexdigest()[:32]


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _split(data: bytes) -> tuple[str, ...]:
    lines = data.decode("utf-8", "replace").split("\n")
    if lines[-1] == "":
        lines.pop()
    return tuple(line.removesuffix("\r") for line in lines)
