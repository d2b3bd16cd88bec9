"""Webhook: a service of one's own that is told to deploy, and asked how it goes.

The request is signed as Standard Webhooks say
(https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md) and
carries the run's id as `Idempotency-Key`. A service that answers 202 runs on: the answer or the
target names a `status_url`, whose JSON has a `state` of GitHub's deployments.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from urllib.parse import quote, urlsplit

import msgspec

from devstream_desktop.deploy.backends.contract import (
    BackendError,
    Found,
    Order,
    RunOutcome,
    Unsure,
    table,
)
from devstream_desktop.deploy.backends.following import Following, Look, started
from devstream_desktop.deploy.backends.http import Answer, Api, LostAnswerError
from devstream_desktop.deploy.backends.settings import Webhook as Settings
from devstream_desktop.deploy.targets import Target
from devstream_desktop.stream.text import clean

_DONE = "done"
"""The handle of a run whose end was the answer."""
_MAX_URL = 500
_ENDED = ("success", "failure", "error", "cancelled")


class _State(msgspec.Struct, frozen=True):
    """The JSON that a service answers with."""

    state: str = ""
    description: str | None = ""
    status_url: str | None = ""
    url: str | None = ""


class Webhook(Following):
    """The back end `webhook`."""

    name = "the service"

    async def check(self, target: Target, secrets: Mapping[str, str]) -> Sequence[str]:
        """Return what is wrong with the key; the service itself is not troubled."""
        try:
            _key(secrets.get(table(target, Settings).secret, ""))
        except BackendError as error:
            return [str(error)]
        return []

    async def send(self, order: Order) -> Found:
        """Tell the service."""
        return self._taken(order, await self._tell(order))

    async def search(self, order: Order) -> Found | None:
        """Ask the status address, or tell an idempotent service again."""
        settings = table(order.target, Settings)
        if settings.status_url:
            return await self._asked(order, _filled(settings.status_url, order))
        if settings.idempotent:
            return await self.send(order)
        return Unsure(
            "the answer of the service was lost, and it has no status_url to ask; look there "
            "before you ask again"
        )

    async def look(self, order: Order, handle: str) -> Look:
        """Ask the status address."""
        if handle == _DONE:
            return Look(outcome=RunOutcome("success"))
        answer = await self._api(order, handle).get("")
        if answer.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            return Look(outcome=RunOutcome("unknown", reason="the service knows it no more"))
        return _look(answer.taken().read(_State))

    async def cancel(self, order: Order, handle: str) -> None:
        """Delete the run at its status address."""
        if handle == _DONE:
            raise BackendError("it has ended")
        answer = await self._api(order, handle).delete("")
        if not answer.is_success:
            raise BackendError(f"the service does not end it: {answer.said()}")

    async def _tell(self, order: Order) -> Answer:
        request, settings = order.request, table(order.target, Settings)
        body = msgspec.json.encode(
            {
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


def _look(state: _State) -> Look:
    said = clean(state.description or "", 160)
    if state.state not in _ENDED:
        return Look(f"{clean(state.state, 40)} {said}".strip())
    match state.state:
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
    settings, seconds = table(order.target, Settings), int(time.time())
    headers = {"webhook-id": identity, "webhook-timestamp": str(seconds)}
    if settings.secret:
        key = _key(order.secrets.get(settings.secret, ""))
        text = f"{identity}.{seconds}.".encode() + body
        digest = hmac.new(key, text, hashlib.sha256).digest()
        headers["webhook-signature"] = "v1," + base64.b64encode(digest).decode()
    return headers


def _key(secret: str) -> bytes:
    """Return the key of a secret: base64 after `whsec_`, else its own bytes."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise BackendError("the webhook's secret is no key: base64 follows whsec_") from None
