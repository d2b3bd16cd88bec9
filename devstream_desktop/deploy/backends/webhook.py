"""Webhook: a service of one's own that is told to deploy, and asked how it goes.

The request is signed as Standard Webhooks say
(https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md) and
carries the run's id as `Idempotency-Key`. A service that answers 202 runs on: the answer or the
target names a `status_url`, whose JSON has a `state` of GitHub's deployments. Where the target
names a `callback`, the service may send the same JSON by itself, signed in the same way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import quote, urlsplit

import msgspec

from devstream_desktop.clock import within
from devstream_desktop.deploy.backends.contract import (
    BackendError,
    Found,
    Hear,
    Order,
    RunOutcome,
    Unsure,
    table,
)
from devstream_desktop.deploy.backends.following import (
    LOOK_EVERY_S,
    LOOK_FIRST_S,
    Following,
    Look,
    started,
)
from devstream_desktop.deploy.backends.http import Answer, Api, LostAnswerError
from devstream_desktop.deploy.backends.settings import Webhook as Settings
from devstream_desktop.deploy.backends.standard_webhooks import key_of, proves, signed
from devstream_desktop.deploy.errors import CallbackError
from devstream_desktop.deploy.masking import without
from devstream_desktop.deploy.targets import Target
from devstream_desktop.stream.bounds import check_json
from devstream_desktop.stream.text import clean

_DONE = "done"
"""The handle of a run whose end was the answer."""
_CALLBACK = "callback"
"""The handle of a run whose service names no address to ask."""
_MAX_URL = 500
_ENDED = ("success", "failure", "error", "cancelled")


class _State(msgspec.Struct, frozen=True):
    """The JSON that a service answers with."""

    state: str = ""
    description: str | None = ""
    status_url: str | None = ""
    url: str | None = ""


class _Word(msgspec.Struct, frozen=True):
    """The JSON of a callback."""

    request: str
    """The signature says nothing of the address it was sent to."""
    state: str
    description: str | None = ""


@dataclass
class _Called:
    """The callbacks of one run: the last one that nobody looked at, and that there is one."""

    look: Look | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)


class Webhook(Following):
    """The back end `webhook`."""

    name = "the service"

    def __init__(self, first_s: float = LOOK_FIRST_S, every_s: float = LOOK_EVERY_S) -> None:
        super().__init__(first_s, every_s)
        self._called: dict[str, _Called] = {}
        """By request."""

    async def check(self, target: Target, secrets: Mapping[str, str]) -> Sequence[str]:
        """Return what is wrong with the key; the service itself is not troubled."""
        try:
            key_of(secrets.get(table(target, Settings).secret, ""))
        except BackendError as error:
            return [str(error)]
        return []

    async def send(self, order: Order) -> Found:
        """Tell the service."""
        return self._taken(order, await self._tell(order))

    async def search(self, order: Order) -> Found | None:
        """Ask the service, tell it again, or wait for its word."""
        settings = table(order.target, Settings)
        # It began: its service says how it goes.
        if (called := self._called.get(order.request.id)) and called.look is not None:
            return started(_CALLBACK)
        if settings.status_url:
            return await self._asked(order, _filled(settings.status_url, order))
        if settings.idempotent:
            return await self.send(order)
        if settings.callback:
            return Unsure(
                "the answer of the service was lost, and it did not call back; look there before "
                "you ask again",
                patience_s=order.target.timeout_s,
            )
        return Unsure(
            "the answer of the service was lost, and it has no status_url to ask; look there "
            "before you ask again"
        )

    async def look(self, order: Order, handle: str) -> Look:
        """Take what the service told by itself, or ask the status address."""
        if handle == _DONE:
            return Look(outcome=RunOutcome("success"))
        if (told := self._heard(order)) is not None:
            return told
        if handle == _CALLBACK:
            return Look(is_answer=False)
        answer = await self._api(order, handle).get("")
        if answer.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            return Look(outcome=RunOutcome("unknown", reason="the service knows it no more"))
        found = answer.taken().read(_State)
        return _look(found.state, found.description)

    async def watch(self, order: Order, handle: str, hear: Hear) -> RunOutcome:
        """Look until the run has ended; a callback is looked at as it comes."""
        try:
            return await super().watch(order, handle, hear)
        finally:
            self._called.pop(order.request.id, None)

    async def pause(self, order: Order, seconds: float) -> None:
        """Wait until the next look, or for a callback."""
        await within(self._of(order).news, seconds)

    def receive(self, order: Order, headers: Mapping[str, str], body: bytes) -> bool:
        """Take a callback; returns whether it ends the run.

        Raises:
            CallbackError: it is not proven, not readable, or not waited for.

        """
        if not table(order.target, Settings).callback:
            raise CallbackError(CallbackError.UNKNOWN, "no callback is waited for")
        try:
            proven = proves(_secret(order), headers, body, int(time.time()))
        # The secret was set to something else since the run began.
        except BackendError:
            proven = False
        if not proven:
            raise CallbackError(CallbackError.UNPROVEN, "wrong or missing signature")
        try:
            check_json(body)
            word = msgspec.json.decode(without(body, order.secrets.values()), type=_Word)
        except (ValueError, RecursionError):
            what = "a callback is JSON with request and state"
            raise CallbackError(CallbackError.UNREADABLE, what) from None
        # The word on another run, sent once more.
        if word.request != order.request.id:
            raise CallbackError(CallbackError.UNPROVEN, "it is about another run")
        called = self._of(order)
        # An end stays one, whatever comes late.
        if called.look is None or called.look.outcome is None:
            called.look = _look(word.state, word.description)
        called.news.set()
        return called.look.outcome is not None

    async def cancel(self, order: Order, handle: str) -> None:
        """Delete the run at its status address."""
        if handle == _DONE:
            raise BackendError("it has ended")
        if handle == _CALLBACK:
            raise BackendError("the service names no address to end it; end it there")
        answer = await self._api(order, handle).delete("")
        if not answer.is_success:
            raise BackendError(f"the service does not end it: {answer.said()}")

    def _of(self, order: Order) -> _Called:
        return self._called.setdefault(order.request.id, _Called())

    def _heard(self, order: Order) -> Look | None:
        """Return the word that nobody looked at yet; an end stays."""
        called = self._of(order)
        called.news.clear()
        told = called.look
        if told is not None and told.outcome is None:
            called.look = None
        return told

    async def _tell(self, order: Order) -> Answer:
        request, settings = order.request, table(order.target, Settings)
        callback = f"{settings.callback.rstrip('/')}/deploy/{request.id}"
        body = msgspec.json.encode(
            {
                **({"callback_url": callback} if settings.callback else {}),
                "type": "devstream.deploy.requested",
                "request": request.id,
                "target": request.target,
                "environment": request.environment,
                "ref": request.ref,
                "sha": request.sha,
                "person": order.person,
                "title": request.title,
                "action": order.action,
                "parameters": dict(request.parameters),
            }
        )
        headers = _signed(order, request.id, body) | {"idempotency-key": request.id}
        return await Api(settings.url, {}, order.secrets.values()).post("", body, headers)

    def _taken(self, order: Order, answer: Answer) -> Found:
        settings = table(order.target, Settings)
        if not answer.is_success:
            return self.refused(answer)
        try:
            state = answer.read(_State) if answer.body.strip() else _State()
        # Many answer a word that is no JSON.
        except LostAnswerError:
            state = _State()
        url = _filled(settings.status_url, order) if settings.status_url else state.status_url or ""
        if url:
            trouble = _foreign(url, settings)
            return Unsure(trouble) if trouble else started(url, state.url)
        if answer.status == HTTPStatus.ACCEPTED and settings.callback:
            return started(_CALLBACK, state.url)
        if answer.status == HTTPStatus.ACCEPTED:
            return Unsure("the service took it and names no status_url, so its end is not known")
        # 200, 201 or 204 without more: the answer is the end.
        return started(_DONE)

    async def _asked(self, order: Order, url: str) -> Found | None:
        answer = await self._api(order, url).get("")
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        return started(url, answer.taken().read(_State).url)

    @staticmethod
    def _api(order: Order, url: str) -> Api:
        headers = _signed(order, f"{order.request.id}-status", b"")
        return Api(url, headers, order.secrets.values())


def _look(state: str, description: str | None) -> Look:
    said = clean(description or "", 160)
    if state not in _ENDED:
        return Look(f"{clean(state, 40)} {said}".strip())
    match state:
        case "success":
            return Look(outcome=RunOutcome("success"))
        case "failure":
            return Look(outcome=RunOutcome("failure", reason=said or "the service says failure"))
        case "cancelled":
            return Look(outcome=RunOutcome("cancelled", reason=said or "the service ended it"))
        case _:
            return Look(outcome=RunOutcome("error", reason=said or "the service says error"))


def _foreign(url: str, settings: Settings) -> str:
    """Say why a status address is not asked: a service must not send the executor anywhere."""
    try:
        host = urlsplit(url)[:2]
    except ValueError:
        return "the service took it and names a status_url that is no address"
    known = [urlsplit(one)[:2] for one in (settings.url, settings.status_url) if one]
    if len(url) > _MAX_URL or host not in known:
        return "the service took it and names a status_url of another host, which is not asked"
    return ""


def _filled(address: str, order: Order) -> str:
    return address.replace("{request}", quote(order.request.id, safe=""))


def _signed(order: Order, identity: str, body: bytes) -> dict[str, str]:
    return signed(_secret(order), identity, body, int(time.time()))


def _secret(order: Order) -> str:
    return order.secrets.get(table(order.target, Settings).secret, "")
