"""A home of each released schema opens, and what was in it is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from released_homes import COMMIT, MADE, RECORD, REQUEST, digests, fill_history, make

from devstream_desktop.deploy.runs import Runs
from devstream_desktop.history.archive import read_archive
from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.log import History
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.intake.store import Store
from devstream_desktop.intake.webhook.spool import Spool
from devstream_desktop.stream.entry import FEED_BYTES, Entry, body_hash, encode_body, parse_entry
from devstream_desktop.stream.event import encode_event, fact_key, make_event
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.words import Kind

_NOW = 1_760_000_000_000
RUN = (
    "INSERT INTO runs (request, target, environment, ref, sha, title, person, state, published,"
    " started, finished) VALUES (?, 'shop', 'live', 'main', ?, 't', 'ana', 'success', 'success',"
    " 1, 2)"
)


def entries() -> list[Entry]:
    found: list[Entry] = []
    for number in range(1, 4):
        event = make_event(
            kind=Kind.CHANGE,
            state="pushed",
            service="shop",
            subject="change/shop/main",
            key=fact_key("test", Kind.CHANGE, str(number)),
            time=_NOW + number,
            title=f"old{number}",
            number=str(number),
        )
        body = encode_body(
            feed=bytes(FEED_BYTES),
            seq=number,
            hlc=(_NOW + number) << 16,
            prev=body_hash(found[-1].body) if found else b"",
            payload=encode_event(event),
        )
        found.append(parse_entry(body, bytes(64)))
    return found


@pytest.mark.parametrize("version", range(1, max(newest for newest, _ in MADE.values()) + 1))
async def test_a_home_of_each_released_schema_opens(tmp_path: Path, version: int) -> None:
    home = Home(tmp_path)
    home.create()
    told = entries()
    make(home.root, "history.sqlite", version)
    fill_history(home.history, told)
    make(home.root, "deploy.sqlite", version, RUN, REQUEST, COMMIT)
    waiting = "INSERT INTO raw (source, headers, body, received) VALUES ('gh', '{}', ?, 6)"
    make(home.root, "intake.sqlite", version, waiting, b"2")
    kept = "INSERT INTO entries VALUES (?, ?, ?, ?)"
    one = told[0]
    make(home.root, "deploy-archive.sqlite", version, kept, one.hash, _NOW, one.body, one.signature)

    history = History(home.history, FeedMirror(None), bytes(32), "team")
    while history.tend():
        pass
    with Reader(home.history) as reader:
        found = {line.event.title for line in reader.page(Query(), limit=10, superseded=True)}
    history.close()
    assert found == {"old1", "old2", "old3"}
    runs = Runs(home.deploy)
    runs.open()
    assert runs.current("shop", "live") == (COMMIT, 2)
    runs.close()
    store = Store(home.intake)
    await store.open()
    spool = Spool(store)
    await spool.open()
    assert [row.body for row in await spool.next(10)] == [b"2"]
    await store.close()
    assert list(read_archive(home.archive)) == [(one.body, one.signature)]


def test_no_released_schema_has_changed(tmp_path: Path) -> None:
    # A new schema is added by `python tests/node/released_homes.py`.
    assert digests(tmp_path) == json.loads(RECORD.read_text())
