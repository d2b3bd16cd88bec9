"""A service that deploys tells by itself how a run goes: signed, of this run, and on disk first."""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from deploy_backends import EVERY_S, FIRST_S, SECRETS, Place, be_impatient
from deploy_services import HookService
from starlette.applications import Starlette

from devstream_desktop.deploy.backends import standard_webhooks
from devstream_desktop.deploy.backends.contract import BackendError
from devstream_desktop.deploy.backends.webhook import Webhook
from devstream_desktop.deploy.callback_page import MAX_BODY, CallbackPage
from devstream_desktop.deploy.database import RunsError
from devstream_desktop.deploy.targets import TargetsError, parse_targets
from devstream_desktop.intake.webhook.server import HttpServer
from devstream_desktop.stream.words import DEPLOY_FINAL


async def until(look: Callable[[], object]) -> None:
    """Wait for what another thread does."""
    async with asyncio.timeout(20):
        while not look():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@dataclass
class Hook:
    """The service, the executor's port, and what the service posts to it."""

    room: Any
    service: HookService
    server: HttpServer
    place: Place

    async def start(self) -> Any:
        return await self.room.start(backends=self.place.backends, secret=SECRETS.get)

    async def begun(self) -> Any:
        """A run that is under way."""
        await self.start()
        event = self.room.request()
        await self.room.ask(event)
        assert self.room.news.states(event.key) == ["in_progress"]
        return event

    async def post(
        self,
        request: str,
        word: object,
        *,
        secret: str = SECRETS["HOOK"],
        at: float = 0,
        about: str = "",
        twice: bool = False,
    ) -> int:
        body = word if isinstance(word, bytes) else json.dumps(word).encode()
        headers = standard_webhooks.signed(secret, "m1", body, int(time.time() + at))

        def send() -> int:
            connection = http.client.HTTPConnection(*self.server.address, timeout=15)
            try:
                connection.putrequest("POST", f"/deploy/{about or request}")
                connection.putheader("content-length", str(len(body)))
                for name, value in headers.items():
                    connection.putheader(name, value)
                    if twice:
                        connection.putheader(name, value)
                connection.endheaders(body)
                return connection.getresponse().status
            finally:
                connection.close()

        return await asyncio.to_thread(send)


@pytest.fixture
async def hook(room) -> AsyncIterator[Hook]:
    service = await asyncio.to_thread(HookService, states=["in_progress"])
    service.names_status = False

    async def tell(*given: Any) -> None:
        assert room.deploys is not None
        await room.deploys.tell(*given)

    server = HttpServer(Starlette(routes=CallbackPage(tell).routes()), "127.0.0.1", 0)
    await server.start()
    address = f"http://127.0.0.1:{server.address[1]}"
    table = f'url = "{service.url}/deploy"\nsecret = "HOOK"\ncallback = "{address}"'
    place = Place("webhook", service, Webhook(FIRST_S, EVERY_S), table)
    place.write(room)
    yield Hook(room, service, server, place)
    # Nobody waits for a run that no service ends.
    if room.deploys is not None:
        await room.deploys.stop(patience_s=0.02)
        room.deploys = None
    await server.stop()
    await asyncio.to_thread(service.close)


@pytest.mark.parametrize("end", ["success", "failure", "error", "cancelled"])
async def test_a_callback_ends_the_run_and_is_on_disk_before_its_answer(hook, end):
    event = await hook.begun()
    (run,) = hook.service.runs
    assert run["callback_url"].endswith(f":{hook.server.address[1]}/deploy/{event.key}")
    word = {"request": event.key, "state": end, "description": "as it went"}
    assert await hook.post(event.key, word) == 202
    assert hook.room.deploys.records.runs.of(event.key).state == end
    done = await hook.room.news.final(event.key)
    assert (done.state, done.reason) == (end, "" if end == "success" else "as it went")
    # Whoever repeats it is told that nothing waits for it.
    assert await hook.post(event.key, word) == 404
    assert hook.room.news.states(event.key) == ["in_progress", end]


async def test_what_it_says_on_the_way_is_shown_and_ends_nothing(hook):
    event = await hook.begun()
    word = {"request": event.key, "state": "in_progress", "description": "half of the hosts"}
    assert await hook.post(event.key, word) == 202
    running = hook.room.deploys.status
    await until(lambda: "half of the hosts" in running().running[0].last)
    assert hook.room.news.states(event.key) == ["in_progress"]


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"secret": "whsec_d3Jvbmc="}, 401),
        ({"secret": ""}, 401),
        ({"at": -400}, 401),
        ({"at": 400}, 401),
        ({"twice": True}, 400),
        ({"about": "f" * 64}, 404),
        ({"word": {"request": "f" * 64, "state": "success"}}, 401),
        ({"word": {"state": "success"}}, 400),
        ({"word": {"request": 1, "state": []}}, 400),
        ({"word": b"x" * (MAX_BODY + 1)}, 413),
        ({"word": b"[" * 5000}, 400),
        ({"word": b""}, 400),
    ],
)
async def test_whatever_is_not_proven_ends_nothing(hook, how, status):
    event = await hook.begun()
    word = how.pop("word", {"request": event.key, "state": "success"})
    assert await hook.post(event.key, word, **how) == status
    await asyncio.sleep(2 * EVERY_S)
    assert hook.room.news.states(event.key) == ["in_progress"]


