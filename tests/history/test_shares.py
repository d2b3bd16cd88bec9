"""The shares of a history that is too large: one author's flood costs nobody else a line."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.history import shares
from devstream_desktop.history.shares import floors, kept
from devstream_desktop.stream.entry import EPOCH_BYTES, KEY_BYTES

HELD = st.dictionaries(
    st.binary(min_size=1, max_size=2),
    st.tuples(st.integers(1, 10_000), st.integers(1, 30)),
    min_size=1,
    max_size=8,
)


@given(HELD, st.integers(1, 40_000))
def test_all_is_used_nobody_keeps_more_than_it_has_and_who_wants_little_keeps_it(
    authors, most
) -> None:
    left = kept(authors, most)
    total = sum(held for held, _ in authors.values())
    assert left.keys() == authors.keys()
    assert all(0 <= left[author] <= held for author, (held, _) in authors.items())
    assert min(total, most) - len(authors) <= sum(left.values()) <= most or total <= most
    weights = sum(weight for _, weight in authors.values())
    for author, (held, weight) in authors.items():
        if held * weights <= most * weight:
            assert left[author] == held, "it takes no more than its share"
    cut = {
        left[author] / weight for author, (held, weight) in authors.items() if left[author] < held
    }
    assert not cut or max(cut) - min(cut) <= 1, "the others keep alike, by their weight"


@pytest.fixture
def flooded(history, new_feed, make, arrival):
    """Three authors who say some, and one who says much, later and in several feeds."""

    def author(count: int, epochs: int = 1, title: str = "honest") -> bytes:
        key = os.urandom(KEY_BYTES)
        for epoch in range(epochs):
            feed = new_feed(key + epoch.to_bytes(EPOCH_BYTES, "big"))
            entries = [feed.entry(make(title=f"{title} {n}")) for n in range(count // epochs)]
            history.add([arrival(entry, "peer") for entry in entries])
        return key

    people = [author(50) for _ in range(3)]
    return people, author(3000, epochs=5, title="flood")


def test_a_flood_goes_first_and_others_lose_nothing(history, flooded, monkeypatch) -> None:
    _, liar = flooded
    history.checkpoint()
    assert not history.too_large
    assert floors(history.path, lambda _: 1) == {}
    monkeypatch.setattr(shares, "MOST_BYTES", history.path.stat().st_size // 2)
    assert history.too_large
    found = floors(history.path, lambda _: 1)
    assert {feed[:KEY_BYTES] for feed in found} == {liar}
    assert 1400 < sum(found.values()) < 2200, "about what is too much, and some to spare"
    held = {record.feed: record.runs for record in history.feeds()}
    assert all(held[feed][0][0] <= floor < held[feed][-1][1] for feed, floor in found.items()), (
        "of each feed the newest stay"
    )


def test_a_larger_share_is_cut_later(history, flooded, monkeypatch) -> None:
    people, busy = flooded
    history.checkpoint()
    monkeypatch.setattr(shares, "MOST_BYTES", history.path.stat().st_size // 10)
    alike = floors(history.path, lambda _: 1)
    weighed = floors(history.path, lambda author: 20 if author == busy else 1)
    assert {feed[:KEY_BYTES] for feed in alike} == {busy}
    assert sum(floor for feed, floor in weighed.items() if feed.startswith(busy)) < sum(
        alike.values()
    )
    assert any(feed[:KEY_BYTES] in people for feed in weighed)
