"""Outlets: what is posted, in which form, how often, and what never is."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from devstream_desktop import sealed_list
from devstream_desktop.home import Home
from devstream_desktop.keys import Vault
from devstream_desktop.outlet import config, sender
from devstream_desktop.outlet.body import body_of, leaves, signed
from devstream_desktop.outlet.config import Outlet, OutletError
from devstream_desktop.outlet.post import PostError, post
from devstream_desktop.outlet.state import State, read_state, write_state
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.words import Kind, Transition

KEY = "whsec_" + base64.b64encode(b"k" * 32).decode()
AT = 1_800_000_000_000


def event(title: str = "Retry", state: str = "failed", **fields: object) -> Event:
    made = {"kind": Kind.BUILD, "service": "shop", "subject": f"build/shop/{title}", "time": AT}
    made |= {"key": fact_key("it", Kind.BUILD, title, state), "title": title}
    return make_event(state=state, **(made | fields))


@dataclass
class Service:
    """A service that says how it answers, and keeps what came."""

    answers: list[int] = field(default_factory=list)
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    address: str = ""


@pytest.fixture
def service() -> Iterator[Service]:
    known = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            known.came.append(({k.lower(): v for k, v in self.headers.items()}, body))
            status = known.answers.pop(0) if known.answers else 204
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("location", known.address)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    known.address = f"http://127.0.0.1:{server.server_port}/hooks/secret"
    yield known
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_body_is_a_cloudevent_with_all_that_the_line_says() -> None:
    kind, body = body_of("cloudevents", event(reason="2 tests"), Transition.FAILED)
    said = json.loads(body)
    assert kind.startswith("application/cloudevents+json")
    assert said["specversion"] == "1.0"
    assert said["type"] == "devstream.build.failed"
    assert said["data"]["line"] == "shop  Retry FAILED — 2 tests"
    assert said["data"]["transition"] == "failed"
    assert said["id"] == event().key


def test_a_cloudevent_that_leaves_is_one_that_comes_in() -> None:
    from devstream_collectors.contract import Delivery, SourceInfo
    from devstream_collectors.sources import cloudevents

    kind, body = body_of("cloudevents", event(), Transition.NONE)
    read = cloudevents.normalise(Delivery({"content-type": kind}, body, AT), SourceInfo("ce"))
    # It is understood as one, and makes no line: two teams that post to each other do not echo.
    assert read.dropped == "event-not-mapped"


def test_a_chat_is_not_called_by_a_title() -> None:
    _, body = body_of(
        "chat", event("<!channel> @here & co", url="https://x.example.org"), Transition.NONE
    )
    text = json.loads(body)["text"]
    assert "<" not in text
    assert "@here" not in text
    assert text.endswith("\nhttps://x.example.org")


def test_the_signature_is_that_of_standard_webhooks() -> None:
    headers = signed(KEY, "id", 7, b"{}")
    digest = hmac.new(b"k" * 32, b"id.7.{}", hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert "webhook-signature" not in signed("", "id", 7, b"{}")


def test_a_deploy_request_and_history_never_leave() -> None:
    assert leaves(event())
    assert not leaves(event(quiet=True))
    asked = {"kind": Kind.DEPLOY, "subject": "deploy/shop/production", "environment": "production"}
    assert not leaves(event(state="requested", **asked))
    assert leaves(event(state="success", **asked))


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(service: Service, status: int) -> None:
    service.answers = [status]
    with pytest.raises(PostError, match="points elsewhere") as told:
        post(service.address, {}, b"{}")
    assert len(service.came) == 1
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    "address",
    ["", "ftp://x/y", "https://", "https://a@b/c", "https://x/\ny", "file:///etc/passwd", "x" * 10],
)
def test_an_address_that_is_none_is_refused(home: Home, vault: Vault, address: str) -> None:
    with pytest.raises(OutletError, match="address"):
        config.add(home, vault, Outlet("it"), address)
    assert config.outlets(home).load() == []


def test_an_outlet_is_added_once_and_its_address_is_nowhere_in_plain(
    home: Home, vault: Vault
) -> None:
    address = "https://chat.example.org/hooks/s3cret-path"
    target = config.add(home, vault, Outlet("it", search="kind:deploy"), address)
    assert len(config.key_of(target.key)) == 32
    with pytest.raises(OutletError, match="already"):
        config.add(home, vault, Outlet("it"), address)
    with pytest.raises(OutletError, match="search"):
        config.add(home, vault, Outlet("other", search="kind:nothing"), address)
    for file in [path for path in home.root.rglob("*") if path.is_file()]:
        assert b"s3cret-path" not in file.read_bytes(), file
    assert config.target_of(home, vault, "it") == target
    config.outlets(home).remove(vault, "it")
    assert config.outlets(home).load() == []
    with pytest.raises(OutletError, match="no outlet"):
        config.outlets(home).remove(vault, "it")


def test_a_key_that_is_too_short_is_refused(home: Home, vault: Vault) -> None:
    with pytest.raises(OutletError, match="24 bytes"):
        config.add(home, vault, Outlet("it"), "https://x.example.org/y", "whsec_c2hvcnQ=")


@pytest.mark.parametrize(
    "damaged", [b"{", b"7", b'{"name": "\xff"', b'[{"name": "\xff"', b"[" * 9000]
)
def test_a_damaged_file_says_what_to_do(home: Home, vault: Vault, damaged: bytes) -> None:
    config.add(home, vault, Outlet("it"), "https://x.example.org/y")
    (outlet,) = config.outlets(home).load()
    write_state(home, outlet, State(arrival=7, made=outlet.made, posted=3))
    assert read_state(home, outlet).posted == 3
    home.outlet_state("it").write_bytes(damaged)
    assert read_state(home, outlet) == State(made=outlet.made)
    vault.seal("outlet-it", damaged)
    with pytest.raises(OutletError, match="remove and add it again"):
        config.target_of(home, vault, "it")
    home.outlets.write_bytes(damaged)
    with pytest.raises(OutletError, match="is damaged"):
        config.outlets(home).load()


def test_an_outlet_of_the_name_of_an_earlier_one_begins_anew(home: Home, vault: Vault) -> None:
    for _ in range(2):
        config.add(home, vault, Outlet("it"), "https://x.example.org/y")
        (outlet,) = config.outlets(home).load()
        assert read_state(home, outlet).posted == 0
        write_state(home, outlet, State(arrival=7, made=outlet.made, posted=3))
        config.outlets(home).remove(vault, "it")


async def test_an_outlet_that_cannot_begin_is_said_and_logged_once(
    home: Home, vault: Vault, told, caplog, monkeypatch, eventually
) -> None:
    monkeypatch.setattr(sealed_list, "LOOK_SECONDS", 0.01)
    config.add(home, vault, Outlet("it"), "https://x.example.org/y")
    vault.seal("outlet-it", b"[]")
    tries: list[str] = []
    target_of = config.target_of
    monkeypatch.setattr(config, "target_of", lambda *of: (tries.append(of[2]), target_of(*of))[1])
    running = sender.Sender(home, vault, lambda: AT)
    task = asyncio.create_task(running.run())
    # Tried again and again, and the log has it once.
    await eventually(lambda: len(tries) > 5)
    assert "remove and add it again" in running.troubles["it"]
    assert len(caplog.records) == 1
    # Added anew it is well.
    config.outlets(home).remove(vault, "it")
    config.add(home, vault, Outlet("it"), "https://x.example.org/y")
    await eventually(lambda: not running.troubles)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
