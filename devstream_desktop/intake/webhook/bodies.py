"""Bodies of requests that have not proven anything: how much of them is held, and for how long.

As many bytes take room as came, and not as were announced, until the proof is judged. Where there is none left, the
oldest body of the largest share gives way; a share is a source and the host that posts to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

from starlette.requests import Request

from devstream_desktop.door.crowd import Crowd

MAX_BODY = 5 * 1024 * 1024
ROOM = 20 * 1024 * 1024
"""Bytes in all: four of the largest."""
BODY_SECONDS = 10.0
FIRST_SECONDS, LEAST_RATE = 3.0, 32 * 1024
"""A body has so long, and a second more for each of these bytes that came: who says little is not waited for."""
RETRY_SECONDS = "60"


class Refused(Exception):  # noqa: N818 - it is an answer
    """A request is answered with an HTTP status and a sentence, and nothing is done."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.headers: dict[str, str] = {}
        if status in (429, 503):
            self.headers = {"retry-after": RETRY_SECONDS}
        elif status == 405:
            self.headers = {"allow": "POST"}


class Bodies:
    """All that are held. Lives in one loop."""

    def __init__(self, seconds: float = BODY_SECONDS) -> None:
        """`seconds`: how long a body may take in all, whatever its rate."""
        self.seconds = seconds
        self._crowd = Crowd(ROOM)

    @asynccontextmanager
    async def take(self, request: Request, share: Hashable) -> AsyncIterator[bytes]:
        """Read the body of a request; it takes room for as long as the block lasts, and may have to give way in it.

        Raises:
            Refused: it is too large, too slow, has no length, or others need the room.
            ClientDisconnect: the sender hung up.

        """
        size = _size(request)
        loop, crowded = asyncio.get_running_loop(), False
        began = loop.time()

        def give_way() -> None:
            nonlocal crowded
            crowded = True
            limit.reschedule(loop.time())

        guest, chunks = self._crowd.enter(share, give_way, 0), list[bytes]()
        try:
            async with asyncio.timeout(min(FIRST_SECONDS, self.seconds)) as limit:
                came = 0
                async for chunk in request.stream():
                    chunks.append(chunk)
                    came += len(chunk)
                    if came > size:
                        raise Refused(413, f"more than {size} bytes")
                    self._crowd.grow(guest, len(chunk))
                    if not crowded:
                        limit.reschedule(
                            began + min(FIRST_SECONDS + came / LEAST_RATE, self.seconds)
                        )
                if not crowded:
                    limit.reschedule(loop.time() + self.seconds)
                content = b"".join(chunks)
                chunks.clear()
                yield content
        except TimeoutError:
            if crowded:
                raise Refused(503, "too many deliveries at once, try again later") from None
            raise Refused(408, "too slow") from None
        finally:
            self._crowd.leave(guest)
            chunks.clear()  # the traceback of a refusal may live on for a while


def _size(request: Request) -> int:
    """Return the most bytes that a body may have.

    Tunnels send chunks whose number is not known before the end.
    """
    length = request.headers.get("content-length", "")
    if not length and "chunked" in request.headers.get("transfer-encoding", "").lower():
        return MAX_BODY
    if not (length.isascii() and length.isdigit()):
        raise Refused(411, "Content-Length is required")
    size = int(length[:12])
    if size > MAX_BODY:
        raise Refused(413, f"more than {MAX_BODY} bytes")
    return size
