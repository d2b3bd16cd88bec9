"""Receiver of webhooks: `POST /in/<source>` is checked, stored and answered with 202.

A collector whose senders know but one answer declares it (`Webhook.answer`). Nothing of a body is
believed before it is known to be authentic. The other answers:

    400  not JSON, or a header that matters came twice
    401  wrong or missing proof, or no such source: both look the same, so nobody can guess names
    404  another path
    405  not POST
    408  too slow
    411  no length
    413  over 5 MiB
    429  too many deliveries of this source wait
    431  headers too large
    503  cannot be stored now; the sender should try again
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from devstream_collectors.contract import Certified, Delivery, SecretPath, Webhook
from devstream_desktop.door.crowd import share_of
from devstream_desktop.intake.health import Way
from devstream_desktop.intake.registry import is_certified
from devstream_desktop.intake.store import StoreError
from devstream_desktop.intake.webhook.bodies import BODY_SECONDS, Bodies
from devstream_desktop.intake.webhook.certificates import (
    Certificates,
    UnreachableError,
    UnsignedError,
)
from devstream_desktop.intake.webhook.decoding import BodyError, json_document
from devstream_desktop.intake.webhook.endpoint import Endpoint
from devstream_desktop.intake.webhook.normaliser import LARGE_BODY
from devstream_desktop.intake.webhook.proof import proves
from devstream_desktop.intake.webhook.refusal import Refusal, Refused, answer_of
from devstream_desktop.intake.webhook.spool import TEST_HEADER, Spool, Taken
from devstream_desktop.stream.text import clean

MAX_HEADERS = 16 * 1024
PROOFS_AT_ONCE = 2
"""Large bodies judged at once, in threads that the node shares."""
_ITS_OWN = frozenset({400, 408, 411, 413, 431})
"""Refusals for the form of a delivery. The others are counted where they are made."""
_LOG = logging.getLogger(__name__)


_UNPROVEN = "wrong or missing proof of who sends"


class Connection(Protocol):
    """Connection of a request (server.py)."""

    def asks_for(self, path: str) -> None:
        """Count it with those that ask for the same."""

    def proven(self) -> None:
        """Note that it proved its source."""


class Receiver:
    """The application that takes deliveries.

    `endpoints` is read for each request, so sources can come and go while it runs; `pages` are what
    else is answered at this port.
    """

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        spool: Spool,
        wake: Callable[[], None],
        tests: Mapping[str, object],
        now: Callable[[], int],
        body_seconds: float = BODY_SECONDS,
        certificates: Certificates | None = None,
        *,
        pages: Sequence[BaseRoute] = (),
    ) -> None:
        self._endpoints = endpoints
        self._spool = spool
        self._wake = wake
        self._tests = tests
        self._now = now
        self._bodies = Bodies(body_seconds)
        self._proofs = asyncio.Semaphore(PROOFS_AT_ONCE)
        self._certificates = certificates or Certificates()
        # Nobody can prove a name that is no source: its secret is made here and never shown.
        self._decoy = base64.b64encode(secrets.token_bytes(32))
        methods = ["POST", "OPTIONS", "HEAD"]
        # The second is for senders that can send no secret but an address: see `SecretPath`.
        paths = ("/in/{name}", "/in/{name}/{secret}")
        own = [Route(path, self._answer, methods=methods) for path in paths]
        self.app = Starlette(routes=[*own, *pages])
        self.app.router.redirect_slashes = False

    async def _answer(self, request: Request) -> Response:
        try:
            if request.method == "OPTIONS":
                return self._handshake(request)
            if request.method == "HEAD":
                # Trello asks whether anybody is there. It is the same for each name.
                return Response()
            status, text = await self._take(request)
        except Refused as refusal:
            self._count(request, refusal)
            whole = getattr(request.state, "whole", False)
            return answer_of(refusal) if whole else Refusal(refusal, self._bodies.seconds)
        except ClientDisconnect:
            return PlainTextResponse("gone\n", 400)
        return PlainTextResponse(text, status)

    def _count(self, request: Request, refusal: Refused) -> None:
        """Count a refusal for a delivery's form in its source's health."""
        endpoint = self._endpoints.get(request.path_params["name"])
        if endpoint is not None and refusal.status in _ITS_OWN:
            endpoint.health.refused(f"a delivery was refused: {refusal}", self._now())

    def _handshake(self, request: Request) -> Response:
        """Answer the handshake of CloudEvents: a sender asks whether it may post here.

        Anybody may ask, and must still prove who it is. A name that is no source is answered like
        one that is.
        """
        name = request.path_params["name"]
        like = self._endpoints.get(name) or self._stand_in(name)
        origin = request.headers.get("webhook-request-origin", "")
        if like is None or not like.webhook.handshake or not origin:
            raise Refused(405, "POST only")
        return Response(
            headers={
                "webhook-allowed-origin": clean(origin, 200),
                "webhook-allowed-rate": "*",
                "allow": "POST",
            }
        )

    async def _take(self, request: Request) -> tuple[int, str]:
        name = request.path_params["name"]
        endpoint, stand_in = self._endpoints.get(name), self._stand_in(name)
        like = endpoint or stand_in
        if sum(len(key) + len(value) for key, value in request.headers.raw) > MAX_HEADERS:
            raise Refused(431, "headers are too large")
        # Names that are no source are counted together: there are as many as somebody likes.
        source = name if endpoint is not None else ""
        connection: Connection = request.state.connection
        connection.asks_for(source)
        headers = _headers(request, like) if like is not None else {}
        host = share_of(request.client.host) if request.client is not None else ""
        async with self._bodies.take(request, (source, host)) as body:
            now = self._now()
            # There is no source at all, and the answer is still that of a wrong proof.
            if like is None:
                raise Refused(401, _UNPROVEN)
            known = endpoint.secrets if endpoint is not None else (self._decoy,) * len(like.secrets)
            check = (like.webhook, known, body, headers, request.path_params.get("secret", ""), now)
            if not await self._proves(*check) or endpoint is None:
                if endpoint is not None:
                    endpoint.health.refused(_mistake(endpoint.webhook), now)
                raise Refused(401, _UNPROVEN)
        connection.proven()
        if endpoint.webhook.body == "json":
            body = await _json(headers, body)
        if endpoint.webhook.certified is not None:
            path = request.path_params.get("secret", "")
            await self._check_certified(endpoint, endpoint.webhook.certified, headers, body, path)
        return await self._store(endpoint, headers, body, now)

    async def _check_certified(
        self,
        endpoint: Endpoint,
        certified: Certified,
        headers: Mapping[str, str],
        body: bytes,
        path: str,
    ) -> None:
        """Check the signature of a body, and confirm what it asks for.

        A secret in a header stands for a body that nobody signed, an address does not: it is shown
        in the sender's settings to whoever may see them.
        """
        if not is_certified(endpoint.collector) or self._is_test(headers):
            return
        delivery = Delivery({}, body, self._now())
        signed = endpoint.collector.signed(delivery)
        try:
            if signed is not None or path:
                await self._certificates.check(certified, signed, self._now())
            address = endpoint.collector.confirmation(delivery, endpoint.info)
            if address:
                await self._certificates.confirm(certified, address)
        except UnsignedError as error:
            endpoint.health.refused(f"a delivery was refused: {error}", self._now())
            raise Refused(401, _UNPROVEN) from None
        except UnreachableError as error:
            endpoint.health.last_error = str(error)
            raise Refused(503, "cannot be checked now, try again later") from None

    def _is_test(self, headers: Mapping[str, str]) -> bool:
        test = headers.get(TEST_HEADER, "")
        # The name of a running test is a secret: only this node knows it.
        return any(hmac.compare_digest(test.encode(), known.encode()) for known in self._tests)

    async def _proves(
        self,
        webhook: Webhook,
        known: Sequence[bytes],
        body: bytes,
        headers: Mapping[str, str],
        path: str,
        now: int,
    ) -> bool:
        # A digest over a few kilobytes is faster than a thread.
        if len(body) < LARGE_BODY:
            return proves(webhook, known, body, headers, path, now)
        async with self._proofs:
            return await asyncio.to_thread(proves, webhook, known, body, headers, path, now)

    async def _store(
        self, endpoint: Endpoint, headers: Mapping[str, str], body: bytes, now: int
    ) -> tuple[int, str]:
        name = endpoint.info.name
        # A signature or token that proved the body is not kept beside it.
        kept = {key: clean(value, 500) for key, value in headers.items() if endpoint.keeps(key)}
        if self._is_test(headers):
            kept[TEST_HEADER] = headers[TEST_HEADER]
        try:
            taken = await self._spool.put(
                name, clean(headers.get(endpoint.webhook.delivery_header, ""), 200), kept, body, now
            )
        except StoreError as error:
            endpoint.health.last_error = str(error)
            _LOG.error("a delivery of source %s was refused: %s", name, error)
            raise Refused(503, "cannot be stored now, try again later") from error
        if taken is Taken.TOO_MANY:
            endpoint.health.last_error = (
                "too many of its deliveries wait to be published; the sender was asked to slow down"
            )
            raise Refused(429, "too many of your deliveries wait, try again later")
        if taken is Taken.FULL:
            endpoint.health.last_error = (
                "too many deliveries wait to be published; the sender was asked to try again"
            )
            raise Refused(503, "too many deliveries wait, try again later")
        # The sender did not hear our answer. It is told that all is well, and nothing is stored.
        if taken is Taken.SEEN:
            return endpoint.webhook.answer
        endpoint.health.accepted += 1
        await endpoint.health.seen(now, Way.WEBHOOK)
        self._wake()
        return endpoint.webhook.answer

    def _stand_in(self, name: str) -> Endpoint | None:
        """Return the source that an unknown name is checked like.

        It is always the same one, with a secret that nobody has. So the answer takes the same time
        as for a source.
        """
        endpoints = list(self._endpoints.values())
        digest = hashlib.blake2b(
            name.encode("utf-8", "surrogatepass"), key=self._decoy, digest_size=8
        ).digest()
        return endpoints[int.from_bytes(digest, "big") % len(endpoints)] if endpoints else None


async def _json(headers: Mapping[str, str], body: bytes) -> bytes:
    try:
        if len(body) < LARGE_BODY:
            return json_document(headers, body)
        return await asyncio.to_thread(json_document, headers, body)
    except BodyError as error:
        raise Refused(400, str(error)) from None


def _headers(request: Request, endpoint: Endpoint) -> dict[str, str]:
    """Read the headers that matter, each at most once.

    Of two with one name, a proxy might believe one and we the other.
    """
    found: dict[str, str] = {}
    for name, value in request.headers.items():
        if name == TEST_HEADER or endpoint.reads(name):
            if name in found:
                raise Refused(400, f"{name} was sent twice")
            found[name] = value
    return found


def _mistake(webhook: Webhook) -> str:
    names = ", ".join(
        sorted({way.header for way in webhook.auth if not isinstance(way, SecretPath)})
    )
    where = f"a wrong or missing {names}" if names else "a wrong secret in its path"
    return f"a delivery with {where} was refused; is the secret the same on both sides?"
