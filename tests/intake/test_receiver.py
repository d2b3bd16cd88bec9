"""The webhook receiver over real HTTP on loopback.

Every answer, and what is and is not stored for it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import http.client
import json
import sqlite3
import time
from urllib.parse import urlencode

import pytest

from devstream_desktop.control.messages.sources import RemoteSource
from devstream_desktop.control.wording import untold
from devstream_desktop.home import Home
from devstream_desktop.intake.service import Intake, IntakeError
from devstream_desktop.intake.webhook import bodies, receiver, server, spool

SECRET = b"It's a Secret to Everybody"
NOW = 1_800_000_000_000


def push(title: str = "Retry card capture once", after: str = "b" * 40) -> bytes:
    return json.dumps(
        {
            "ref": "refs/heads/main",
            "before": "a" * 40,
            "after": after,
            "commits": [{}],
            "head_commit": {"message": title},
            "compare": "https://github.com/acme/shop/compare/a...b",
            "repository": {
                "name": "shop",
                "full_name": "acme/shop",
                "html_url": "https://github.com/acme/shop",
                "default_branch": "main",
            },
            "sender": {"login": "ana"},
        }
    ).encode()


def signed(
    body: bytes, event: str = "push", delivery: str = "", secret: bytes = SECRET
) -> dict[str, str]:
    headers = {
        "X-GitHub-Event": event,
        "X-Hub-Signature-256": "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest(),
        "Content-Type": "application/json",
    }
    return headers | ({"X-GitHub-Delivery": delivery} if delivery else {})


@pytest.fixture
async def intake(home, vault, stream, clock):
    intake = Intake(home, vault, stream.publish, listen="127.0.0.1:0", now=clock)
    await intake.start()
    path = await intake.add_source(RemoteSource(name="gh", type="github"), SECRET + b"\n")
    assert path == "/in/gh"
    yield intake
    await intake.stop()


def rows(home) -> int:
    with sqlite3.connect(home.intake) as connection:
        count = connection.execute("SELECT count(*) FROM raw").fetchone()[0]
    connection.close()
    return count


async def stored(home) -> int:
    return await asyncio.to_thread(rows, home)


async def test_a_signed_push_is_stored_and_becomes_an_event(intake, home, stream, post, eventually):
    body = push()
    answer = await post(intake.url, "/in/gh", body, signed(body))
    assert answer.status == 202
    (event,) = await stream.first()
    await eventually(lambda: not intake._spool.waiting)
    assert (event.kind, event.state, event.title, event.source) == (
        "change",
        "pushed",
        "Retry card capture once",
        "gh",
    )
    (status,) = intake.status()
    assert (status.state, status.accepted, status.refused, status.events, status.location) == (
        "active",
        1,
        0,
        1,
        "/in/gh",
    )
    assert await stored(home) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Hub-Signature-256": ""},
        {"X-Hub-Signature-256": "sha256="},
        {"X-Hub-Signature-256": "sha256=" + "0" * 64},
        {"X-Hub-Signature-256": "sha1=" + "0" * 40},
        {"X-Hub-Signature-256": "sha256=é"},
        signed(push(), secret=b"another secret"),
        signed(b"another body"),
    ],
)
async def test_a_wrong_or_missing_signature_is_401_counted_and_kept_nowhere(
    intake, home, stream, post, headers
):
    answer = await post(intake.url, "/in/gh", push(), {"X-GitHub-Event": "push"} | headers)
    assert answer.status == 401
    (status,) = intake.status()
    assert (status.refused, status.accepted) == (1, 0)
    assert "secret" in status.error
    assert await stored(home) == 0
    assert stream.events == []


@pytest.mark.parametrize("body", [b"", b"{", b"not json", b"[1,", b"\xff\xfe", b"[" * 100_000])
async def test_what_is_not_json_is_400_and_kept_nowhere(intake, home, post, body):
    assert (await post(intake.url, "/in/gh", body, signed(body))).status == 400
    assert await stored(home) == 0


@pytest.mark.parametrize("levels", [65, 300, 900, 977])
async def test_json_that_nests_deeply_is_refused(intake, home, post, levels):
    body = b'{"new": ' + b"[" * levels + b"]" * levels + b"}"
    assert (await post(intake.url, "/in/gh", body, signed(body))).status == 400
    assert await stored(home) == 0
    body = b'{"new": ' + b"[" * 60 + b"]" * 60 + b', "text": "' + b"[" * levels + b'"}'
    assert (await post(intake.url, "/in/gh", body, signed(body))).status == 202


async def test_a_form_is_taken_as_github_sends_it_and_signed_as_it_is(intake, stream, post):
    body = urlencode({"payload": push().decode()}).encode()
    headers = signed(body) | {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await post(intake.url, "/in/gh", body, headers)).status == 202
    assert (await stream.first())[0].revision == "b" * 40


async def test_a_body_over_five_mebibytes_is_413(intake, home, post):
    body = b'"' + b"x" * bodies.MAX_BODY + b'"'
    assert (await post(intake.url, "/in/gh", body, signed(body))).status == 413
    assert await stored(home) == 0


async def test_the_largest_body_is_taken(intake, home, post):
    body = b'"' + b"x" * (bodies.MAX_BODY - 2) + b'"'
    assert (await post(intake.url, "/in/gh", body, signed(body))).status == 202
    assert await stored(home) == 1


async def test_other_paths_and_methods(intake, post):
    body = push()
    assert (await post(intake.url, "/in/gh/", body, signed(body))).status == 404
    assert (await post(intake.url, "/", body, signed(body))).status == 404
    assert (await post(intake.url, "/docs", method="GET")).status == 404
    # A sender may ask whether anybody is there; that tells nothing of which sources are.
    for path in ("/in/gh", "/in/gh/secret", "/in/nobody"):
        assert (await post(intake.url, path, b"", method="HEAD")).status == 200
    for method in ("GET", "PUT", "DELETE"):
        assert (await post(intake.url, "/in/gh", method=method)).status == 405


async def talk(intake, text: bytes) -> bytes:
    host, port = intake.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(text)
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(4096), 10)
    writer.close()
    return answer


def in_chunks(body: bytes, size: int = 7) -> bytes:
    """A delivery as a tunnel sends it, without a length."""
    head = "".join(f"{name}: {value}\r\n" for name, value in signed(body).items())
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    sent = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    start = f"POST /in/gh HTTP/1.1\r\nhost: x\r\n{head}transfer-encoding: chunked\r\n\r\n"
    return start.encode() + sent + b"0\r\n\r\n"


async def test_k4_a_delivery_in_chunks_is_taken(intake, stream):
    assert (await talk(intake, in_chunks(push()))).startswith(b"HTTP/1.1 202")
    assert await stream.first()


async def test_k4_chunks_have_the_same_limit(intake):
    answer = await talk(intake, in_chunks(b" " * (5 * 1024 * 1024 + 1), 1 << 16))
    assert answer.startswith(b"HTTP/1.1 413")
    assert "more than 5242880 bytes" in intake.status()[0].refusal


@pytest.mark.parametrize(
    "text",
    [b"queue full \\ud83d", b"\\udc00 low first", b"cut \xc3", b"\\\\ud83d kept \\ud83d\\ude00"],
)
async def test_k4_broken_text_costs_no_delivery(intake, stream, post, text):
    body = push("A title").replace(b"A title", text)
    assert text in body
    assert (await post(intake.url, "/in/gh", body, signed(body))).status == 202
    (event,) = await stream.first()
    kept = text.startswith(b"\\\\")
    assert ("\ufffd" in event.title) is not kept
    if kept:
        assert event.title == "\\ud83d kept \U0001f600"


@pytest.mark.parametrize(
    ("body", "reason"), [(b"{", "not JSON"), (b" " * (5 * 1024 * 1024 + 1), "more than 5242880")]
)
async def test_k4_what_is_refused_is_counted_with_its_reason_and_time(
    intake, post, clock, stream, body, reason
):
    assert (await post(intake.url, "/in/gh", body, signed(body))).status in (400, 413)
    good = push()
    assert (await post(intake.url, "/in/gh", good, signed(good))).status == 202
    await stream.first()
    status = intake.status()[0]
    assert (status.refused, status.refused_at) == (1, clock.now)
    assert reason in status.refusal
    assert reason in untold(status, clock.now + 60_000)


@pytest.mark.parametrize("length", [b"-1", b"2147483648", b"99999999999999999999", b"x"])
async def test_strange_lengths_are_refused_at_once(intake, length):
    answer = await talk(
        intake, b"POST /in/gh HTTP/1.1\r\nhost: x\r\ncontent-length: " + length + b"\r\n\r\n"
    )
    assert answer[9:12] in (b"400", b"411", b"413")


async def test_a_signature_sent_twice_is_400(intake):
    head = b"POST /in/gh HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n"
    answer = await talk(
        intake, head + b"x-hub-signature-256: sha256=00\r\nX-Hub-Signature-256: sha256=11\r\n\r\n{}"
    )
    assert answer.startswith(b"HTTP/1.1 400")


async def test_too_many_header_bytes_are_refused(intake):
    head = b"POST /in/gh HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n"
    assert (await talk(intake, head + b"x-a: " + b"a" * 20_000 + b"\r\n\r\n{}"))[9:12] in (
        b"431",
        b"400",
    )
    assert (await talk(intake, head + b"x-a: " + b"a" * 200_000)).startswith(b"HTTP/1.1 400")


async def test_headers_that_never_end_do_not_hold_a_connection(intake, monkeypatch):
    monkeypatch.setattr(server, "HEADER_SECONDS", 0.2)
    assert await talk(intake, b"POST /in/gh HTTP/1.1\r\nhost:") == b""


async def test_a_body_that_never_ends_is_408(home, vault, stream, clock, monkeypatch):
    monkeypatch.setattr(receiver.Receiver.__init__, "__defaults__", (0.2, None))
    intake = Intake(home, vault, stream.publish, listen="127.0.0.1:0", now=clock)
    await intake.start()
    await intake.add_source(RemoteSource(name="gh", type="github"), SECRET)
    answer = await talk(intake, b"POST /in/gh HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 408")
    await intake.stop()


async def test_a_redelivery_is_taken_and_makes_nothing_new(intake, home, stream, post):
    body = push()
    for _ in range(3):
        assert (
            await post(intake.url, "/in/gh", body, signed(body, delivery="72d3162e"))
        ).status == 202
    await stream.first()
    assert await stored(home) == 1
    assert stream.calls == 1


async def test_a_sender_of_slacks_form_is_answered_as_slack_does(intake, stream, post):
    await intake.add_source(RemoteSource(name="chat", type="slack"), b"a long secret of chat")
    body = json.dumps({"text": "Build #12 failed"}).encode()
    for _ in range(2):
        answer = await post(
            intake.url, "/in/chat", body, {"Authorization": "Bearer a long secret of chat"}
        )
        assert (answer.status, answer.text) == (200, "ok")
    assert (await stream.first())[0].title == "Build"
    # Whoever proves nothing learns nothing of the source's type.
    assert (await post(intake.url, "/in/chat", body)).status == 401
    assert (await intake.test_source("chat")).ok


async def test_an_event_that_is_not_mapped_is_202_counted_and_no_line(
    intake, stream, post, eventually
):
    body = b'{"zen": "Design for failure."}'
    for event in ("ping", "watch", ""):
        assert (await post(intake.url, "/in/gh", body, signed(body, event))).status == 202
    marker = push()
    await post(intake.url, "/in/gh", marker, signed(marker))
    await stream.first()
    assert len(stream.events) == 1
    await eventually(lambda: intake.status()[0].dropped == {"ping": 1, "event-not-mapped": 2})
    assert intake.status()[0].events == 1


async def test_a_full_spool_is_503_until_there_is_room(intake, stream, post, monkeypatch):
    monkeypatch.setattr(spool, "MAX_WAITING", 0)
    body = push()
    assert (await post(intake.url, "/in/gh", body, signed(body))).status == 503
    monkeypatch.setattr(spool, "MAX_WAITING", 10)
    assert (await post(intake.url, "/in/gh", body, signed(body))).status == 202
    await stream.first()


async def test_a_full_disk_is_503_and_nothing_is_acknowledged(intake, home, stream, post):
    await intake._store.run(
        lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchone()
    )
    body = b'"' + b"x" * 100_000 + b'"'
    answer = await post(intake.url, "/in/gh", body, signed(body, delivery="1"))
    assert answer.status == 503
    assert "full" in intake.status()[0].error
    assert await stored(home) == 0
    await intake._store.run(
        lambda connection: connection.execute("PRAGMA max_page_count = 1000000").fetchone()
    )
    body = push()
    assert (await post(intake.url, "/in/gh", body, signed(body, delivery="1"))).status == 202
    await stream.first()


async def test_two_secrets_are_valid_during_a_rotation(intake, stream, post):
    await intake.add_source(
        RemoteSource(name="rotating", type="github"), b"the old secret\nthe new secret\n"
    )
    body = push()
    for secret, status in (
        (b"the old secret", 202),
        (b"the new secret", 202),
        (b"the old secret\nthe new secret", 401),
        (b"", 401),
    ):
        assert (
            await post(intake.url, "/in/rotating", body, signed(body, secret=secret))
        ).status == status
    assert intake.status()[1].refused == 2


async def test_a_burst_is_committed_in_groups_and_every_answer_is_stored(
    intake, home, stream, post
):
    bodies = [push(after=f"{number:040x}") for number in range(1, 61)]
    answers = await asyncio.gather(
        *(post(intake.url, "/in/gh", body, signed(body)) for body in bodies)
    )
    assert {answer.status for answer in answers} == {202}
    assert await stored(home) == 60
    await stream.first(60)
    assert {event.revision for event in stream.events} == {
        f"{number:040x}" for number in range(1, 61)
    }


async def test_a_source_that_is_removed_takes_nothing_at_once(intake, vault, post):
    await intake.remove_source("gh")
    assert (await post(intake.url, "/in/gh", push(), signed(push()))).status == 401
    assert vault.sealed == {}
    assert intake.status() == []


async def test_nobody_but_the_receiver_can_call_a_delivery_a_test(intake, stream, post):
    body = push()
    assert (
        await post(
            intake.url, "/in/gh", body, signed(body) | {"devstream-test": "0011223344556677"}
        )
    ).status == 202
    (event,) = await stream.first()
    assert event.kind == "change"


async def test_stopping_does_not_wait_for_an_idle_connection(intake):
    host, port = intake.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    began = time.monotonic()
    await intake.stop()
    assert time.monotonic() - began < 5
    writer.close()


@pytest.mark.parametrize("listen", ["nonsense", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:http"])
async def test_an_address_that_is_none_is_said(home, vault, stream, listen):
    intake = Intake(home, vault, stream.publish, listen=listen)
    with pytest.raises(IntakeError, match="HOST:PORT"):
        await intake.start()


async def test_an_address_that_is_taken_is_said(intake, home, vault, stream, tmp_path):
    other_home = Home(tmp_path / "other")
    await asyncio.to_thread(other_home.create)
    other = Intake(other_home, vault, stream.publish, listen=intake.url.removeprefix("http://"))
    with pytest.raises(IntakeError, match="choose another"):
        await other.start()


def in_turn(url: str, requests: list[tuple[str, str, bytes, dict[str, str]]]) -> list[int]:
    """The answers to requests over as few connections as they allow, as behind a proxy."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=15)
    statuses = []
    for method, path, body, headers in requests:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
    connection.close()
    return statuses


