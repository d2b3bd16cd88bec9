"""Refusal of a delivery: its HTTP status, its sentence, and how it is answered."""

from __future__ import annotations

import asyncio
import contextlib

from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

MAX_DROPPED = 64 * 1024 * 1024
"""Bytes of a refused body that are read and dropped."""
RETRY_SECONDS = "60"


class Refused(Exception):  # noqa: N818 - it is an answer
    """A request is refused with an HTTP status and a sentence."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.headers: dict[str, str] = {}
        if status in (429, 503):
            self.headers = {"retry-after": RETRY_SECONDS}
        elif status == 405:
            self.headers = {"allow": "POST"}


def answer_of(refused: Refused) -> PlainTextResponse:
    """Make the answer after a whole body; the connection goes on."""
    return PlainTextResponse(f"{refused}\n", refused.status, refused.headers)


class Refusal(PlainTextResponse):
    """An answer that is sent before the whole body came.

    The rest is read and dropped, because a sender cut off while it writes never reads the answer.
    The connection ends then: who has the answer may send its next delivery at once, and that one
    would be taken for the rest.
    """

    def __init__(self, refused: Refused, seconds: float) -> None:
        headers = {**refused.headers, "connection": "close"}
        super().__init__(f"{refused}\n", refused.status, headers)
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI gives it
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        await self._drop_rest(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _drop_rest(self, receive: Receive) -> None:
        left = MAX_DROPPED
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._seconds):
                while left > 0:
                    size, more = await _passed_over(receive)
                    left -= size
                    if not more:
                        return


async def _passed_over(receive: Receive) -> tuple[int, bool]:
    """Read a chunk and drop it; return its size and whether more follows."""
    # In a function of its own, so that no chunk is held while the next is waited for.
    message = await receive()
    return len(message.get("body", b"")), message.get("more_body", False)
