"""Callbacks of services that deploy: `POST /deploy/REQUEST`, signed as Standard Webhooks say.

    202  taken; an end is on the executor's disk
    400  a header that matters came twice, or it is not what it should be
    401  wrong or missing signature
    404  no run of this number is under way that waits for one
    408  too slow
    413  too large
    503  it cannot be recorded now; the sender should try again

Needs the extra `collector`; nothing imports this module before a receiver is asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from devstream_desktop.deploy.errors import CallbackError
from devstream_desktop.webhook_signature import ID, SIGNATURE, TIMESTAMP

MAX_BODY = 64 * 1024
BODY_SECONDS = 5.0

Tell = Callable[[str, Mapping[str, str], bytes], Awaitable[None]]
"""Gives a run the word of its service: request, headers, body. Raises `CallbackError`."""


class Connection(Protocol):
    """Connection of a request (the receiver's)."""

    def asks_for(self, path: str) -> None:
        """Count it with those that ask for the same."""

    def proven(self) -> None:
        """Note that it proved who it is."""


class CallbackPage:
    """Answers the services that an executor deploys by."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell

    def routes(self) -> list[BaseRoute]:
        """Return the path that is answered."""
        return [Route("/deploy/{request}", self._answer, methods=["POST"])]

    async def _answer(self, request: Request) -> Response:
        connection: Connection = request.state.connection
        # All together: there are as many numbers as somebody likes.
        connection.asks_for("/deploy/")
        try:
            headers = _headers(request)
            body = await _body(request)
            await self._tell(request.path_params["request"], headers, body)
        except CallbackError as error:
            ended = {"connection": "close"} if error.status in (400, 408, 413) else {}
            later = {"retry-after": "10"} if error.status == CallbackError.LATER else {}
            return PlainTextResponse(f"{error}\n", error.status, ended | later)
        except ClientDisconnect:
            return PlainTextResponse("gone\n", 400)
        connection.proven()
        return PlainTextResponse("taken\n", 202)


def _headers(request: Request) -> dict[str, str]:
    """Read the headers that matter.

    Of two with one name, a proxy might believe one and we the other.
    """
    found: dict[str, str] = {}
    for name in (ID, TIMESTAMP, SIGNATURE):
        values = request.headers.getlist(name)
        if len(values) > 1:
            raise CallbackError(400, f"{name} was sent twice")
        found[name] = values[0] if values else ""
    return found


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    raise CallbackError(413, f"more than {MAX_BODY} bytes")
    except TimeoutError:
        raise CallbackError(408, "too slow") from None
    return bytes(body)
