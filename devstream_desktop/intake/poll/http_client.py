"""Client of a service: requests within limits, and the limits its headers set.

Time and size are bounded. A redirect stays on the host, so a token goes nowhere else.

Needs the extra `collector`; nothing imports this module before a source is polled.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

import httpx2

from devstream_collectors.contract import Request
from devstream_desktop import __version__
from devstream_desktop.errors import DevstreamError
from devstream_desktop.stream.text import clean

MAX_BODY = 8 * 1024 * 1024
MAX_REDIRECTS = 3
TOTAL_SECONDS = 60.0
MAX_WAIT = 3600.0
"""Longest wait in seconds that a service can ask for."""
_TIMEOUT = httpx2.Timeout(20.0, connect=10.0)
_LIMITS = httpx2.Limits(max_connections=2, max_keepalive_connections=1, keepalive_expiry=60.0)


class FetchError(DevstreamError):
    """A service cannot be read now; the message says why.

    `wait` is the seconds for which it asks us to stay away, 0 without such a wish.
    """

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


@dataclass(frozen=True)
class Answer:
    """Answer of a service. 304 has no body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Validators:
    """Validators of an answer: with them the service may answer that nothing changed.

    RFC 9110, 13.1.
    """

    etag: str = ""
    modified: str = ""

    @staticmethod
    def of(headers: Mapping[str, str]) -> Validators:
        """Read those of an answer."""
        return Validators(headers.get("etag", "")[:200], headers.get("last-modified", "")[:64])

    def headers(self) -> dict[str, str]:
        """Make the headers of a conditional request."""
        wanted = {"if-none-match": self.etag, "if-modified-since": self.modified}
        return {name: value for name, value in wanted.items() if value}


class Fetcher:
    """Asks one service over one connection, one request after the other."""

    def __init__(self, base: str, headers: Mapping[str, str]) -> None:
        """Take the service's address, without a slash at its end.

        Blocks: it reads the system's certificates.
        """
        self._base = base
        agent = {"user-agent": f"devstream/{__version__}", "accept-encoding": "identity"}
        # Without compression no answer can be larger than what comes over the wire.
        self._client = httpx2.AsyncClient(
            headers={**agent, **headers}, timeout=_TIMEOUT, limits=_LIMITS, follow_redirects=False
        )

    async def close(self) -> None:
        """End the connection."""
        await self._client.aclose()

    async def fetch(
        self, request: Request, proof: Mapping[str, str], validators: Validators, now: int
    ) -> Answer:
        """Send a request; return the answer.

        That is 200 to 299, 304, or what else the request allows.

        Raises:
            FetchError: anything else.

        """
        url = self._base + request.path if request.path.startswith("/") else request.path
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                for _ in range(MAX_REDIRECTS + 1):
                    # Redirects are followed by hand, because the token would follow them too.
                    if _origin(url) != _origin(self._base):
                        raise FetchError(
                            f"{self._host} points to {_host(url)}; "
                            "if that is right, give it as the source's url"
                        )
                    answer = await self._once(url, request, {**proof, **validators.headers()})
                    if answer.status not in (301, 302, 303, 307, 308) or request.method != "GET":
                        return self._judged(answer, request, now)
                    url = urljoin(url, answer.headers.get("location", ""))
        except TimeoutError:
            raise FetchError(f"{self._host} did not answer within {TOTAL_SECONDS:.0f} s") from None
        raise FetchError(f"{self._host} redirects in circles")

    @property
    def _host(self) -> str:
        return _host(self._base)

    async def _once(self, url: str, request: Request, headers: Mapping[str, str]) -> Answer:
        sent = {"accept": request.accept, **request.headers, **headers}
        if request.method == "POST":
            sent["content-type"] = "application/json"
        try:
            async with self._client.stream(
                request.method, url, headers=sent, content=request.body or None
            ) as response:
                # A few compressed bytes could become gigabytes.
                if response.headers.get("content-encoding", "identity") != "identity":
                    raise FetchError(
                        f"{self._host} compresses its answer although it was asked not to"
                    )
                body = bytearray()
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) > MAX_BODY:
                        raise FetchError(
                            f"{self._host} answers with more than {MAX_BODY // 1024 // 1024} MiB"
                        )
                return Answer(
                    response.status_code,
                    {name.lower(): value for name, value in response.headers.items()},
                    bytes(body),
                )
        except httpx2.TimeoutException:
            raise FetchError(f"{self._host} did not answer in time") from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise FetchError(
                f"{self._host} cannot be reached: {clean(str(error), 120) or type(error).__name__}"
            ) from None

    def _judged(self, answer: Answer, request: Request, now: int) -> Answer:
        status = answer.status
        if (
            200 <= status < 300
            or status == HTTPStatus.NOT_MODIFIED
            or (status in (404, 410) and (request.missing_ok or request.optional))
        ):
            return answer
        limit = rate_limit(answer.headers, now)
        wait = retry_after(answer.headers, now)
        path = clean(request.path.split("?", 1)[0], 80)
        # GitHub answers 403, not 429, to who passed its rate limit.
        if status == HTTPStatus.TOO_MANY_REQUESTS or (
            status == HTTPStatus.FORBIDDEN and (wait or (limit and limit.remaining == 0))
        ):
            until = wait or (limit.reset if limit else 0.0) or 60.0
            raise FetchError(
                f"{self._host} limits how often it may be asked; "
                f"asking again in {math.ceil(until)} s",
                until,
            )
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN) and request.optional:
            return answer
        # Each of these has its own cure, so each has its own sentence.
        if status == HTTPStatus.UNAUTHORIZED:
            raise FetchError(
                f"{self._host} refuses the token for {path}: it is wrong, or it has ended; "
                "give a new one"
            )
        if status == HTTPStatus.FORBIDDEN:
            raise FetchError(
                f"{self._host} does not let this token read {path}; "
                "see `devstream source add TYPE --help` for what it must allow"
            )
        if status == HTTPStatus.NOT_FOUND:
            raise FetchError(
                f"{self._host} has no {path}; is its name right, and may the token see it?"
            )
        raise FetchError(f"{self._host} answered {status} to {path}", wait)


@dataclass(frozen=True)
class RateLimit:
    """Requests that a service allows until `reset` seconds from now."""

    remaining: int
    reset: float


def rate_limit(headers: Mapping[str, str], now: int) -> RateLimit | None:
    """Read `X-RateLimit-*` (GitHub, Gitea) or `RateLimit-*` (GitLab); None without."""
    for prefix in ("x-ratelimit-", "ratelimit-"):
        remaining, reset = headers.get(prefix + "remaining", ""), headers.get(prefix + "reset", "")
        if _is_number(remaining) and _is_number(reset):
            at = float(reset)
            # A moment in seconds since 1970 in most, seconds from now in the later draft.
            return RateLimit(int(remaining), _bounded(at - now / 1000 if at > 1e9 else at))
    return None


def retry_after(headers: Mapping[str, str], now: int) -> float:
    """Read the seconds of `Retry-After`, a number or a date; 0 without it."""
    value = headers.get("retry-after", "")
    if _is_number(value):
        return _bounded(float(value))
    try:
        return _bounded(parsedate_to_datetime(value).timestamp() - now / 1000)
    except (ValueError, TypeError, OverflowError):
        return 0.0


def _bounded(seconds: float) -> float:
    # A service with a wrong clock must not silence a source for a day.
    return min(MAX_WAIT, max(0.0, seconds))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 12


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return "", "", None
    return parts.scheme, parts.hostname or "", port


def _host(url: str) -> str:
    return clean(_origin(url)[1], 80) or "the service"
