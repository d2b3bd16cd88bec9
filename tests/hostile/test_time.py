"""Time: the stamps of members pull nobody's clock ahead, today or ever."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from replicas import NOW, entry, give, key_of, payloads, replica

from devstream_desktop.mesh.replica.own_feed import ADOPT_MS, FUTURE_MS
from devstream_desktop.stream.entry import hlc_time

stamps = st.lists(
    st.tuples(st.integers(2, 4), st.integers(-FUTURE_MS, FUTURE_MS)), min_size=1, max_size=12
)


@given(stamps=stamps, waits=st.lists(st.integers(0, 3 * FUTURE_MS), min_size=1, max_size=4))
def test_whatever_members_stamp_ours_are_ahead_by_seconds_at_most(stamps, waits) -> None:
    mine = replica(1)
    for epoch, (author, ahead) in enumerate(stamps):
        taken = give(mine, entry(key_of(author), epoch=epoch, at=NOW + ahead))
        assert taken.stored
    now = NOW
    for wait in waits:
        now += wait
        (said,) = mine.own.publish(payloads(1), now)
        assert now <= hlc_time(said.hlc) <= now + ADOPT_MS


def test_two_who_answer_each_other_do_not_climb() -> None:
    one, other = replica(1), replica(2)
    last = entry(key_of(3), at=NOW + FUTURE_MS)
    for turn in range(200):
        here, there = (one, other) if turn % 2 else (other, one)
        give(here, last)
        (last,) = here.own.publish(payloads(1, turn), NOW)
        give(there, last)
    assert hlc_time(last.hlc) <= NOW + ADOPT_MS


def test_what_is_said_after_something_just_heard_sorts_after_it() -> None:
    mine = replica(1)
    heard = entry(key_of(2), at=NOW + ADOPT_MS - 1)
    give(mine, heard)
    (said,) = mine.own.publish(payloads(1), NOW)
    assert said.hlc > heard.hlc