async def test_our_own_request_sent_back_is_no_word(hook):
    event = await hook.begun()
    (asked,) = hook.service.asked
    assert asked.json()["request"] == event.key
    assert await hook.post(event.key, asked.body) == 400


async def test_a_word_on_one_run_ends_no_other(hook):
    hook.room.home.targets.write_text(
        hook.room.home.targets.read_text()
        + hook.room.home.targets.read_text().replace("production", "staging")
    )
    first = await hook.begun()
    second = hook.room.request(environment="staging")
    await hook.room.ask(second)
    word = {"request": first.key, "state": "success"}
    assert await hook.post(first.key, word, about=second.key) == 401
    assert hook.room.news.states(second.key) == ["in_progress"]


async def test_an_end_counts_before_what_comes_late_and_polling_goes_on_beside(hook):
    hook.place.table += f'\nstatus_url = "{hook.service.url}/runs/{{request}}"'
    hook.place.write(hook.room)
    event = await hook.begun()
    await until(lambda: any(asked.method == "GET" for asked in hook.service.asked))
    assert await hook.post(event.key, {"request": event.key, "state": "failure"}) == 202
    assert (await hook.room.news.final(event.key)).state == "failure"


async def test_polling_tells_the_end_where_no_callback_comes(hook):
    hook.place.table += f'\nstatus_url = "{hook.service.url}/runs/{{request}}"'
    hook.place.write(hook.room)
    hook.service.states = ["success"]
    await hook.start()
    event = hook.room.request()
    await hook.room.ask(event)
    assert (await hook.room.news.final(event.key)).state == "success"


async def test_after_a_lost_answer_the_callback_says_that_it_began(hook):
    hook.service.faults = ["lost"]
    deploys = await hook.start()
    deploys._runner._search_s = 0.02
    event = hook.room.request()
    asking = asyncio.create_task(hook.room.ask(event))
    await until(lambda: hook.service.runs)
    assert await hook.post(event.key, {"request": event.key, "state": "success"}) == 202
    await asking
    assert (await hook.room.news.final(event.key)).state == "success"
    assert len(hook.service.runs) == 1


async def test_without_a_callback_it_is_unknown_in_the_end(hook, monkeypatch):
    be_impatient(monkeypatch, hook.place, 0.1)
    hook.service.faults = ["lost"]
    hook.place.write(hook.room, "timeout_s = 0.2")
    deploys = await hook.start()
    deploys._runner._search_s = 0.02
    event = hook.room.request()
    await hook.room.ask(event)
    done = await hook.room.news.final(event.key)
    assert (done.state, "did not call back" in done.reason) == ("unknown", True)


async def test_the_next_node_waits_for_it_too(hook):
    event = await hook.begun()
    await hook.room.deploys.stop(patience_s=0.05)
    await hook.start()
    assert await hook.post(event.key, {"request": event.key, "state": "success"}) == 202
    assert (await hook.room.news.final(event.key)).state == "success"
    assert [state for state in hook.room.news.states(event.key) if state in DEPLOY_FINAL] == [
        "success"
    ]


async def test_an_end_that_cannot_be_recorded_is_not_acknowledged(hook, monkeypatch):
    event = await hook.begun()
    monkeypatch.setattr("devstream_desktop.deploy.runner.RECORD_S", 0.1)
    room = hook.room
    room.deploys._runner._retry_s = 0.2
    finished = room.deploys.records.runs.finished
    blocked = True

    def full(*given: Any) -> None:
        if blocked:
            raise RunsError("the disk is full")
        finished(*given)

    monkeypatch.setattr(room.deploys.records.runs, "finished", full)
    assert await hook.post(event.key, {"request": event.key, "state": "success"}) == 503
    assert room.news.states(event.key) == ["in_progress"]
    blocked = False
    assert (await room.news.final(event.key)).state == "success"


def test_a_callback_needs_a_secret(tmp_path):
    with pytest.raises(TargetsError, match="callback needs a secret"):
        parse_targets(
            '[target.a.b]\nbackend = "webhook"\n[target.a.b.webhook]\nurl = "http://x"\n'
            'callback = "http://y"',
            tmp_path / "targets.toml",
        )


@pytest.mark.parametrize("secret", ["whsec_", "whsec_a", "whsec_\u00e9", "whsec_\udce9"])
def test_a_secret_that_is_no_key_is_told(secret: str) -> None:
    with pytest.raises(BackendError, match="base64 follows whsec_"):
        standard_webhooks.key_of(secret)
    assert standard_webhooks.key_of("\udce9") == b"\xe9"
