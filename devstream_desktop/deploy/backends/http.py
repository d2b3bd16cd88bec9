"""One request to the API of a back end: bounded in time and size, no redirect followed.

The difference that counts is between a request that surely did not arrive, and one whose answer was
lost: after the second nobody knows whether the run was started.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse, InvalidURL
from typing import TypeVar
from urllib.parse import urlencode

import msgspec

from devstream_desktop import __version__
from devstream_desktop.deploy.backends.contract import BackendError
from devstream_desktop.deploy.masking import masked, without
from devstream_desktop.stream.bounds import check_json
from devstream_desktop.stream.text import clean

TIMEOUT_S = 20.0
MAX_ANSWER = 4 * 1024 * 1024
_WORTH_READING = 200
_T = TypeVar("_T")


class UnreachableError(BackendError):
    """The request did not arrive: nothing happened there."""


class LostAnswerError(BackendError):
    """The request may have arrived, and its answer did not."""


class _Said(msgspec.Struct, frozen=True):
    """The places where services say what is wrong."""

    message: object = ""
    error: object = ""
    errors: object = ""


@dataclass(frozen=True)
class Answer:
    """Status, headers (lower case) and body of an answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Tell whether the status is 2xx."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def is_lost(self) -> bool:
        """Tell whether it leaves open what became of the request."""
        return self.status >= HTTPStatus.INTERNAL_SERVER_ERROR

    def taken(self) -> Answer:
        """Return itself where it is a success.

        Raises:
            LostAnswerError: it is none, with its reason.

        """
        if not self.is_success:
            raise LostAnswerError(self.said())
        return self

    def read(self, kind: type[_T]) -> _T:
        """Decode the body.

        Raises:
            LostAnswerError: it is something else.

        """
        try:
            check_json(self.body)
            return msgspec.json.decode(self.body, type=kind, strict=False)
        except (ValueError, RecursionError) as error:
            raise LostAnswerError(f"its answer cannot be read: {clean(str(error), 120)}") from None

    def said(self) -> str:
        """Return the reason in an answer that refuses, as a sentence."""
        try:
            found = self.read(_Said)
            words = [found.message, found.errors or found.error]
            text = "; ".join(_text(word) for word in words if word)
        except BackendError:
            text = self.body[:2000].decode("utf-8", "replace")
        said = clean(masked(text), _WORTH_READING)
        return f"it answered {self.status}: {said}" if said else f"it answered {self.status}"


def _text(word: object) -> str:
    return word if isinstance(word, str) else msgspec.json.encode(word).decode()


class Api:
    """The API of one back end, spoken to with its credentials.

    Args:
        base: The address before each path.
        headers: Sent each time.
        secrets: Values that no answer is read with: a service may repeat what it was sent.

    """

    def __init__(self, base: str, headers: Mapping[str, str], secrets: Iterable[str]) -> None:
        self._base = base.rstrip("/")
        self._headers = dict(headers)
        self._secrets = tuple(secrets)

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask for something.

        Raises:
            UnreachableError, LostAnswerError: there is no answer.

        """
        return await self._ask("GET", path, None, headers or {})

    async def post(
        self, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send JSON, or bytes as they are.

        Raises:
            UnreachableError, LostAnswerError: there is no answer.

        """
        content = body if isinstance(body, bytes) else msgspec.json.encode(body or {})
        kind = {"content-type": "application/json"}
        return await self._ask("POST", path, content, kind | dict(headers or {}))

    async def post_form(self, path: str, fields: Mapping[str, str]) -> Answer:
        """Send a form.

        Raises:
            UnreachableError, LostAnswerError: there is no answer.

        """
        kind = {"content-type": "application/x-www-form-urlencoded"}
        return await self._ask("POST", path, urlencode(fields).encode(), kind)

    async def delete(self, path: str) -> Answer:
        """Remove something.

        Raises:
            UnreachableError, LostAnswerError: there is no answer.

        """
        return await self._ask("DELETE", path, None, {})

    async def _ask(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        all_headers = {"accept": "application/json", **self._headers, **headers}
        url = self._base + path
        answer = await asyncio.to_thread(_exchange, method, url, all_headers, body)
        # Before anything of it is cut: half a secret is not known for one.
        return replace(answer, body=without(answer.body, self._secrets))


class _AsItIs(urllib.request.HTTPErrorProcessor):
    """Takes every status for an answer, and follows no redirect.

    The credentials would go where nobody chose. Nor is its address read: one that is none would
    hide that the request arrived.
    """

    def _answer(self, request: urllib.request.Request, response: HTTPResponse) -> HTTPResponse:
        del request
        return response

    http_response = https_response = _answer


def _exchange(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
    # The address is the operator's: http and https only.
    request = urllib.request.Request(url, data=body, method=method)  # noqa: S310
    # http.client would quote the credential in its error.
    if not all(value.isascii() and value.isprintable() for value in headers.values()):
        raise UnreachableError(
            "it cannot be asked: the credential holds a line break or another character that no "
            "header takes; set it again"
        )
    for name, value in {**headers, "user-agent": f"devstream/{__version__}"}.items():
        request.add_header(name, value)
    try:
        with urllib.request.build_opener(_AsItIs()).open(request, timeout=TIMEOUT_S) as answer:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Answer(answer.status, headers, _body(answer))
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        said = clean(masked(str(reason)), _WORTH_READING)
        # Before a byte of the request was sent; a ValueError is about its address.
        early = (ConnectionRefusedError, socket.gaierror, ssl.SSLCertVerificationError)
        if isinstance(reason, early) or isinstance(error, ValueError | InvalidURL):
            raise UnreachableError(f"it cannot be reached: {said}") from None
        raise LostAnswerError(f"its answer was lost: {said or type(reason).__name__}") from None


def _body(answer: HTTPResponse) -> bytes:
    """Read a body, up to a size and a time: a server must not hold a thread by single bytes."""
    until = time.monotonic() + TIMEOUT_S
    parts: list[bytes] = []
    left = MAX_ANSWER
    while left > 0 and (part := answer.read1(left)):
        parts.append(part)
        left -= len(part)
        if time.monotonic() > until:
            raise TimeoutError("it comes too slowly")
    return b"".join(parts)
