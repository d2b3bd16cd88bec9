"""Polling against a server that answers well and badly.

What is asked, what is kept, what is waited for, and where a token goes.
"""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace

import pytest

from devstream_collectors.contract import (
    Basic,
    Collector,
    Gap,
    Poll,
    Polled,
    Request,
    SourceInfo,
    Token,
)
from devstream_desktop.intake.config.names import SourcesError
from devstream_desktop.intake.health import Health, gap_sentence
from devstream_desktop.intake.limiter import RateLimiter
from devstream_desktop.intake.poll import chain, http_client, http_poller
from devstream_desktop.intake.poll.http_client import FetchError, rate_limit, retry_after
from devstream_desktop.intake.poll.http_poller import HttpPoller
from devstream_desktop.intake.publisher import Publisher
from devstream_desktop.stream.event import fact_key, make_event
from devstream_desktop.stream.line import render
from devstream_desktop.stream.words import Kind

NOW = 1_800_000_000_000
MINUTE = 60_000
TOKEN = b"s3cret-token"


def collector(*paths: str, poll: Poll | None = None):
    """Asks each path once a round. An answer is `{"builds".

    [numbers], "next": path}`; the cursor is the highest number of each path.
    """

    def requests(cursor, source, now):
        return tuple(Request(path, tag=path) for path in paths)

    def parse(response, cursor, source):
        known = json.loads(cursor or b"{}")
        answer = json.loads(response.body)
        path = response.request.tag
        fresh = [number for number in answer.get("builds", ()) if number > known.get(path, 0)]
        events = tuple(event(f"{path}/{number}", response.received) for number in fresh)
        after = answer.get("next")
        cursor = json.dumps(known | {path: max([known.get(path, 0), *fresh])}).encode()
        return Polled(
            events,
            cursor,
            (Request(after, tag=path),) if after else (),
            {"odd": answer["odd"]} if "odd" in answer else {},
        )

    return SimpleNamespace(
        COLLECTOR=Collector("", "", poll=poll or Poll()), requests=requests, parse=parse
    )


def event(number: str, time: int):
    key = fact_key("ci", Kind.BUILD, number)
    return make_event(
        kind=Kind.BUILD,
        state="failed",
        service="shop",
        subject=f"build/{number}",
        key=key,
        time=time,
        number=number,
    )


def builds(*numbers: int, **more: object) -> bytes:
    return json.dumps({"builds": numbers, **more}).encode()


@pytest.fixture
async def poller(replay, notes, stream, clock):
    """`poller(collector)`: one that asks the replay server; closed at the end."""
    made: list[HttpPoller] = []

    def make(asks, token=lambda: TOKEN, url=None, **info) -> HttpPoller:
        health = Health("ci", stream.publish, notes)
        limiter = RateLimiter("ci", health, Publisher(stream.publish), clock)
        made.append(
            HttpPoller(
                SourceInfo("ci", url=url or replay.url, **info),
                asks,
                30,
                token,
                notes,
                health,
                limiter,
                clock,
            )
        )
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def test_the_first_round_is_quiet_and_the_next_tells_what_is_new(
    poller, replay, stream, clock
):
    one = poller(collector("/builds"))
    replay.tell("/builds", builds(*range(1, 50)))
    await one.poll()
    assert [event.number for event in stream.events] == [
        f"/builds/{number}" for number in range(30, 50)
    ]
    assert all(event.quiet for event in stream.events)
    assert one.health.dropped["older-than-first-contact"] == 29
    clock.now += 30_000
    replay.tell("/builds", builds(*range(1, 52)))
    await one.poll()
    assert [(event.number, event.quiet) for event in stream.events[20:]] == [
        ("/builds/50", False),
        ("/builds/51", False),
    ]
    assert (one.health.state, one.health.events) == ("active", 22)


async def test_where_it_got_to_survives_a_restart_and_another_source_of_the_name_begins_anew(
    poller, replay, stream, clock
):
    replay.tell("/builds", builds(1))
    await poller(collector("/builds")).poll()
    clock.now += 1
    replay.tell("/builds", builds(1, 2))
    await poller(collector("/builds")).poll()
    assert [event.quiet for event in stream.events] == [True, False]
    await poller(collector("/builds"), options={"job": "other"}).poll()
    assert len(stream.events) == 2, "the same facts, told quietly once more, are no new rows"
    assert stream.calls == 3