@pytest.mark.parametrize(
    ("status", "path", "body", "headers"),
    [
        (400, "/in/gh", b"no json", signed(b"no json")),
        (401, "/in/gh", push(), {}),
        (401, "/in/other", push(), {}),
        (404, "/elsewhere", push(), {}),
        (413, "/in/gh", bytes(bodies.MAX_BODY + 1), {}),
        (413, "/in/gh", bytes(bodies.MAX_BODY + 200_000), {}),
        (431, "/in/gh", push(), {"X-Long": "x" * 16_300} | signed(push())),
    ],
)
async def test_what_is_refused_costs_the_next_delivery_nothing(
    intake, home, status, path, body, headers
):
    refused = ("POST", path, body, headers)
    good = [
        ("POST", "/in/gh", push(after=letter * 40), signed(push(after=letter * 40)))
        for letter in "cdef"
    ]
    turns = [one for pair in zip(good, [refused] * 4, strict=True) for one in pair]
    answers = await asyncio.to_thread(in_turn, intake.url, [*turns, good[0]])
    assert answers == [202, status] * 4 + [202]
    assert await stored(home) >= 4


async def test_a_refusal_of_a_whole_body_keeps_the_connection(intake, post):
    for body, headers in ((b"no json", signed(b"no json")), (push(), {})):
        assert "connection" not in (await post(intake.url, "/in/gh", body, headers)).headers
    large = bytes(bodies.MAX_BODY + 1)
    assert (await post(intake.url, "/in/gh", large)).headers["connection"] == "close"
