"""Rows found in the raw bytes of a damaged database.

Its header, schema and trees may be gone, and its write-ahead log is looked through as well.

An entry proves itself by its signature, so it is enough to find it. A row lies in its page as a
record (https://www.sqlite.org/fileformat2.html#record_format): the length of the header, a type for
each column, then the columns. Two columns have types that are rare in other bytes: a signature of
64 bytes, and the id of a feed of 40.

    log    NULL, integers, body, signature (schema.py; more integers may come)
    feeds  NULL, feed, floor, body and signature of the tip, proof (the last three may be NULL)

What looks like a row inside a genuine row was written by that row's author, and is passed over. A
long row ends on pages of its own; so no row of a feed is believed that lies on one of these.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from io import SEEK_END, BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple

from devstream_desktop.stream.blake2 import blake2b
from devstream_desktop.stream.entry import FEED_BYTES, MAX_BODY, SIGNATURE_BYTES

PAGE = 4096
"""Bytes of a page: SQLite's own choice."""
_LOCAL = PAGE - 35
"""A longer record has its end on pages of its own."""
_LEAST_LOCAL = (PAGE - 12) * 32 // 255 - 23
_CONTENT = PAGE - 4
"""Of an overflow page, after the number of the next."""
_WAL_HEADER, _FRAME_HEADER = 32, 24
_MAX_HEADER = 32
_MAX_PROOF = 2 * (MAX_BODY + SIGNATURE_BYTES) + 32
_MAX_RECORD = _MAX_HEADER + FEED_BYTES + 16 + MAX_BODY + SIGNATURE_BYTES + _MAX_PROOF
_READ = 1 << 20
_BLOB, _FEED, _SIGNATURE = 12, 12 + 2 * FEED_BYTES, 12 + 2 * SIGNATURE_BYTES
_SIZES = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 8: 0, 9: 0}
"""Bytes of NULL, integers, and the constants 0 and 1, by type."""
# The type of a signature is the varint 81 0C; a feed's row begins with NULL and the type of its id.
_MARK = re.compile(rb"\x81\x0c|\x00" + re.escape(bytes([_FEED])))


@dataclass(frozen=True)
class LogRow:
    """One row of the log."""

    body: bytes
    signature: bytes


@dataclass(frozen=True)
class FeedRow:
    """One row of the feeds; empty where it has NULL."""

    feed: bytes
    tip_body: bytes
    tip_signature: bytes
    proof: bytes


Row = LogRow | FeedRow


def rows(path: Path, is_genuine: Callable[[Row], bool]) -> Iterator[Row]:
    """Yield every row that `is_genuine` takes; one may come several times.

    Args:
        path: The database; its log is beside it.
        is_genuine: Tells whether a row is what somebody signed.

    Raises:
        OSError: the file cannot be opened. What cannot be read of it is passed over.

    """
    with ExitStack() as stack:
        database, wal = (
            stack.enter_context(file.open("rb")) if file.exists() else BytesIO()
            for file in (path, path.with_name(f"{path.name}-wal"))
        )
        overflow = _Overflow(database, wal)
        feeds: list[tuple[BinaryIO, int]] = []
        for file in (database, wal):
            for at, row in _rows_of(file, overflow, is_genuine):
                if isinstance(row, LogRow):
                    yield row
                else:
                    feeds.append((file, at))
        # At the end, when all pages of long rows are known.
        for source, at in feeds:
            data = b"" if overflow.has_passed(source, at) else _read_at(source, at, _MAX_RECORD)
            found = _read(data, 0, overflow)
            if found is not None:
                yield found.row


def _rows_of(
    file: BinaryIO, overflow: _Overflow, is_genuine: Callable[[Row], bool]
) -> Iterator[tuple[int, Row]]:
    passed = 0
    for offset, data in _portions(file):
        for mark in _MARK.finditer(data):
            for start in _starts(data, mark):
                if offset + start < passed or (found := _read(data, start, overflow)) is None:
                    continue
                if is_genuine(found.row):
                    passed = offset + start + found.length
                    overflow.passed.update(found.pages)
                    yield offset + start, found.row
                    break


