"""Senders that are not GitHub.

Tokens, addresses with a secret, other bodies, floods; and sources that are posted to and asked at
once.
"""

from __future__ import annotations

import json
import logging
import sqlite3

import pytest

from devstream_collectors.contract import (
    Collector,
    Delivery,
    Normalised,
    Option,
    Poll,
    Polled,
    Request,
    SecretPath,
    SourceInfo,
    Token,
    Webhook,
)
from devstream_collectors.kit.outcome import Dropped, tolerant
from devstream_desktop.control.messages.sources import RemoteSource
from devstream_desktop.intake.config.names import SourcesError
from devstream_desktop.intake.registry import NoCollectorError, collector_module
from devstream_desktop.intake.service import Intake
from devstream_desktop.intake.webhook import spool
from devstream_desktop.stream.event import fact_key, make_event
from devstream_desktop.stream.words import Kind

SECRET = b"long enough a secret"
OPEN = Webhook(
    auth=(Token(header="x-tally-token", prefix=""), SecretPath()),
    headers=("x-tally-event", "ce-*"),
    handshake=True,
)


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Normalised:
    if not delivery.body:
        raise Dropped("empty")
    number = delivery.body.decode().strip('"')
    key = fact_key("tally", Kind.BUILD, number)
    about = ",".join(f"{name}={value}" for name, value in sorted(delivery.headers.items()))
    return Normalised(
        (
            make_event(
                kind=Kind.BUILD,
                state="failed",
                service="shop",
                subject=f"b/{number}",
                key=key,
                time=delivery.received,
                number=number,
                reason=about,
            ),
        )
    )


def sample(source: SourceInfo, now: int) -> Delivery:
    return Delivery({"x-tally-event": "test"}, b'"0"', now)


def requests(cursor: bytes, source: SourceInfo, now: int) -> tuple[Request, ...]:
    return (Request(f"/{source.text('job')}"),)


def parse(response, cursor: bytes, source: SourceInfo) -> Polled:
    events = tuple(
        event
        for number in json.loads(response.body)
        for event in normalise(Delivery({}, str(number).encode(), response.received), source).events
    )
    return Polled(events, b"x")


@pytest.fixture
def tally(install):
    install(
        "tally",
        COLLECTOR=Collector(
            "Tally",
            "Paste.",
            (Option("job", "the job", needed="poll"), Option("rules", "r", kind="file")),
            OPEN,
            Poll(),
        ),
        normalise=normalise,
        sample=sample,
        requests=requests,
        parse=parse,
    )
    install(
        "anything",
        COLLECTOR=Collector("A", "P", webhook=Webhook(OPEN.auth, headers=OPEN.headers, body="any")),
        normalise=normalise,
        sample=sample,
    )


@pytest.fixture
async def intake(tally, home, vault, stream, clock):
    intake = Intake(home, vault, stream.publish, listen="127.0.0.1:0", now=clock)
    await intake.start()
    yield intake
    await intake.stop()


def raw(home) -> str:
    connection = sqlite3.connect(home.intake)
    try:
        return repr(connection.execute("SELECT source, headers, body FROM raw").fetchall())
    finally:
        connection.close()


async def test_an_address_with_a_secret_in_it(intake, home, vault, stream, post, caplog):
    caplog.set_level(logging.DEBUG)
    path = await intake.add_source(RemoteSource(name="ci", type="tally", secret_path=True))
    secret = path.removeprefix("/in/ci/")
    assert len(secret) == 43
    assert (await post(intake.url, path, b'"7"')).status == 202
    assert [event.number for event in await stream.first()] == ["7"]
    for wrong in (
        "/in/ci",
        "/in/ci/x",
        f"{path}x",
        f"/in/other/{secret}",
        f"{path}/more",
        f"{path}/",
    ):
        assert (await post(intake.url, wrong, b'"8"')).status in (401, 404)
    report = await intake.test_source("ci")
    assert (report.ok, report.reached) == (True, "published")
    (status,) = intake.status()
    assert (status.location, status.accepted, status.refused) == ("/in/ci", 2, 3)
    written = home.sources.read_text() + raw(home) + repr(status) + caplog.text + report.detail
    assert secret not in written
    assert vault.sealed["source-ci"] == secret.encode()


async def test_a_token_in_a_header_and_what_reaches_the_collector(intake, home, stream, post):
    path = await intake.add_source(
        RemoteSource(name="ci", type="anything"), SECRET + b"\nanother long secret"
    )
    assert path == "/in/ci"
    headers = {
        "X-Tally-Token": "another long secret",
        "X-Tally-Event": "build",
        "Ce-Id": "9",
        "Cookie": "c",
        "Content-Type": "text/plain",
    }
    assert (await post(intake.url, path, b"not json", headers)).status == 202
    (event,) = await stream.first()
    assert event.reason == "ce-id=9,content-type=text/plain,x-tally-event=build"
    assert "another long secret" not in raw(home)
    assert (await post(intake.url, path, b"x", headers | {"X-Tally-Token": "no"})).status == 401
    assert "x-tally-token" in intake.status()[0].error
    assert (await intake.test_source("ci")).ok


async def test_a_sender_may_ask_first_whether_it_may_post(intake, post):
    await intake.add_source(RemoteSource(name="ci", type="tally"), SECRET)
    await intake.add_source(RemoteSource(name="gh", type="github"), SECRET)
    asked = {"WebHook-Request-Origin": "events.example.org"}
    answer = await post(intake.url, "/in/ci", b"", asked, "OPTIONS")
    assert (answer.status, answer.headers["webhook-allowed-origin"], answer.headers["allow"]) == (
        200,
        "events.example.org",
        "POST",
    )
    for path, headers in (("/in/ci", {}), ("/in/gh", asked)):
        answer = await post(intake.url, path, b"", headers, "OPTIONS")
        assert (answer.status, answer.headers["allow"]) == (405, "POST")


