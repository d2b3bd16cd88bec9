"""A damaged database: found, set aside, everything genuine saved, a new epoch."""

from __future__ import annotations

import hashlib
import json
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import psutil
import pytest

from devstream_desktop.history import integrity, repair
from devstream_desktop.history.database import HistoryDamagedError, HistoryError, damage_mark
from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.integrity import problems
from devstream_desktop.history.log import History
from devstream_desktop.history.reader import Reader
from devstream_desktop.history.repair import open_sound
from devstream_desktop.stream.entry import MAX_BODY, Entry, encode_body, parse_entry, preamble
from devstream_desktop.stream.event import encode_event
from devstream_desktop.stream.query import Query

DEVICE = bytes(range(32))
PAGE = 4096
NOW = 1_760_000_000_000


def sign(entry: Entry) -> Entry:
    """A stand-in for a signature that only the right message has."""
    return parse_entry(entry.body, hashlib.blake2b(preamble("team") + entry.body).digest())


def verify(_: bytes, message: bytes, signature: bytes) -> bool:
    return hashlib.blake2b(message).digest() == signature


@pytest.fixture
def sound(tmp_path: Path) -> Callable[[], tuple[History, str]]:
    def build() -> tuple[History, str]:
        path, mirror = tmp_path / "history.sqlite", FeedMirror(tmp_path / "feed.json")
        history, mended = open_sound(path, mirror, DEVICE, "team", verify, lambda _: None)
        return history, mended.sentence(alone=False) if mended else ""

    return build


@pytest.fixture
def filled(sound, new_feed, make, arrival) -> dict[bytes, Entry]:
    """A closed history of three feeds, one of them its own, and what it holds by hash."""
    history, told = sound()
    assert told == ""
    feeds = [new_feed(), new_feed(), new_feed(DEVICE + history.epoch)]
    entries = [sign(feed.entry(make(title=f"fact {n}"))) for n in range(600) for feed in feeds]
    for first in range(0, len(entries), 100):
        history.add([arrival(entry) for entry in entries[first : first + 100]])
    history.checkpoint()
    history.close()
    return {entry.hash: entry for entry in entries}


def held(history: History) -> dict[bytes, Entry]:
    found, lsn = {}, 0
    while True:
        entries, end = history.after(lsn, max_bytes=1 << 20, not_from="")
        if end == lsn:
            return found
        found.update({entry.hash: entry for entry in entries})
        lsn = end


def spoil(path: Path, page: int, pages: int = 1, what: bytes = b"\xa5") -> None:
    with path.open("r+b") as file:
        file.seek(page * PAGE)
        file.write(what * PAGE * pages)


def test_a_whole_history_has_no_problems_and_is_opened_as_it_is(sound, filled, tmp_path) -> None:
    assert problems(tmp_path / "history.sqlite") == ()
    assert problems(tmp_path / "none.sqlite") == ()
    history, told = sound()
    assert told == ""
    assert held(history).keys() == filled.keys()
    history.close()


def test_a_damaged_page_is_found_and_everything_outside_it_is_saved(
    sound, filled, tmp_path
) -> None:
    path = tmp_path / "history.sqlite"
    spoil(path, path.stat().st_size // PAGE // 2)
    old_epoch = json.loads((tmp_path / "feed.json").read_text())["epoch"]
    assert problems(path) != ()
    history, told = sound()
    assert "the history was damaged" in told
    assert "the rest comes from the peers" in told
    saved = held(history)
    assert len(saved) > 1700
    assert all(filled[name] == entry for name, entry in saved.items())
    assert history.epoch.hex() != old_epoch
    assert [
        file.name
        for file in tmp_path.glob("history.sqlite.damaged-*")
        if not file.name.endswith(("-wal", "-shm"))
    ]
    with Reader(path) as reader:
        assert reader.count() == len(saved)
        assert reader.page(Query(words=("fact",)), limit=1)
    history.close()
    again, told = sound()
    assert told == ""
    assert held(again).keys() == saved.keys()
    again.close()


def test_a_start_looks_at_the_newest_entries_of_a_large_file_and_at_what_it_reads(
    sound, filled, tmp_path, monkeypatch
) -> None:
    """Every page of a file of gigabytes takes seconds; a running node looks at those."""
    path = tmp_path / "history.sqlite"
    monkeypatch.setattr(integrity, "WHOLE_BYTES", 0)
    assert problems(path, brief=True) == ()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE log SET seq = seq + 5000 WHERE lsn = (SELECT MAX(lsn) FROM log)")
    assert any("not what was signed" in problem for problem in problems(path, brief=True))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE log SET seq = seq - 5000 WHERE lsn = (SELECT MAX(lsn) FROM log)")
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'lines_run'"
        ).fetchone()
        (meta,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'feeds'"
        ).fetchone()
    spoil(path, page - 1)
    assert problems(path, brief=True) == ()
    assert problems(path) != ()
    spoil(path, meta - 1)
    assert problems(path, brief=True) != ()
    history, told = sound()
    assert "the history was damaged" in told
    history.close()


