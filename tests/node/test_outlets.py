"""The stream posted to a real service by a real node: filtered, again after a fault, once."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import feedparser
import pytest

pytestmark = pytest.mark.process


class Service:
    """Takes posts, or answers as it is told first."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.came: list[dict[str, object]] = []
        self.identities: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.identities.append(self.headers["webhook-id"])
                status = outer.answers.pop(0) if outer.answers else 204
                if status == 204:
                    outer.came.append(json.loads(body))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/hooks/s3cret"


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def emit(desk, kind: str, state: str, title: str) -> str:
    told = desk.run("emit", "--kind", kind, "--state", state, "--service", "shop", "--title", title)
    return str(told)


def test_what_a_search_finds_is_posted_and_nothing_is_lost_or_told_twice(
    world, until, service
) -> None:
    (ana,) = world.team()
    emit(ana, "build", "failed", "before")
    ana.run(
        "out", "add", "it", "--address-file", "-", "--search", "kind:build", stdin=service.address
    )
    until("it begins", (ana.home.root / "outlet-it.json").exists)
    first = emit(ana, "build", "failed", "one")
    emit(ana, "incident", "firing", "not looked for")
    until("the first came", lambda: service.came)

    # A service that fails is asked again, with the same identity.
    service.answers = [503, 429]
    second = emit(ana, "build", "succeeded", "two")
    until("it is said why", lambda: "503" in ana.run("out", "list"))
    until("the second came", lambda: len(service.came) == 2)
    assert service.identities == [first, second, second, second]

    # What is told while the node is away is posted when it is back, and no line twice.
    until("the place is kept", lambda: "2 posted" in ana.run("out", "list"))
    ana.stop()
    ana.start()
    third = emit(ana, "build", "failed", "three")
    until("the third came", lambda: len(service.came) == 3)
    assert [one["id"] for one in service.came] == [first, second, third]
    assert "s3cret" not in ana.run("out", "list", "--json")

    assert ana.run("out", "test", "it") == "it took it"
    ana.run("out", "remove", "it")
    assert ana.run("out", "list") == "no outlets; devstream out add"


def test_a_body_that_is_refused_does_not_hold_up_the_others(world, until, service) -> None:
    (ana,) = world.team()
    ana.run("out", "add", "it", "--form", "chat", "--address-file", "-", stdin=service.address)
    until("it begins", (ana.home.root / "outlet-it.json").exists)
    service.answers = [422] * 3
    emit(ana, "build", "failed", "one")
    until("it came after all", lambda: service.came)
    assert service.came == [{"text": "shop  one FAILED"}]


def read(address: str) -> tuple[list[str], str]:
    """The titles of a feed, as a feed reader has them, and its ETag."""
    found = feedparser.parse(address)
    assert found.status == 200
    assert not found.bozo
    return [entry.title for entry in found.entries], found.etag


def test_a_feed_is_read_at_the_collector_and_its_token_is_nowhere_in_plain(world, until) -> None:
    (ana,) = world.team()
    emit(ana, "build", "failed", "one")
    emit(ana, "incident", "firing", "not looked for")
    added = ana.run("out", "add", "builds", "--form", "atom", "--search", "kind:build").split("\n")
    address = added[1]
    assert address.startswith(f"{ana.ready['intake']}/out/builds/")
    titles, etag = read(address)
    assert titles == ["shop one FAILED"]
    assert feedparser.parse(address, etag=etag).status == 304
    emit(ana, "build", "failed", "two")
    until("the second is in it", lambda: len(read(address)[0]) == 2)
    assert ana.run("out", "test", "builds") == "builds is served; it has 2 of the newest lines"
    (one,) = ana.status().outlets
    assert (one.name, one.form, one.location, one.state) == (
        "builds",
        "atom",
        "/out/builds",
        "active",
    )
    assert one.told >= 3
    assert "outlet builds (atom of 'kind:build', /out/builds) active" in ana.run("status")
    assert "✓ outlet       builds: read" in ana.run("doctor")

    # The same entries under the same ids after a restart, at the same path.
    before = feedparser.parse(address)
    ana.stop()
    assert "stopped" in ana.run("out", "list")
    asked = ana.run("out", "test", "builds", code=1)
    assert "a feed is read at a node that runs with --intake HOST:PORT" in asked
    ana.start("--intake", "127.0.0.1:0")
    moved = ana.ready["intake"] + address[address.index("/out/") :]
    after = feedparser.parse(moved)
    assert [one.id for one in after.entries] == [one.id for one in before.entries]
    assert after.etag == before.etag

    token = address.rpartition("/")[2]
    wrong = feedparser.parse(f"{moved[:-1]}x")
    assert wrong.status == 404
    files = [path for path in ana.home.root.rglob("*") if path.is_file()]
    assert not [path for path in files if token.encode() in path.read_bytes()]
    assert token not in ana.run("out", "list", "--json")
    ana.run("out", "remove", "builds")
    until("it is gone", lambda: feedparser.parse(moved).status == 404)


def test_a_feed_without_a_port_says_what_is_missing(world) -> None:
    ana = world.desk("ana")
    ana.run("team", "create", "acme", "--person", "ana")
    ana.start()
    told = ana.run("out", "add", "it", "--form", "atom")
    assert "start it again with --intake HOST:PORT" in told
    assert "start it with --intake HOST:PORT" in ana.run("out", "list")
    assert "it: nobody can read it" in ana.run("doctor")


def test_what_waits_and_what_is_wrong_is_said_everywhere(world, until, service) -> None:
    (ana,) = world.team()
    ana.run("out", "add", "it", "--form", "chat", "--address-file", "-", stdin=service.address)
    (new,) = until("it begins", lambda: ana.status().outlets)
    assert (new.state, new.location, new.seen) == ("new", "127.0.0.1", 0)
    until("its place is kept", (ana.home.root / "outlet-it.json").exists)
    service.answers = [503] * 100
    for title in ("one", "two"):
        emit(ana, "build", "failed", title)
    until("it fails", lambda: ana.status().outlets[0].state == "failing")
    until("both wait", lambda: ana.status().outlets[0].waiting == 2)
    said = "0 posted, 2 waiting, last never: it answered 503: no reason given"
    assert said in ana.run("status")
    assert said in ana.run("out", "list")
    assert "it answered 503" in ana.run("doctor")
    service.answers = []
    until("both came", lambda: len(service.came) == 2)
    # The service has the second before the node has its answer.
    until("it is well", lambda: ana.status().outlets[0].told == 2)
    (well,) = ana.status().outlets
    assert (well.state, well.waiting, well.error) == ("active", 0, "")
    assert well.seen

    # A file that is damaged is a sentence, with what to do.
    ana.home.outlets.write_bytes(b"{")
    assert any("outlets.json is damaged" in notice for notice in ana.status().notices)
    assert "outlets.json is damaged" in ana.run("out", "list", code=1)
    assert "devstream out add" in ana.begin("doctor").communicate(timeout=60)[0]
