"""A history whose file was damaged in sixty ways: what is still in it is saved, nothing else gets
in, and what is lost is said.

The oracle knows no format: an entry whose bytes, and the few before them, are as they were in the
file or in its `-wal`, must be saved.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from devstream_desktop.history.database import HistoryError
from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.log import History
from devstream_desktop.history.remains import LogRow, rows
from devstream_desktop.history.repair import Mended, open_sound
from devstream_desktop.keys.device_key import DeviceKey, verify
from devstream_desktop.stream.entry import Entry, body_hash, encode_body, parse_entry, preamble
from devstream_desktop.stream.event import encode_event, fact_key, make_event
from devstream_desktop.stream.log import Arrival
from devstream_desktop.stream.words import Kind

ME, PEER, STRANGER = (DeviceKey.from_seed(bytes([number]) * 32) for number in (1, 2, 3))
NOW = 1_760_000_000_000
OWN, OTHERS = 15, 30
BEFORE = 24
"""Bytes before a body that say where it begins and how long it is."""
SEEDS = range(6)


@dataclass(frozen=True)
class Written:
    """A closed or killed history, what it holds by its bytes, and the last own number that was
    surely stored.
    """

    folder: Path
    entries: dict[bytes, Entry]
    stored: int


def signed(
    key: DeviceKey, epoch: bytes, count: int, title: str = "fact", team: str = "team"
) -> list[Entry]:
    entries, prev = [], b""
    for number in range(1, count + 1):
        event = make_event(
            kind=Kind.BUILD,
            state="failed",
            service="shop",
            subject="build/shop/main",
            key=fact_key("test", Kind.BUILD, key.id, title, str(number)),
            time=NOW + number,
            ref="main",
            number=str(number),
            title=f"{title} {number} " + "x" * (number * 7 % 90),
        )
        body = encode_body(
            feed=key.public + epoch,
            seq=number,
            hlc=(NOW + number) << 16,
            prev=prev,
            payload=encode_event(event),
        )
        prev = body_hash(body)
        entries.append(parse_entry(body, key.sign(preamble(team) + body)))
    return entries


def opened(
    folder: Path, refusal: Callable[[Entry], str | None] = lambda _: None
) -> tuple[History, Mended | None]:
    return open_sound(
        folder / "history.sqlite",
        FeedMirror(folder / "feed.json"),
        ME.public,
        "team",
        verify,
        refusal,
    )


def write(folder: Path, *, killed: bool) -> Written:
    folder.mkdir()
    history, _ = opened(folder)
    mine, theirs = signed(ME, history.epoch, OWN), signed(PEER, b"somewhen", OTHERS)
    for entry in mine:
        history.add([Arrival(entry)], durable=True)
    for first in range(0, OTHERS, 5):
        history.add([Arrival(entry, PEER.id) for entry in theirs[first : first + 5]])
    if killed:
        for file in folder.iterdir():
            shutil.copy(file, folder / f"killed-{file.name}")
        history.close()
        for file in folder.glob("killed-*"):
            file.replace(folder / file.name.removeprefix("killed-"))
    else:
        history.checkpoint()
        history.close()
    return Written(
        folder, {entry.body + entry.signature: entry for entry in (*mine, *theirs)}, OWN - killed
    )


@pytest.fixture(scope="module", params=["closed", "killed"])
def original(request, tmp_path_factory) -> Written:
    return write(
        tmp_path_factory.mktemp("history") / request.param, killed=request.param == "killed"
    )


@pytest.fixture
def written(original: Written, tmp_path: Path) -> Written:
    shutil.copytree(original.folder, tmp_path / "home")
    return Written(tmp_path / "home", original.entries, original.stored)


def content(folder: Path) -> list[bytes]:
    return [
        file.read_bytes()
        for name in ("history.sqlite", "history.sqlite-wal")
        if (file := folder / name).exists()
    ]


def places(written: Written) -> dict[bytes, set[bytes]]:
    """By entry: every way in which it and the bytes before it lie in the files."""
    found: dict[bytes, set[bytes]] = {}
    for data in content(written.folder):
        for wanted in written.entries:
            at = data.find(wanted)
            while at >= 0:
                found.setdefault(wanted, set()).add(data[at - BEFORE : at + len(wanted)])
                at = data.find(wanted, at + 1)
    return found


def held(history: History) -> dict[bytes, Entry]:
    found: dict[bytes, Entry] = {}
    lsn = 0
    while True:
        entries, end = history.after(lsn, max_bytes=1 << 20, not_from="")
        if end == lsn:
            return found
        found.update({entry.body + entry.signature: entry for entry in entries})
        lsn = end


def overwrite(path: Path, at: int, what: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(what)


def scatter(rng: random.Random, path: Path, size: int, *, below: int | None = None) -> None:
    end = below or path.stat().st_size
    for _ in range(1 if below else rng.choice((1, 5, 20))):
        overwrite(path, rng.randrange(max(1, end - size)), rng.randbytes(size))


DAMAGES: dict[str, Callable[[random.Random, Path, int], object]] = {
    "first 100 bytes": lambda rng, path, _: overwrite(path, 0, rng.randbytes(100)),
    "header zeroed": lambda _, path, __: overwrite(path, 0, bytes(100)),
    "first page zeroed": lambda _, path, __: overwrite(path, 0, bytes(4096)),
    "first half zeroed": lambda _, path, size: overwrite(path, 0, bytes(size // 2)),
    "last half zeroed": lambda _, path, size: overwrite(path, size // 2, bytes(size - size // 2)),
    "cut off": lambda rng, path, size: os.truncate(
        path, rng.choice((size // 2, rng.randrange(size)))
    ),
    "16 bytes here and there": lambda rng, path, _: scatter(rng, path, 16),
    "64 bytes here and there": lambda rng, path, _: scatter(rng, path, 64),
    "16 bytes of the header": lambda rng, path, _: scatter(rng, path, 16, below=100),
    "-wal lost": lambda _, path, __: path.with_name("history.sqlite-wal").unlink(missing_ok=True),
}


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_still_in_the_file_is_saved_and_what_is_lost_is_said(
    how: str, seed: int, written: Written
) -> None:
    before = places(written)
    path = written.folder / "history.sqlite"
    DAMAGES[how](random.Random(f"{how}{seed}"), path, path.stat().st_size)
    left = content(written.folder)
    there = {
        entry for entry, ways in before.items() if any(way in data for way in ways for data in left)
    }
    history, mended = opened(written.folder)
    saved = held(history)
    history.tend()
    aside = history.quarantined
    epochs = {entry.feed[-8:] for entry in written.entries.values() if entry.device == ME.id}
    history.close()
    assert there <= saved.keys() <= written.entries.keys()
    lost = written.stored - len(
        [entry for entry in saved.values() if entry.device == ME.id and entry.seq <= written.stored]
    )
    if mended is None:
        assert lost == 0 or "entry" in aside
        return
    assert mended.lost == lost
    assert mended.saved == len(saved) or not mended.aside
    told = mended.sentence(alone=False)
    assert f"{mended.saved} events were saved" in told or not mended.aside
    assert (
        not mended.lost
        or f"{mended.lost} that this device wrote are not in it, and come when"
        " a device that has them is linked"
        in told
    )
    assert history.epoch not in epochs


def test_a_row_inside_a_genuine_row_is_its_authors_words_and_no_row(written: Written) -> None:
    """A member puts into an event what would be a row of the log, signed by a key that is in no
    team.
    """
    path = written.folder / "history.sqlite"
    [smuggled] = signed(STRANGER, b"somewhen", 1, title="not of this team")
    log_row = (
        bytes([10, 0, 1, 1, 1, 9])
        + _varint(12 + 2 * len(smuggled.body))
        + b"\x81\x0c"
        + bytes(3)
        + smuggled.body
        + smuggled.signature
    )
    body = encode_body(
        feed=PEER.public + b"wrapping",
        seq=1,
        hlc=NOW << 16,
        prev=b"",
        payload=b"\xc5" + len(log_row).to_bytes(2, "big") + log_row,
    )
    wrapping = parse_entry(body, PEER.sign(preamble("team") + body))
    history, _ = opened(written.folder)
    history.add([Arrival(wrapping, PEER.id)])
    history.checkpoint()
    history.close()
    assert log_row in path.read_bytes()
    found = [
        parse_entry(row.body, row.signature)
        for row in rows(path, _is_signed)
        if isinstance(row, LogRow)
    ]
    assert wrapping in found
    assert smuggled not in found
    # Where the row around it is damaged too, the author table has the last word.
    data = path.read_bytes()
    overwrite(path, data.index(body), bytes(8))
    overwrite(path, 0, bytes(100))
    history, mended = opened(
        written.folder, lambda entry: None if entry.device in (ME.id, PEER.id) else "no member"
    )
    assert mended is not None
    assert {entry.device for entry in held(history).values()} == {ME.id, PEER.id}
    history.close()


def _varint(number: int) -> bytes:
    return bytes([number >> 7 | 0x80, number & 0x7F]) if number > 0x7F else bytes([number])


def _is_signed(row: object) -> bool:
    if not isinstance(row, LogRow):
        return False
    entry = (
        parse_entry(row.body, row.signature)
        if len(row.body) > 60 and row.body[2:4] == b"\xc4\x28"
        else None
    )
    return entry is not None and verify(
        entry.feed[:32], preamble("team") + entry.body, entry.signature
    )


def test_entries_on_pages_of_their_own_are_saved_from_the_file_and_from_the_log(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    history, _ = opened(folder)
    large, prev = [], b""
    for number in range(1, 9):
        payload = (
            b"\xc5"
            + (3900 + number * 10).to_bytes(2, "big")
            + bytes([number]) * (3900 + number * 10)
        )
        body = encode_body(
            feed=PEER.public + b"somewhen",
            seq=number,
            hlc=(NOW + number) << 16,
            prev=prev,
            payload=payload,
        )
        prev = body_hash(body)
        large.append(parse_entry(body, PEER.sign(preamble("team") + body)))
    history.add([Arrival(entry, PEER.id) for entry in large[:4]])
    history.checkpoint()
    history.add([Arrival(entry, PEER.id) for entry in large[4:]])
    for file in list(folder.iterdir()):
        shutil.copy(file, folder / f"killed-{file.name}")
    history.close()
    for file in folder.glob("killed-*"):
        file.replace(folder / file.name.removeprefix("killed-"))
    for name in ("history.sqlite", "history.sqlite-wal"):
        overwrite(folder / name, 0, bytes(32))
    history, mended = opened(folder)
    assert mended is not None
    assert {entry.seq for entry in held(history).values()} == set(range(1, 9))
    history.close()


@contextmanager
def no_descriptors() -> Iterator[None]:
    """This process may open nothing more."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 4, limits[1])
    )
    try:
        with suppress(OSError):
            while True:
                taken.append(os.open("/dev/null", os.O_RDONLY))
        yield
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")
def test_a_history_that_cannot_be_opened_for_want_of_descriptors_is_not_set_aside(
    written: Written,
) -> None:
    with no_descriptors(), pytest.raises(HistoryError):
        opened(written.folder)
    assert [file.name for file in written.folder.glob("*damaged*")] == []
    history, mended = opened(written.folder)
    assert mended is None
    history.close()


def test_floors_and_proofs_are_found_without_a_header(written: Written) -> None:
    path = written.folder / "history.sqlite"
    one = signed(STRANGER, b"forkedup", 1)[0]
    other = signed(STRANGER, b"forkedup", 1, title="another")[0]
    theirs = sorted(
        (entry for entry in written.entries.values() if entry.device == PEER.id),
        key=lambda entry: entry.seq,
    )
    history, _ = opened(written.folder)
    history.settle(theirs[0].feed, 10, theirs[9])
    history.freeze(one.feed, (one, other))
    history.checkpoint()
    history.close()
    overwrite(path, 0, bytes(100))
    history, mended = opened(written.folder)
    assert mended is not None
    found = {row.feed: row for row in history.feeds()}
    assert (found[theirs[0].feed].floor, found[theirs[0].feed].tip) == (10, theirs[9])
    assert history.proofs() == {one.feed: (one, other)}
    history.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