@pytest.mark.parametrize("seed", range(16))
def test_whatever_is_damaged_the_history_opens_and_holds_only_what_was_signed(
    seed, sound, filled, tmp_path
) -> None:
    rng = random.Random(seed)
    path = tmp_path / "history.sqlite"
    size = path.stat().st_size
    how = rng.choice(["page", "pages", "bytes", "cut", "head", "text"])
    if how == "cut":
        with path.open("r+b") as file:
            file.truncate(rng.randrange(1, size))
    elif how == "text":
        path.write_bytes(b"this is no database at all " * 100)
    elif how == "bytes":
        with path.open("r+b") as file:
            for _ in range(50):
                file.seek(rng.randrange(PAGE, size))
                file.write(rng.randbytes(8))
    else:
        first = 0 if how == "head" else rng.randrange(size // PAGE)
        spoil(path, first, rng.randint(2, 20) if how == "pages" else 1, rng.randbytes(1))
    history, told = sound()
    saved = held(history)
    assert all(filled.get(name) == entry for name, entry in saved.items() if told)
    assert told or how == "bytes" or len(saved) == len(filled), how
    history.close()


def test_an_entry_that_was_changed_in_the_file_is_noticed_and_not_saved(
    sound, filled, tmp_path
) -> None:
    path = tmp_path / "history.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        (lsn, body) = connection.execute(
            "SELECT lsn, body FROM log WHERE instr(body, CAST('fact 300' AS BLOB))"
        ).fetchone()
        forged = bytes(body).replace(b"fact 300", b"fakt 300")
        assert forged != body
        connection.execute("UPDATE log SET body = ? WHERE lsn = ?", (forged, lsn))
    assert any("not what was signed" in problem for problem in problems(path))
    history, told = sound()
    assert told
    assert len(held(history)) == len(filled) - 1
    assert held(history).keys() < filled.keys()
    history.close()


def feed_row(feed: bytes, tip: Entry | None, proof: bytes) -> bytes:
    """A record of the table of feeds, with a floor of five, as SQLite writes one."""

    def kind(content: bytes) -> bytes:
        number = 12 + 2 * len(content)
        return bytes([number >> 7 | 0x80, number & 0x7F])

    body, signature = (tip.body, tip.signature) if tip else (b"", b"")
    types = bytes([0, 12 + 2 * len(feed), 1])
    types += (kind(body) + kind(signature) if tip else bytes(2)) + (kind(proof) if proof else b"\0")
    return bytes([len(types) + 1]) + types + feed + b"\5" + body + signature + proof


