"""Feeds over HTTP: `GET /out/NAME/TOKEN`, or `/out/NAME` with the token as a password (Basic).

    200  the feed, with an ETag and the time of its last change
    304  it is the one that the reader has
    401  without a token in the path: no password, or a wrong one; the same for each name
    404  a wrong token in the path; the same for each name
    429  read too often
    503  the history cannot be read now

Needs the extra `collector`; nothing imports this module before a receiver is asked for.
"""

from __future__ import annotations

import base64
import binascii
from email.utils import formatdate, parsedate_to_datetime
from typing import Protocol

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from devstream_desktop.errors import DevstreamError
from devstream_desktop.outlet.atom import CONTENT_TYPE
from devstream_desktop.outlet.feeds import Document, Feed, Feeds

_MAX_AGE = 60
"""Seconds for which a reader need not ask again."""
_HEADERS = {
    "cache-control": f"private, max-age={_MAX_AGE}",
    # An address may hold the token, which a link in the feed would otherwise tell.
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'",
    "vary": "authorization",
}
_ASK = {"www-authenticate": 'Basic realm="devstream", charset="UTF-8"'}


class Connection(Protocol):
    """Connection of a request (the receiver's)."""

    def asks_for(self, path: str) -> None:
        """Count it with those that ask for the same."""

    def proven(self) -> None:
        """Note that it proved who it is."""


class FeedPage:
    """Answers for the feeds of a node."""

    def __init__(self, feeds: Feeds) -> None:
        self._feeds = feeds

    def routes(self) -> list[BaseRoute]:
        """Return the paths that are answered, by GET and HEAD."""
        return [
            Route("/out/{name}/{token}", self._by_path, methods=["GET"]),
            Route("/out/{name}", self._by_password, methods=["GET"]),
        ]

    async def _by_path(self, request: Request) -> Response:
        feed = await self._proven(request, request.path_params["token"])
        if feed is None:
            return PlainTextResponse("not found\n", 404)
        return await self._answer(request, feed)

    async def _by_password(self, request: Request) -> Response:
        feed = await self._proven(request, password(request))
        if feed is None:
            return PlainTextResponse("the token of the feed is the password\n", 401, _ASK)
        return await self._answer(request, feed)

    async def _proven(self, request: Request, token: str) -> Feed | None:
        name = request.path_params["name"]
        connection: Connection = request.state.connection
        # Names that are no feed are counted together: there are as many as somebody likes.
        connection.asks_for(f"/out/{name if self._feeds.get(name) else ''}")
        feed = await self._feeds.named(name, token)
        if feed is not None:
            connection.proven()
        return feed

    async def _answer(self, request: Request, feed: Feed) -> Response:
        if not self._feeds.allows(feed):
            return PlainTextResponse("too often\n", 429, {"retry-after": str(_MAX_AGE)})
        try:
            document = await self._feeds.read(feed)
        except DevstreamError:
            text = "the history cannot be read now, try again later\n"
            return PlainTextResponse(text, 503, {"retry-after": str(_MAX_AGE)})
        headers = _HEADERS | {
            "date": formatdate(usegmt=True),
            "etag": document.etag,
            "last-modified": formatdate(document.changed, usegmt=True),
        }
        if has_it(request, document):
            return Response(status_code=304, headers=headers)
        return Response(document.body, headers=headers, media_type=CONTENT_TYPE)


def has_it(request: Request, document: Document) -> bool:
    """Tell whether the reader has this very document (RFC 9110, 13.1)."""
    tags = request.headers.getlist("if-none-match")
    # Where there is a tag, the time says nothing.
    if tags:
        listed = [tag.strip().removeprefix("W/") for tag in ",".join(tags).split(",")]
        return "*" in listed or document.etag in listed
    try:
        since = parsedate_to_datetime(request.headers.get("if-modified-since", ""))
        return document.changed <= since.timestamp()
    except (ValueError, OverflowError):
        return False


def password(request: Request) -> str:
    """Return the password of Basic (RFC 7617); empty for none. Any user may name it."""
    given = request.headers.getlist("authorization")
    scheme, _, value = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""
