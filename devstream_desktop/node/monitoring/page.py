"""`GET /health`, `/health/live`, `/health/ready` and `/metrics`.

    200  alive; ready; the metrics
    403  asked under a name that is not this machine's, where only this machine may ask
    503  not ready: the words say why

Needs the extra `collector`; nothing imports this module before the page is asked for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from devstream_desktop import address
from devstream_desktop.intake.webhook.server import HttpServer
from devstream_desktop.node.monitoring.metrics import CONTENT_TYPE

FRESH_S = 2.0
"""Seconds before the metrics are collected again."""
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


class Page:
    """The page of one node.

    Args:
        host: Address that it listens at.
        port: Its port, 0 for any.
        render: Collects the metrics.
        unready: Reasons why the node does not do its work, a word each; none when it does.

    Raises:
        ListenError: the address is taken or not ours.

    """

    def __init__(
        self,
        host: str,
        port: int,
        render: Callable[[], Awaitable[bytes]],
        unready: Callable[[], list[str]],
    ) -> None:
        self._render = render
        self._unready = unready
        self._here_alone = address.is_loopback(host)
        self._one = asyncio.Lock()
        self._rendered = b""
        self._until = 0.0
        pages = {
            "/health": self._ready,
            "/health/live": self._live,
            "/health/ready": self._ready,
            "/metrics": self._metrics,
        }
        app = Starlette(routes=[Route(path, page, methods=["GET"]) for path, page in pages.items()])
        app.router.redirect_slashes = False
        self._server = HttpServer(app, host, port)

    @property
    def url(self) -> str:
        """The base URL of the page."""
        return f"http://{address.join(*self._server.address)}"

    async def start(self) -> None:
        """Begin to answer."""
        await self._server.start()

    async def stop(self) -> None:
        """End; questions that are being answered are finished."""
        await self._server.stop()

    async def _live(self, request: Request) -> Response:
        return self._refusal(request) or JSONResponse({"status": "live"}, headers=_HEADERS)

    async def _ready(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        why = self._unready()
        if why:
            return JSONResponse({"status": "not ready", "why": why}, 503, headers=_HEADERS)
        return JSONResponse({"status": "ready"}, headers=_HEADERS)

    async def _metrics(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        async with self._one:
            # A crowd of askers costs one look at the disk.
            if time.monotonic() >= self._until:
                self._rendered = await self._render()
                self._until = time.monotonic() + FRESH_S
            return Response(self._rendered, headers=_HEADERS, media_type=CONTENT_TYPE)

    def _refusal(self, request: Request) -> Response | None:
        """Refuse a browser with a web page's own name (DNS rebinding)."""
        if not self._here_alone:
            return None
        if address.is_loopback(request.url.hostname or ""):
            return None
        return PlainTextResponse("ask by 127.0.0.1, [::1] or localhost\n", 403, _HEADERS)