@pytest.mark.parametrize("lie", ["tip", "proof"])
def test_a_row_that_a_member_wrote_into_an_event_is_none_of_the_feeds(
    sound, new_feed, make, arrival, tmp_path, lie
) -> None:
    history, _ = sound()
    victim, mallory = new_feed(), new_feed()
    told = [sign(victim.entry(make(title=f"fact {n}"))) for n in range(30)]
    history.add([arrival(entry) for entry in told])
    pair = msgspec.msgpack.encode([(one.body, one.signature) for one in (told[3], told[7])])
    row = feed_row(victim.feed, told[-1] if lie == "tip" else None, pair if lie == "proof" else b"")
    # A later version's field, which readers pass over; it goes on on a page of its own.
    fields = msgspec.msgpack.decode(encode_event(make()))

    def lying(size: int) -> bytes:
        more = (bytes(700) + row).ljust(size, b"\0")
        payload = msgspec.msgpack.encode([*fields, more])
        return encode_body(feed=mallory.feed, seq=1, hlc=NOW << 16, prev=b"", payload=payload)

    body = lying(3_000 + MAX_BODY - len(lying(3_000)))
    history.add([arrival(sign(parse_entry(body, bytes(64))))])
    history.checkpoint()
    history.close()
    path = tmp_path / "history.sqlite"
    assert row in path.read_bytes()
    with path.open("r+b") as file:
        file.write(bytes(100))
    history, _ = sound()
    (found,) = (one for one in history.feeds() if one.feed == victim.feed)
    assert (found.floor, found.runs, found.frozen) == (0, ((1, 30),), False)
    history.close()


def test_floors_and_proofs_are_saved(sound, filled, new_feed, make, tmp_path) -> None:
    history, _ = sound()
    by_feed: dict[bytes, list[Entry]] = {}
    for entry in filled.values():
        by_feed.setdefault(entry.feed, []).append(entry)
    one, two, _own = by_feed.values()
    history.settle(one[0].feed, 50, one[49])
    rival = sign(new_feed(two[0].feed).entry(make(title="another first")))
    history.freeze(two[0].feed, (two[0], rival))
    history.close()
    damage_mark(tmp_path / "history.sqlite").touch()
    history, told = sound()
    assert "it failed while the node ran" in told
    rows = {row.feed: row for row in history.feeds()}
    assert (rows[one[0].feed].floor, rows[one[0].feed].tip, rows[one[0].feed].runs) == (
        50,
        one[49],
        ((51, 600),),
    )
    assert rows[two[0].feed].frozen
    assert history.proofs() == {two[0].feed: (two[0], rival)}
    assert not damage_mark(tmp_path / "history.sqlite").exists()
    history.close()


def test_a_stop_in_the_middle_of_saving_repeats_it(sound, filled, tmp_path, monkeypatch) -> None:
    damage_mark(tmp_path / "history.sqlite").touch()

    def stopped(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(repair, "salvage", stopped)
        with pytest.raises(KeyboardInterrupt) as raised:
            sound()
    # What was open is closed, though the error still holds it.
    held_open = {Path(one.path) for one in psutil.Process().open_files()}
    assert raised.value.__traceback__
    assert tmp_path / "history.sqlite" not in held_open
    history, told = sound()
    assert "1,800 events were saved" in told
    assert held(history).keys() == filled.keys()
    history.close()


def test_damage_met_while_running_is_told_and_mended_at_the_next_start(
    sound, filled, tmp_path, below
) -> None:
    path = tmp_path / "history.sqlite"
    history, _ = sound()
    told: list[bool] = []
    history.on_damage = lambda: told.append(True)
    below().execute("PRAGMA cache_size = 1")
    spoil(path, 2, path.stat().st_size // PAGE - 3)
    with pytest.raises(HistoryDamagedError, match="its peers give the rest"):
        held(history)
    assert told
    history.close()
    assert damage_mark(path).exists()
    again, sentence = sound()
    assert "the history was damaged" in sentence
    again.close()


def test_only_the_newest_damaged_databases_are_kept(sound, filled, tmp_path) -> None:
    for _ in range(4):
        damage_mark(tmp_path / "history.sqlite").touch()
        sound()[0].close()
    assert (
        len(
            [
                file
                for file in tmp_path.glob("history.sqlite.damaged-*")
                if not file.name.endswith(("-wal", "-shm"))
            ]
        )
        == 2
    )


def test_a_newer_database_is_not_set_aside(sound, filled, tmp_path) -> None:
    with closing(sqlite3.connect(tmp_path / "history.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 99")
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name)"
            " VALUES ('devstream-history', 'of tomorrow')"
        )
        connection.commit()
    with pytest.raises(HistoryError, match="newer devstream"):
        sound()
    assert not list(tmp_path.glob("*.damaged-*"))