async def test_an_answer_that_did_not_change_is_asked_for_by_its_etag_and_costs_nothing(
    poller, replay, stream
):
    one = poller(collector("/builds", "/more"))
    replay.tell("/builds", builds(1), etag='"a"')
    replay.tell("/more", builds(1), headers={"Last-Modified": "Fri, 15 Jan 2027 08:00:00 GMT"})
    assert (await one.poll()).asked == 2
    done = await one.poll()
    assert (done.asked, done.errors) == (1, [])
    assert replay.asked[2].headers["if-none-match"] == '"a"'
    assert replay.asked[3].headers["if-modified-since"] == "Fri, 15 Jan 2027 08:00:00 GMT"
    assert "if-none-match" not in replay.asked[3].headers


async def test_a_chain_that_breaks_is_begun_again_and_loses_nothing(poller, replay, stream):
    one = poller(collector("/builds", "/more"))
    replay.tell("/builds", builds(1), etag='"a"')
    replay.tell("/more", builds(1))
    await one.poll()
    replay.tell("/builds", builds(3, next="/builds?page=2"), etag='"b"')
    replay.tell("/builds?page=2", status=500)
    replay.tell("/more", builds(1, 2))
    done = await one.poll()
    assert [str(error) for error in done.errors] == ["127.0.0.1 answered 500 to /builds"]
    assert [event.number for event in stream.events] == ["/builds/1", "/more/1", "/more/2"], (
        "the other chain goes on"
    )
    replay.tell("/builds?page=2", builds(2))
    done = await one.poll()
    assert replay.asked[-3].headers["if-none-match"] == '"a"', (
        "not the one whose pages were not all read"
    )
    assert {event.number for event in stream.events} >= {"/builds/3"}
    assert done.errors == []


async def test_the_cursor_stays_when_the_stream_does_not_take_the_events(poller, replay, stream):
    one = poller(collector("/builds"))
    replay.tell("/builds", builds(1))
    await one.poll()
    replay.tell("/builds", builds(1, 2))
    stream.error = OSError("no space left on device")
    with pytest.raises(OSError, match="no space"):
        await one.poll()
    stream.error = None
    await one.poll()
    assert [event.number for event in stream.events] == ["/builds/1", "/builds/2"]


async def test_pages_end_somewhere(poller, replay, stream):
    one = poller(collector("/builds"))
    replay.tell("/builds", builds(1, next="/builds"))
    await one.poll()
    assert len(replay.asked) == chain.MAX_REQUESTS
    assert one.health.dropped["too-many-pages"] == 1


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"status": 401}, "refuses the token for /builds: it is wrong, or it has ended"),
        ({"status": 403}, "does not let this token read /builds"),
        ({"status": 404}, "has no /builds; is its name right"),
        ({"status": 500}, "answered 500 to /builds"),
        ({"status": 204, "body": b""}, "is not what was expected"),
        ({"body": b"<html>log in"}, "is not what was expected"),
        ({"body": b"{}", "cut": True}, "cannot be reached"),
        ({"hang": True}, "did not answer"),
        ({"status": 302, "headers": {"Location": "/builds"}}, "redirects in circles"),
        (
            {"status": 302, "headers": {"Location": "http://localhost:1/builds"}},
            "points to localhost; if that is right",
        ),
        ({"headers": {"Content-Encoding": "gzip"}}, "compresses its answer although"),
        ({"body": b"x" * 2000}, "answers with more than"),
    ],
)
async def test_what_goes_wrong_is_said(poller, replay, monkeypatch, told, says):
    monkeypatch.setattr(http_client, "TOTAL_SECONDS", 0.5)
    monkeypatch.setattr(http_client, "MAX_BODY", 1000)
    replay.tell("/builds", **told)
    with pytest.raises(FetchError, match=says):
        await poller(collector("/builds")).poll()


