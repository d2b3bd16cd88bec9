"""A status says each thing once, with how often.

A member's hundred feeds, a hundred dead addresses, a notice that came twice.
"""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raw_member import event

from devstream_desktop.clock import now_ms
from devstream_desktop.control.messages.status import RefusedStatus, Why
from devstream_desktop.control.wording import counted, lost
from devstream_desktop.node.status import NAMED_OF_REASON, refused_lines

FEEDS = 12


@given(st.lists(st.sampled_from("abc")))
def test_every_line_is_said_once_in_its_place_and_none_is_lost(lines) -> None:
    times = Counter(lines)
    assert counted(lines) == tuple(
        line if times[line] == 1 else f"{line} ({times[line]} times)"
        for line in dict.fromkeys(lines)
    )


@pytest.mark.process
async def test_feeds_that_one_member_spoilt_are_one_line_with_a_count(victims) -> None:
    (ana,), (mallory,) = await victims()
    link = await mallory.dial(ana.mesh)
    for epoch in range(FEEDS):
        one, other = mallory.feed(epoch), mallory.feed(epoch)
        said = [
            feed.entry(event("duty", "on", subject="duty/mallory", service="team", actor="mallory"))
            for feed in (one, other)
        ]
        await link.push(*said)
    status = await ana.until("all are frozen", lambda: _frozen(ana))
    (missing,) = [one for one in status.lost if one.why == Why.FROZEN]
    assert (missing.person, missing.feeds) == ("mallory", FEEDS)
    assert f"{FEEDS} feeds of mallory" in lost(missing, now_ms())
    lines = (await ana.run("status")).splitlines()
    assert len(lines) == len(set(lines))
    assert sum("frozen" in line for line in lines) == 1


async def _frozen(ana):
    status = await ana.status()
    return (
        status if sum(one.feeds for one in status.lost if one.why == Why.FROZEN) == FEEDS else None
    )


def test_of_a_hundred_addresses_with_one_reason_a_few_are_named_and_the_others_counted() -> None:
    dead = [
        RefusedStatus(
            address=f"10.0.0.{n}:7000", device="", reason="nothing listens there", count=n, seen=n
        )
        for n in range(1, 101)
    ]
    other = RefusedStatus(
        address="10.0.1.1:7000", device="x" * 52, reason="it was revoked", count=7, seen=5
    )
    lines = list(refused_lines([*dead, other]))
    assert [line.address for line in lines[:NAMED_OF_REASON]] == [
        one.address for one in dead[:NAMED_OF_REASON]
    ]
    rest = lines[NAMED_OF_REASON]
    assert (rest.address, rest.reason, rest.seen) == (
        f"{100 - NAMED_OF_REASON} others",
        "nothing listens there",
        100,
    )
    assert sum(line.count for line in lines[: NAMED_OF_REASON + 1]) == sum(
        one.count for one in dead
    )
    assert [line.device for line in lines[NAMED_OF_REASON + 1 :]] == [other.device]
