"""The stream posted to a real service by a real node: filtered, again after a fault, once."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

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
    until("the place is kept", lambda: "posted 2" in ana.run("out", "list"))
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
