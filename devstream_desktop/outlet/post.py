"""One request over HTTP, bounded in time and size. No redirect is followed."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPException

from devstream_desktop import __version__
from devstream_desktop.errors import DevstreamError
from devstream_desktop.stream.text import clean

TIMEOUT_SECONDS = 20.0
MAX_WAIT = 3600.0
"""Longest wait in seconds that a service can ask for."""
_READ = 2000
_MOST = 5_000_000
_WORTH_READING = 120
_UNKNOWN = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.GONE,
    }
)


class PostError(DevstreamError):
    """A request that was not taken; the message says why, and never the address.

    `status` is the answer's, 0 without one; `wait` the seconds it asks us to stay away.
    """

    def __init__(self, message: str, status: int = 0, wait: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.wait = wait


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the body would go where nobody chose."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


def post(address: str, headers: Mapping[str, str], body: bytes) -> None:
    """Post a body. Blocks.

    Raises:
        PostError: it was not taken.

    """
    # The address was checked when it was added: http and https only.
    request = urllib.request.Request(address, data=body, method="POST")  # noqa: S310
    _ask(urllib.request.build_opener(_Stay()), request, headers, _READ)


def get(address: str, headers: Mapping[str, str]) -> bytes:
    """Read a document of this machine, past every proxy. Blocks.

    Raises:
        PostError: it was not given.

    """
    request = urllib.request.Request(address)  # noqa: S310 - it is our own port
    opener = urllib.request.build_opener(_Stay(), urllib.request.ProxyHandler({}))
    return _ask(opener, request, headers, _MOST)


def _ask(
    opener: urllib.request.OpenerDirector,
    request: urllib.request.Request,
    headers: Mapping[str, str],
    most: int,
) -> bytes:
    for name, value in {**headers, "user-agent": f"devstream/{__version__}"}.items():
        request.add_header(name, value)
    try:
        with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
            body: bytes = answer.read(most)
    except urllib.error.HTTPError as error:
        with error:
            said = clean(error.read(_READ).decode("utf-8", "replace"), _WORTH_READING)
        raise PostError(_meaning(error.code, said), error.code, _wait(error)) from None
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise PostError(f"it cannot be reached: {clean(str(reason), _WORTH_READING)}") from None
    return body


def _meaning(status: int, said: str) -> str:
    if status in _UNKNOWN:
        what = "it does not know this address (any more); make a new one there and add it again"
    elif 300 <= status < 400:
        what = "it points elsewhere; add the address that it points to"
    else:
        what = said or "no reason given"
    return f"it answered {status}: {what}"


def _wait(error: urllib.error.HTTPError) -> float:
    value = error.headers.get("retry-after", "")
    seconds = value.isascii() and value.isdigit() and len(value) <= 8
    return min(MAX_WAIT, float(value)) if seconds else 0.0
