"""Files of a chain: now, and before its last change."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from devstream_desktop.private_file import write_private
from devstream_desktop.stream.bounds import check_msgpack


class StoredChain(msgspec.Struct, array_like=True, frozen=True):
    """The documents of a chain as the file has them, oldest first."""

    format: int
    documents: tuple[bytes, ...]
    fork: bytes | None
    proposals: tuple[bytes, ...] = ()


_decode = msgspec.msgpack.Decoder(StoredChain).decode


def file_before(path: Path) -> Path:
    """Return the policies as they were before the last change."""
    return path.with_name(f"{path.name}.before")


def read_stored(path: Path) -> StoredChain:
    """Read the file of a chain.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no such file.

    """
    content = path.read_bytes()
    check_msgpack(content, len(content))
    return _decode(content)


def write_stored(path: Path, stored: StoredChain) -> None:
    """Write the file of a chain, on disk when this returns; the one there was is kept beside it.

    Raises:
        OSError: the disk is full.

    """
    with suppress(OSError):  # only another chance for the day when the file cannot be read
        file_before(path).unlink(missing_ok=True)
        os.link(path, file_before(path))
    write_private(path, msgspec.msgpack.encode(stored))
