"""The receiver of webhooks, crowded.

Real deliveries are taken, memory stays bounded, and nobody learns which sources there are.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import http.client
import json
import select
import socket
import sys
import time
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from rooms import load
from storm import POSTS

from devstream_desktop.control.messages.sources import RemoteSource
from devstream_desktop.intake.service import Intake
from devstream_desktop.intake.webhook import bodies, proof, receiver, server

_intake = load("intake/conftest.py")
home, vault, stream, clock, post = (
    _intake.home,
    _intake.vault,
    _intake.stream,
    _intake.clock,
    _intake.post,
)
STORM = str(Path(__file__).parent / "storm.py")
SECRET = b"It's a Secret to Everybody"
FIVE_MIB = bodies.MAX_BODY
SOON_S = 5.0
FORGES_WAIT_S = 10.0
"""GitHub and GitLab give a delivery up after this."""
MEMORY_MB = 200


@pytest.fixture
async def intake(home, vault, stream, clock):
    intake = Intake(home, vault, stream.publish, listen="127.0.0.1:0", now=clock)
    await intake.start()
    for name in ("gh", "hub"):
        await intake.add_source(RemoteSource(name=name, type="github"), SECRET)
    yield intake
    await intake.stop()


_numbers = iter(range(1_000_000))


def push(size: int = 0) -> bytes:
    after = f"{next(_numbers):040x}"
    commit = {"message": "x" * size}
    repository = {
        "name": "shop",
        "full_name": "acme/shop",
        "html_url": "https://x.example/shop",
        "default_branch": "main",
    }
    told = {
        "ref": "refs/heads/main",
        "before": "a" * 40,
        "after": after,
        "commits": [{}],
        "head_commit": commit,
        "repository": repository,
    }
    return json.dumps(told).encode()


def signed(body: bytes) -> dict[str, str]:
    digest = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    return {
        "X-GitHub-Event": "push",
        "X-Hub-Signature-256": f"sha256={digest}",
        "Content-Type": "application/json",
    }


def head(path: str, length: int) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nx-hub-signature-256: sha256=00\r\n"
    return f"{head}content-length: {length}\r\n\r\n".encode()


class Crowd:
    """Connections that stay as they are."""

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("http://").rpartition(":")
        self.address = (host, int(port))
        self.open: list[socket.socket] = []

    def join(self, content: bytes, host: str = "127.0.0.1") -> socket.socket:
        one = socket.create_connection(self.address, 5, source_address=(host, 0))
        self.open.append(one)
        with contextlib.suppress(OSError):
            one.sendall(content)
        return one

    async def join_all(self, content: bytes, count: int) -> None:
        """So many at once."""
        await asyncio.to_thread(lambda: [self.join(content) for _ in range(count)])

    def close(self) -> None:
        for one in self.open:
            one.close()


@pytest.fixture
def crowd(intake):
    made = Crowd(intake.url)
    yield made
    made.close()


async def taken(url: str, post, path: str = "/in/gh", size: int = 0) -> float:
    """Seconds that a real delivery takes until it is accepted."""
    body, began = push(size), time.monotonic()
    answer = await post(url, path, body, signed(body))
    assert answer.status == 202, answer.text
    return time.monotonic() - began


@pytest.mark.parametrize("count", [4, 40, 300])
async def test_who_declares_much_and_sends_a_byte_silences_nobody(
    intake, post, crowd, count
) -> None:
    await crowd.join_all(head("/in/gh", FIVE_MIB) + b"{", count)
    for path in ("/in/gh", "/in/hub"):
        assert await taken(intake.url, post, path) < SOON_S
    assert await taken(intake.url, post, size=4 << 20) < SOON_S


@pytest.mark.parametrize(
    "content",
    [b"", b"POST /in/gh HTTP/1.1\r\nhost: x\r\n", head("/in/gh", 10)],
    ids=["idle", "half a head", "no body"],
)
async def test_three_hundred_idle_connections_silence_nobody(intake, post, crowd, content) -> None:
    await crowd.join_all(content, 300)
    for _ in range(3):
        assert await taken(intake.url, post) < SOON_S


@pytest.fixture
async def collector(victims, tmp_path):
    """A node of its own process that takes webhooks of two sources in, and where."""
    (ana,), _ = await victims(liars=())
    (tmp_path / "secret").write_bytes(SECRET)
    for name in ("gh", "hub"):
        await ana.run("source", "add", "github", name, "--secret-file", str(tmp_path / "secret"))
    return ana, (await ana.status()).intake.removeprefix("http://")


@pytest.mark.process
async def test_bodies_that_came_and_are_never_ended_give_way_and_memory_is_bounded(
    collector, post
) -> None:
    ana, address = collector
    process, crowd, most = psutil.Process(ana.desk.process.pid), Crowd(address), 0
    body = b"{" + bytes(FIVE_MIB - 2)
    try:
        for path in ["/in/gh"] * 20 + [f"/in/nobody{number}" for number in range(20)]:
            await asyncio.to_thread(crowd.join, head(path, FIVE_MIB) + body)
            most = max(most, process.memory_info().rss >> 20)
        for size in (0, 4 << 20):
            for path in ("/in/gh", "/in/hub"):
                await taken(address, post, path, size)
                most = max(most, process.memory_info().rss >> 20)
    finally:
        crowd.close()
    assert most < MEMORY_MB


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(mix=st.dictionaries(st.sampled_from(POSTS), st.integers(1, 20), min_size=1, max_size=4))
@example(mix={"post": 40})
@pytest.mark.process
async def test_a_flood_of_any_mix_holds_up_no_delivery_and_no_answer(
    collector, post, record_property, mix
) -> None:
    ana, address = collector
    process, memory, slowest, took = psutil.Process(ana.desk.process.pid), 0, 0.0, 0.0
    given_crowds = [f"{kind}={threads}" for kind, threads in mix.items()]
    storm = await asyncio.create_subprocess_exec(
        sys.executable, STORM, address, "4", "", *given_crowds, stdout=asyncio.subprocess.PIPE
    )
    try:
        until = time.monotonic() + 3.5
        while time.monotonic() < until:
            began = time.monotonic()
            await ana.status()
            slowest = max(slowest, time.monotonic() - began)
            took = max(took, await taken(address, post, "/in/hub"))
            memory = max(memory, process.memory_info().rss >> 20)
    finally:
        await asyncio.wait_for(storm.wait(), 30)
    record_property(
        f"posts {mix}",
        f"{memory} MB, slowest status {slowest:.2f} s, slowest delivery {took:.2f} s",
    )
    assert memory < MEMORY_MB
    assert took < FORGES_WAIT_S / 2
    assert slowest < SOON_S


holders = st.lists(
    st.tuples(
        st.sampled_from(["/in/gh", "/in/hub", "/in/no", "/in/gh/x", "/other"]),
        st.sampled_from([1, 100, 70_000, 2 << 20, FIVE_MIB, FIVE_MIB + 1, 1 << 40]),
        st.floats(0, 0.999),
        st.integers(1, 9),
        st.sampled_from(["127.0.0.1", "127.0.0.1", "127.0.0.7"]),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(holders)
async def test_any_mix_of_slow_and_false_bodies_silences_nobody(
    intake, post, given_holders
) -> None:
    crowd = Crowd(intake.url)
    try:
        for path, declared, share, count, host in given_holders:
            content = head(path, declared) + b"{" * int(min(declared, FIVE_MIB) * share)
            for _ in range(count):
                await asyncio.to_thread(crowd.join, content, host)
        assert await taken(intake.url, post, "/in/hub", 100_000) < SOON_S
        assert await taken(intake.url, post, "/in/gh") < SOON_S
    finally:
        crowd.close()


async def test_what_a_body_announces_takes_nobody_elses_room(intake, crowd) -> None:
    waiting = [
        await asyncio.to_thread(crowd.join, head("/in/gh", FIVE_MIB) + b"{", f"127.0.0.{number}")
        for number in range(2, 10)
    ]
    # A body that gives way is answered at once, a slow one only after three seconds.
    answered, _, _ = await asyncio.to_thread(select.select, waiting, [], [], 1.0)
    assert answered == []


async def test_a_body_that_comes_byte_by_byte_is_not_waited_for(intake, crowd, monkeypatch) -> None:
    monkeypatch.setattr(bodies, "FIRST_SECONDS", 0.3)
    one = await asyncio.to_thread(crowd.join, head("/in/gh", 1000))

    def drip() -> bytes:
        one.settimeout(0.05)
        for _ in range(100):
            try:
                one.sendall(b"x")
                if answer := one.recv(4096):
                    return answer
            except TimeoutError:
                continue
        return b""

    began = time.monotonic()
    assert (await asyncio.to_thread(drip)).startswith(b"HTTP/1.1 408")
    assert time.monotonic() - began < 2


async def test_requests_in_advance_are_not_collected(intake, crowd, post) -> None:
    """So many fit one packet that each would cost a hundred times its own size."""
    before = psutil.Process().memory_info().rss
    many = b"POST /in/gh HTTP/1.1\r\ncontent-length: 0\r\n\r\n" * 50_000
    for _ in range(20):
        await asyncio.to_thread(crowd.join, many)
    assert await taken(intake.url, post) < SOON_S
    assert psutil.Process().memory_info().rss - before < 20 << 20


async def test_strangers_are_so_many_and_no_more(intake, crowd) -> None:
    await crowd.join_all(b"", server.QUIET + 50)
    over = 0
    for one in crowd.open[:50]:
        one.settimeout(2)
        with contextlib.suppress(ConnectionError):
            assert await asyncio.to_thread(one.recv, 1) == b""
        over += 1
    assert over == 50
    poll = select.poll()  # there are more than fit a select
    for one in crowd.open[-50:]:
        poll.register(one, select.POLLIN)
    assert poll.poll(0) == []


async def test_who_proved_a_source_takes_no_strangers_room(intake, crowd, post) -> None:
    body = push()
    connection = http.client.HTTPConnection(*crowd.address, timeout=5)

    def deliver() -> int:
        connection.request("POST", "/in/gh", body, signed(body))
        answer = connection.getresponse()
        answer.read()
        return answer.status

    assert await asyncio.to_thread(deliver) == 202
    own = connection.sock.getsockname()
    await crowd.join_all(b"", server.QUIET + 50)
    await crowd.join_all(head("/in/gh", 10), server.STRANGERS + 50)
    # A newcomer is accepted after all of them.
    await taken(intake.url, post)
    assert await asyncio.to_thread(deliver) == 202
    assert connection.sock.getsockname() == own, "over the same connection"
    connection.close()


@pytest.mark.parametrize("path", ["/in/{}", "/in/{}/secret"])
@pytest.mark.parametrize("method", ["POST", "OPTIONS", "GET"])
async def test_a_name_that_is_no_source_is_answered_like_one_that_is(
    intake, post, method, path
) -> None:
    body = b"{}"
    for headers in (
        {},
        {"X-Hub-Signature-256": "sha256=" + "0" * 64},
        {"WebHook-Request-Origin": "x"},
        {"Content-Length": "99999999"},
    ):
        right, *wrong = [
            await post(intake.url, path.format(name), body, headers, method)
            for name in ("gh", "gi", "g", "nobody", "%C3%A9")
        ]
        assert right.status in (200, 401, 405, 413)
        assert wrong == [right] * 4


async def test_the_proof_of_one_source_is_none_for_a_name_that_is_none(
    intake, stream, post
) -> None:
    body = push()
    for name in ("gi", "g", "nobody", "%20gh"):
        assert (await post(intake.url, f"/in/{name}", body, signed(body))).status == 401
    assert stream.events == []


async def test_a_name_that_is_no_source_costs_the_work_of_one(intake, post, monkeypatch) -> None:
    # Counted, not timed: it is the digest over the body that a stopwatch would see.
    work: list[tuple[int, int, str, bool]] = []

    def counted(webhook, known, body, headers, path, now):
        found = proof.proves(webhook, known, body, headers, path, now)
        work.append((len(known), len(body), headers["x-hub-signature-256"], found))
        return found

    monkeypatch.setattr(receiver, "proves", counted)
    for body in (push(), b'"' + b"x" * (1 << 20) + b'"'):
        for name in ("gh", "no", "gho"):
            assert (await post(intake.url, f"/in/{name}", body, signed(b"another"))).status == 401
        one, *others = work
        assert others == [one] * 2
        work.clear()
