"""Files of a chain: now, and before its last change.

The chain of a large old team takes some 20 MB, which is read and written a version at a time: what
is held twice for a moment stays with the process for good, in holes between what is kept.

    file = msgpack [1, [document, ...], the fork's document or nil, [proposal's document, ...]]
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from devstream_desktop.private_file import write_private
from devstream_desktop.stream.bounds import check_msgpack
from devstream_desktop.team.policy.documents import Signed


class StoredChain(msgspec.Struct, array_like=True, frozen=True):
    """The documents of a chain as the file has them, oldest first."""

    format: int
    documents: tuple[memoryview, ...]
    """Parts of the file's content, not copies of them."""
    fork: bytes | None
    proposals: tuple[bytes, ...] = ()


_encode = msgspec.msgpack.Encoder().encode
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


def write_stored(
    path: Path, links: Sequence[Signed], fork: bytes | None, proposals: Sequence[Signed]
) -> None:
    """Write the file of a chain, on disk when this returns; the one there was is kept beside it.

    Raises:
        OSError: the disk is full.

    """
    with suppress(OSError):  # only another chance for the day when the file cannot be read
        file_before(path).unlink(missing_ok=True)
        os.link(path, file_before(path))
    write_private(path, _pieces(links, fork, proposals))


def _pieces(
    links: Sequence[Signed], fork: bytes | None, proposals: Sequence[Signed]
) -> Iterator[bytes]:
    # The heads of an array of four, and of one of so many documents (msgpack's "array 32").
    yield b"\x94" + _encode(1) + b"\xdd" + len(links).to_bytes(4, "big")
    for link in links:
        yield _encode(link.document)
    yield _encode(fork)
    yield _encode([one.document for one in proposals])
