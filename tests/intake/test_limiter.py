"""The harm one noisy source may do to everybody.

Rates, flapping, and that both are said.
"""

from __future__ import annotations

import pytest

from devstream_desktop.intake import limiter as rate_limits
from devstream_desktop.intake.health import Health
from devstream_desktop.intake.limiter import BURST, FLOOD, RateLimiter
from devstream_desktop.intake.publisher import Publisher
from devstream_desktop.stream.event import fact_key, make_event
from devstream_desktop.stream.fact import fact_id
from devstream_desktop.stream.line import render
from devstream_desktop.stream.words import Kind

MINUTE = 60_000


def build(
    number: int,
    state: str = "succeeded",
    subject: str = "build/shop/main/CI",
    *,
    quiet: bool = False,
):
    key = fact_key("s", Kind.BUILD, subject, str(number), state)
    return make_event(
        kind=Kind.BUILD,
        state=state,
        service="shop",
        subject=subject,
        key=key,
        time=1,
        number=str(number),
        quiet=quiet,
    )


@pytest.fixture
def limited(clock, stream):
    """`limited()`: a limiter with the limits as they are now."""
    return lambda: RateLimiter("ci", Health("ci", stream.publish, None), stream.publish, clock)


@pytest.fixture
def limiter(limited) -> RateLimiter:
    return limited()


def test_more_than_the_burst_is_stored_quietly_and_said_once_a_minute(limiter, clock):
    told = limiter.limit(
        [build(number, subject=f"build/shop/main/{number}") for number in range(BURST + 40)]
    )
    assert len(told) == BURST + 40
    assert [event.quiet for event in told] == [False] * BURST + [True] * 40
    line = limiter.overflow()
    assert line is not None
    assert render(line) == "ci  source ci … 40 more suppressed"
    assert limiter.overflow() is None
    limiter.limit([build(1000)])
    assert limiter.overflow() is None, "not before a minute has gone"
    clock.now += MINUTE
    assert limiter.overflow().count == 1
    assert not limiter.limit([build(1001)])[0].quiet, "a minute gives room again"
    assert limiter.health.quieted == {"rate": 41}


def test_a_fact_that_is_told_again_is_judged_once(limiter):
    events = [build(number) for number in range(BURST)]
    assert limiter.limit(events) == limiter.limit(events)
    assert not limiter.limit(events)[-1].quiet
    assert limiter.overflow() is None


def test_what_is_quiet_already_takes_no_room(limiter):
    limiter.limit([build(number, quiet=True) for number in range(500)])
    assert not limiter.limit([build(1000)])[0].quiet


def test_a_loop_that_would_fill_every_disk_is_counted_and_not_stored(limited, monkeypatch):
    monkeypatch.setattr(rate_limits, "FLOOD", 100)
    limiter = limited()
    told = limiter.limit([build(number) for number in range(150)])
    assert len(told) == 100
    assert limiter.health.dropped == {"flood": 50}
    assert limiter.overflow().count == 50 + 40
    assert FLOOD > 10_000, "a burst of ten thousand deliveries is stored whole"


def test_flapping_is_said_once_then_quiet_until_it_was_stable(limiter, clock):
    def told(number, state):
        clock.now += MINUTE
        (event,) = limiter.limit([build(number, state)])
        return event.quiet, event.reason

    assert told(1, "failed") == (False, "")
    assert told(2, "failed") == (False, "")
    assert told(3, "succeeded") == (False, "")
    assert told(4, "failed") == (False, "flapping")
    assert told(5, "succeeded") == (True, "")
    assert told(6, "failed") == (True, "")
    clock.now += 11 * MINUTE
    assert told(7, "succeeded") == (False, "")
    assert limiter.health.quieted == {"flapping": 2}
    (other,) = limiter.limit([build(8, "failed", "build/pay/main/CI")])
    assert (other.quiet, other.reason) == (False, ""), "another subject is another matter"


def test_slow_changes_are_no_flapping(limiter, clock):
    for number in range(10):
        clock.now += 6 * MINUTE
        (event,) = limiter.limit([build(number, "failed" if number % 2 else "succeeded")])
        assert (event.quiet, event.reason) == (False, "")


async def test_what_is_published_again_is_counted_once(clock, stream):
    class Known:
        """The facts that are in the stream."""

        def knows(self, fact: bytes) -> bool:
            return fact in {fact_id(event, "") for event in stream.events}

        def past(self, _: object) -> tuple[()]:
            return ()

    publisher = Publisher(stream.publish, Known())
    one = RateLimiter("ci", Health("ci", stream.publish, None), publisher, clock)
    assert len(await one.publish([build(1), build(2)])) == 2
    assert [event.number for event in await one.publish([build(1), build(2), build(3)])] == ["3"]