async def test_who_floods_is_told_to_wait_and_the_others_are_served(
    intake, stream, post, monkeypatch
):
    monkeypatch.setattr(spool, "MAX_WAITING_OF_ONE", 3)
    await intake.add_source(RemoteSource(name="loud", type="tally"), SECRET)
    await intake.add_source(RemoteSource(name="calm", type="tally"), SECRET)
    stream.error = OSError("not now")
    proof = {"X-Tally-Token": SECRET.decode()}
    answers = [await post(intake.url, "/in/loud", b'"%d"' % number, proof) for number in range(5)]
    assert [answer.status for answer in answers] == [202, 202, 202, 429, 429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert (await post(intake.url, "/in/calm", b'"9"', proof)).status == 202
    stream.error = None
    await stream.first(4)
    assert {event.number for event in stream.events} == {"0", "1", "2", "9"}


@pytest.mark.slow
async def test_a_source_that_posts_and_is_asked_says_each_fact_once(
    intake, home, stream, post, replay, clock, eventually
):
    replay.tell("/shop", b"[1]")
    source = RemoteSource(
        name="ci",
        type="tally",
        ways=("webhook", "poll"),
        url=replay.url,
        interval=1,
        options={"job": "shop"},
    )
    await intake.add_source(source, SECRET, b"poll-token")
    assert [event.quiet for event in await stream.first(1)] == [True]
    assert replay.asked[0].headers["authorization"] == "Bearer poll-token"
    assert (
        await post(intake.url, "/in/ci", b'"2"', {"X-Tally-Token": SECRET.decode()})
    ).status == 202
    await stream.first(2)
    clock.now += 1000
    replay.tell("/shop", b"[1, 2, 3]")
    await stream.first(3)
    assert [event.number for event in stream.events] == ["1", "2", "3"]
    report = await intake.test_source("ci")
    assert (report.ok, report.reached) == (True, "published")
    assert "the service answered 200" in report.detail
    assert "signature, spool" in report.detail
    replay.tell("/shop", status=401)
    report = await intake.test_source("ci")
    assert (report.ok, report.reached) == (False, "configured")
    assert "refuses the token" in report.detail
    # Deliveries that arrive do not hide that asking fails, and asking that fails is one line.
    await eventually(lambda: intake.status()[0].state == "silent")
    await post(intake.url, "/in/ci", b'"4"', {"X-Tally-Token": SECRET.decode()})
    assert intake.status()[0].state == "silent"
    replay.tell("/shop", b"[]")
    await eventually(lambda: intake.status()[0].state == "active")
    lines = [
        event.state
        for event in stream.events
        if event.kind == "source" and "test" not in event.subject
    ]
    assert lines == ["silent", "active"]
    (status,) = intake.status()
    assert status.expected == 1
    await intake.remove_source("ci")
    assert intake._vault.sealed == {}


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (RemoteSource(name="a", type="tally", ways=("poll",)), "needs job: the job"),
        (
            RemoteSource(name="a", type="tally", options={"jib": "x"}),
            "tally has no option 'jib'; it has: job, rules",
        ),
        (RemoteSource(name="a", type="tally", options={"job": 7}), "options.job must be a text"),
        (
            RemoteSource(name="a", type="tally", options={"rules": "/nowhere/rules"}),
            "rules cannot be read from /nowhere/rules",
        ),
        (
            RemoteSource(name="a", type="tally", options={"rules": "rules"}),
            "rules must be an absolute path",
        ),
        (RemoteSource(name="a", type="tally"), "needs a secret of at least 8"),
    ],
)
async def test_what_is_wrong_with_a_source_is_said_and_nothing_written(intake, home, source, says):
    with pytest.raises(SourcesError, match=says):
        await intake.add_source(source)
    assert not home.sources.exists()


async def test_a_collector_may_refuse_what_its_options_say_and_is_given_a_files_text(
    intake, install, tmp_path, vault
):
    def check(source: SourceInfo) -> None:
        if "good" not in source.text("rules"):
            raise ValueError("rules.toml, line 1: not good")

    install(
        "ruled",
        COLLECTOR=Collector("R", "P", (Option("rules", "r", kind="file", needed="always"),), OPEN),
        normalise=normalise,
        sample=sample,
        check=check,
    )
    rules = tmp_path / "rules.toml"
    rules.write_text("bad")
    source = RemoteSource(name="r", type="ruled", options={"rules": str(rules)})
    with pytest.raises(SourcesError, match=r"source 'r': rules\.toml, line 1: not good"):
        await intake.add_source(source, SECRET)
    rules.write_text("good")
    assert await intake.add_source(source, SECRET) == "/in/r"
    rules.write_text("bad")
    await intake.add_source(RemoteSource(name="s", type="tally"), SECRET)
    assert [status.state for status in intake.status()] == ["new", "new"]


def test_a_collector_that_lacks_a_part_is_said(install):
    install("half", COLLECTOR=Collector("H", "", webhook=OPEN), normalise=normalise)
    with pytest.raises(NoCollectorError, match=r"'half' .* lacks sample"):
        collector_module("half")
    install("none")
    with pytest.raises(NoCollectorError, match="has no COLLECTOR"):
        collector_module("none")