def _portions(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Read a file in portions; a bad place reads as zeros.

    Each begins with the end of the one before, so that no record is cut in two.
    """
    size = file.seek(0, SEEK_END)
    before = b""
    for offset in range(0, size, _READ):
        data = _read_at(file, offset, _READ)
        yield offset - len(before), before + data
        before = data[-_MAX_RECORD:]


def _read_at(file: BinaryIO, offset: int, size: int) -> bytes:
    try:
        file.seek(offset)
        return file.read(size)
    except OSError:
        if size <= PAGE:
            return bytes(size)
        return b"".join(_read_at(file, at, PAGE) for at in range(offset, offset + size, PAGE))


def _starts(data: bytes, mark: re.Match[bytes]) -> Iterator[int]:
    """Find where the header around this mark may begin.

    Its first byte is its length, the next the NULL of the row's id.
    """
    if data[mark.start()] == 0:
        yield mark.start() - 1
        return
    for start in range(mark.start() - 3, max(-1, mark.start() - _MAX_HEADER), -1):
        if data[start + 1] == 0 and mark.end() - start <= data[start] <= _MAX_HEADER:
            yield start


class _Found(NamedTuple):
    """A record."""

    row: Row
    length: int
    """Its bytes on the page where it begins."""
    pages: tuple[bytes, ...] = ()
    """Digests of the pages on which it goes on."""


def _read(data: bytes, start: int, overflow: _Overflow) -> _Found | None:
    """Read the record that begins at `start`."""
    if not 0 <= start < len(data) or (types := _types(data, start)) is None:
        return None
    sizes = [_SIZES[kind] if kind < _BLOB else (kind - _BLOB) // 2 for kind in types]
    total = data[start] + sum(sizes)
    if total > _MAX_RECORD:
        return None
    local = _local(total)
    record, pages = data[start : start + local], list[bytes]()
    if local < total:
        number = data[start + local : start + local + 4]
        for page in overflow.pages(number, total - local):
            record += page[: total - len(record)]
            pages.append(_digest(page))
    if len(record) != total:
        return None
    columns: list[bytes] = []
    at = data[start]
    for size in sizes:
        columns.append(record[at : at + size])
        at += size
    if types[1] == _FEED and len(types) >= 6:
        row = FeedRow(columns[1], columns[3], columns[4], columns[5])
        return _Found(row, local, tuple(pages))
    if types[-1] == _SIGNATURE and types[-2] > _BLOB:
        return _Found(LogRow(columns[-2], columns[-1]), local, tuple(pages))
    return None


def _types(data: bytes, start: int) -> list[int] | None:
    """Read the types in the header at `start`; None when it is none of ours."""
    end = start + data[start]
    if end > len(data) or not 5 < data[start] <= _MAX_HEADER:
        return None
    types: list[int] = []
    at = start + 1
    while at < end:
        kind = 0
        for _ in range(3):
            kind = kind << 7 | data[at] & 0x7F
            at += 1
            if data[at - 1] < 0x80 or at >= end:
                break
        if kind not in _SIZES and (kind < _BLOB or kind % 2):
            return None
        types.append(kind)
    return types if len(types) > 3 else None


def _local(total: int) -> int:
    """Bytes of a record of `total` that lie in its own page; the rest is on overflow pages."""
    if total <= _LOCAL:
        return total
    local = _LEAST_LOCAL + (total - _LEAST_LOCAL) % _CONTENT
    return local if local <= _LOCAL else _LEAST_LOCAL


def _digest(page: bytes) -> bytes:
    return blake2b(page, digest_size=16).digest()


class _Overflow:
    """Pages on which long records go on.

    As the write-ahead log has them, else as the database has.
    """

    def __init__(self, database: BinaryIO, wal: BinaryIO) -> None:
        self._database = database
        self._wal = wal
        self.passed: set[bytes] = set()
        """Digests of the pages on which genuine rows go on."""
        self._frames: dict[int, int] = {}
        for at in range(_WAL_HEADER, wal.seek(0, SEEK_END), _FRAME_HEADER + PAGE):
            number = int.from_bytes(_read_at(wal, at, 4), "big")
            self._frames[number] = at + _FRAME_HEADER

    def pages(self, number: bytes, size: int) -> Iterator[bytes]:
        """Yield pages with the next `size` bytes; fewer when one is missing."""
        while size > 0 and len(page := self._page(int.from_bytes(number, "big"))) == PAGE:
            number = page[:4]
            size -= _CONTENT
            yield page[4:]

    def has_passed(self, file: BinaryIO, at: int) -> bool:
        """Tell whether a genuine row goes on over a place."""
        begin = at - at % PAGE
        if file is self._wal:
            frame = _FRAME_HEADER + PAGE
            begin = at - (at - _WAL_HEADER) % frame + _FRAME_HEADER
        return _digest(_read_at(file, begin, PAGE)[4:]) in self.passed

    def _page(self, number: int) -> bytes:
        if number in self._frames:
            return _read_at(self._wal, self._frames[number], PAGE)
        return _read_at(self._database, (number - 1) * PAGE, PAGE) if number > 0 else b""