async def test_an_answer_that_nests_deeply_is_not_read(poller, replay):
    one = poller(collector("/builds"))
    for levels in (65, 300, 900):
        replay.tell("/builds", b'{"builds": [], "new": ' + b"[" * levels + b"]" * levels + b"}")
        with pytest.raises(FetchError, match="nested more than 64 deep"):
            await one.poll()
    replay.tell("/builds", b'{"builds": [], "new": ' + b"[" * 60 + b"]" * 60 + b"}")
    assert (await one.poll()).errors == []


async def test_nobody_there_is_said(poller):
    with pytest.raises(FetchError, match=r"127\.0\.0\.1 cannot be reached"):
        await poller(collector("/builds"), url="http://127.0.0.1:1").poll()


async def test_a_redirect_within_the_service_is_followed_and_the_token_goes_nowhere_else(
    poller, replay, stream
):
    replay.tell("/builds", status=301, headers={"Location": "/renamed"})
    replay.tell("/renamed", builds(1))
    await poller(collector("/builds")).poll()
    assert [asked.headers["authorization"] for asked in replay.asked] == ["Bearer s3cret-token"] * 2
    replay.tell("/builds", builds(next="http://localhost:1/steal"))
    done = await poller(collector("/builds", "/renamed")).poll()
    assert "points to localhost" in str(done.errors[0])


@pytest.mark.parametrize(
    ("poll", "token", "name", "value"),
    [
        (Poll(), b"abc", "authorization", "Bearer abc"),
        (Poll(auth=(Token(header="private-token", prefix=""),)), b"abc", "private-token", "abc"),
        (Poll(auth=(Token(), Basic())), b"ana:abc", "authorization", "Basic YW5hOmFiYw=="),
        (Poll(auth=(Token(), Basic())), b"abc", "authorization", "Bearer abc"),
        (Poll(headers={"x-version": "3"}), b"", "x-version", "3"),
    ],
)
async def test_a_token_is_sent_as_the_service_wants_it(poller, replay, poll, token, name, value):
    replay.tell("/builds", builds())
    await poller(collector("/builds", poll=poll), token=lambda: token).poll()
    assert replay.asked[0].headers[name] == value
    assert ("authorization" in replay.asked[0].headers) == bool(token and name == "authorization")
    assert not any(part in replay.asked[0].path for part in ("abc", "YW5h"))


@pytest.mark.parametrize(
    ("token", "says"),
    [(b"", "needs a token"), (b"two\nlines", "one line"), ("ü".encode(), "one line")],
)
async def test_a_token_that_cannot_be_sent_is_said(poller, replay, token, says):
    with pytest.raises(SourcesError, match=says):
        await poller(collector("/builds", poll=Poll(needs_token=True)), token=lambda: token).poll()
    assert replay.asked == []


async def test_when_the_token_ends_is_known(poller, replay):
    one = poller(collector("/builds", poll=Poll(expiry_header="x-expires")))
    for text, moment in [
        ("2027-01-22 08:00:00 UTC", NOW + 7 * 86_400_000),
        ("2027-01-22 10:00:00 +0200", NOW + 7 * 86_400_000),
        ("2027-01-22T08:00:00Z", NOW + 7 * 86_400_000),
        ("soon", 0),
    ]:
        replay.tell("/builds", builds(), headers={"X-Expires": text})
        await one.poll()
        assert one.health.credential_expires == moment


async def test_a_token_that_ends_within_two_weeks_is_said_once(poller, replay, stream, notes):
    one = poller(collector("/builds", poll=Poll(expiry_header="x-expires")))
    for text in (
        "2027-02-22 08:00:00 UTC",
        "2027-01-28 08:00:00 UTC",
        "2027-01-28 08:00:00 UTC",
        "2028-01-28 08:00:00 UTC",
    ):
        replay.tell("/builds", builds(), headers={"X-Expires": text})
        await one.poll()
        await one.health.check(NOW)
    # The next start says the same fact, which the history knows.
    again = Health("ci", stream.publish, notes, credential_expires=NOW + 13 * 86_400_000)
    await again.check(NOW)
    (event,) = stream.events
    assert stream.calls == 2
    assert render(event) == "ci  the token of source ci ends on 2027-01-28"
    assert not event.quiet


async def test_a_service_that_limits_us_is_left_alone_for_as_long_as_it_says(
    poller, replay, stream
):
    one = poller(collector("/builds", "/more"))
    replay.tell("/builds", builds(1))
    replay.tell("/more", status=429, headers={"Retry-After": "120"})
    done = await one.poll()
    assert done.errors[0].wait == 120
    replay.tell(
        "/builds",
        status=403,
        headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(NOW // 1000 + 600)},
    )
    with pytest.raises(FetchError, match="asking again in 600 s") as caught:
        await one.poll()
    assert caught.value.wait == 600
    assert replay.paths.count("/more") == 1, "what is behind a limit is not asked"


async def test_a_service_that_refuses_every_request_is_not_asked_before_its_time(poller, replay):
    one = poller(collector("/builds"))
    one.interval = 0.01
    replay.tell("/builds", status=429, headers={"Retry-After": "120"})
    stop = asyncio.Event()
    running = asyncio.create_task(one.run(stop))
    await asyncio.wait([running], timeout=0.5)
    assert replay.paths == ["/builds"]
    stop.set()
    await running


async def test_what_is_left_of_a_limit_is_spread(poller, replay):
    one = poller(collector("/builds", "/more"))
    for path in ("/builds", "/more"):
        replay.tell(
            path,
            builds(),
            headers={"X-RateLimit-Remaining": "20", "X-RateLimit-Reset": str(NOW // 1000 + 1000)},
        )
    assert (await one.poll()).pause(30.0) == 100.0


@pytest.mark.parametrize(
    ("headers", "left", "reset"),
    [
        ({"x-ratelimit-remaining": "59", "x-ratelimit-reset": str(NOW // 1000 + 90)}, 59, 90),
        ({"ratelimit-remaining": "59", "ratelimit-reset": "30"}, 59, 30),
        ({"ratelimit-remaining": "59", "ratelimit-reset": "99999999"}, 59, 3600),
        ({"ratelimit-remaining": "59"}, None, None),
        ({"ratelimit-remaining": "-1", "ratelimit-reset": "x"}, None, None),
    ],
)
def test_rate_limits_are_read(headers, left, reset):
    limit = rate_limit(headers, NOW)
    assert (limit.remaining, limit.reset) == (left, reset) if limit else left is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        ("999999", 3600),
        ("Fri, 15 Jan 2027 08:01:00 GMT", 60),
        ("Fri, 15 Jan 2026 08:01:00 GMT", 0),
        ("x", 0),
        ("", 0),
    ],
)
def test_retry_after_is_a_number_or_a_date(text, seconds):
    assert retry_after({"retry-after": text}, NOW) == seconds


async def test_a_failing_source_is_one_line_and_its_return_another(
    poller, replay, stream, monkeypatch, eventually
):
    monkeypatch.setattr(http_poller, "MAX_INTERVAL", 0.01)
    one = poller(collector("/builds"))
    one.interval = 0.01
    replay.tell("/builds", status=500)
    stop = asyncio.Event()
    task = asyncio.create_task(one.run(stop))
    await stream.first(1)
    await eventually(lambda: len(replay.asked) >= 6)
    replay.tell("/builds", builds())
    await stream.first(2)
    stop.set()
    await task
    assert [(event.kind, event.state) for event in stream.events] == [
        ("source", "silent"),
        ("source", "active"),
    ]
    assert "answered 500" in stream.events[0].reason


async def test_a_broken_collector_stops_nobody(poller, replay, stream, monkeypatch):
    asks = collector("/builds")
    asks.requests = lambda cursor, source, now: 1 / 0
    one = poller(asks)
    one.interval = 0.01
    monkeypatch.setattr(http_poller, "MAX_INTERVAL", 0.01)
    stop = asyncio.Event()
    task = asyncio.create_task(one.run(stop))
    await stream.first(1)
    stop.set()
    await task
    assert "division" in stream.events[0].reason


async def test_a_look_says_what_came_and_publishes_nothing(poller, replay, stream):
    replay.tell("/builds", builds(1, 2))
    assert (
        await poller(collector("/builds")).look_once()
        == "the service answered 200 and was understood (2 events in the first answer)"
    )
    assert stream.events == []


async def test_k4_a_gap_is_a_line_and_stands_in_the_status(poller, replay, stream, clock):
    one = poller(collector("/builds"))
    replay.tell("/builds", builds(1))
    await one.poll()
    clock.now += 1_800_000
    replay.tell("/builds", builds(2, next="/builds"))
    await one.poll()
    gap = "answers to /builds between 15 Jan 08:00 and 08:30 UTC were not all read"
    assert one.health.gap == gap
    lines = [render(event) for event in stream.events if event.kind is Kind.SOURCE]
    assert lines == [f"ci  source ci: {gap}"]


async def test_k4_a_gap_of_what_a_limit_kept_from_being_asked_begins_before_it(
    poller, replay, clock
):
    one = poller(collector("/builds", "/limited", "/late"))
    for path in ("/builds", "/limited", "/late"):
        replay.tell(path, builds(1))
    await one.poll()
    clock.now += 30 * MINUTE
    replay.tell("/builds", builds(1, 2))
    replay.tell("/limited", status=429, headers={"Retry-After": "120"})
    assert len((await one.poll()).errors) == 1
    clock.now += 30 * MINUTE
    replay.tell("/limited", builds(1))
    replay.tell("/late", builds(1, 2, next="/late"))
    await one.poll()
    assert one.health.gap == (
        "answers to /late between 15 Jan 08:00 and 09:00 UTC were not all read"
    )


async def test_k4_a_gap_begins_before_a_round_that_the_stream_did_not_take(
    poller, replay, stream, clock
):
    one = poller(collector("/builds", "/late"))
    replay.tell("/builds", builds(1))
    replay.tell("/late", builds(1))
    await one.poll()
    clock.now += 30 * MINUTE
    replay.tell("/late", status=500)
    assert len((await one.poll()).errors) == 1
    clock.now += 10 * MINUTE
    replay.tell("/late", builds(1, 2))
    stream.error = OSError("no space left on device")
    with pytest.raises(OSError, match="no space"):
        await one.poll()
    stream.error = None
    clock.now += 20 * MINUTE
    replay.tell("/late", builds(1, 2, next="/late"))
    await one.poll()
    assert one.health.gap == (
        "answers to /late between 15 Jan 08:00 and 09:00 UTC were not all read"
    )


@pytest.mark.parametrize(
    ("gap", "sentence"),
    [
        (Gap("runs of main"), "runs of main between 15 Jan 08:00 and 09:00 UTC were not all read"),
        (Gap("runs", 12), "12 runs between 15 Jan 08:00 and 09:00 UTC were not read"),
        (Gap("runs", 1), "one of the runs between 15 Jan 08:00 and 09:00 UTC was not read"),
        (
            Gap("runs", 1200, NOW - 86_400_000, NOW + 60_000),
            "1,200 runs between 14 Jan 08:00 and 15 Jan 08:01 UTC were not read",
        ),
        (
            Gap("\x1b[31mbuilds of " + "x" * 500, 2, until=1 << 62),
            f"2 builds of {'x' * 49}… between 15 Jan 08:00 and 09:00 UTC were not read",
        ),
    ],
)
def test_a_gap_says_how_many_and_when_as_far_as_it_is_known(gap, sentence):
    assert gap_sentence(gap, NOW, NOW + 3_600_000) == sentence


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_what_is_optional_may_be_refused_but_not_a_rate_limit(replay, status):
    fetcher = await asyncio.to_thread(http_client.Fetcher, replay.url, {})
    request = Request("/alerts", optional=True)
    replay.tell("/alerts", b"{}", status=status)
    try:
        answer = await fetcher.fetch(request, {}, http_client.Validators(), NOW)
        assert answer.status == status
        with pytest.raises(FetchError):
            await fetcher.fetch(Request("/alerts"), {}, http_client.Validators(), NOW)
        replay.tell("/alerts", b"{}", status=403, headers={"Retry-After": "60"})
        with pytest.raises(FetchError) as limited:
            await fetcher.fetch(request, {}, http_client.Validators(), NOW)
        assert limited.value.wait == 60
    finally:
        await fetcher.close()
