"""Bodies of unproven requests: limits of their memory and their time.

Until the proof is judged, bytes count when they came, not when they were announced. Where no memory
is left, the oldest body of the largest share gives way. A share is a source and the host that posts
to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from devstream_desktop.door.crowd import Crowd
from devstream_desktop.intake.webhook.refusal import Refused

if TYPE_CHECKING:
    # Its Refused is used where no receiver is installed, too.
    from starlette.requests import Request

MAX_BODY = 5 * 1024 * 1024
ROOM = 20 * 1024 * 1024
"""Bytes in all: four of the largest."""
BODY_SECONDS = 10.0
FIRST_SECONDS, LEAST_RATE = 3.0, 32 * 1024
"""Seconds for a body, and bytes that gain it one more: a slow trickle is not waited for."""


class Bodies:
    """All bodies in memory. Lives in one loop."""

    def __init__(self, seconds: float = BODY_SECONDS) -> None:
        """`seconds`: time for a whole body, whatever its rate."""
        self.seconds = seconds
        self._crowd = Crowd(ROOM)

    @asynccontextmanager
    async def take(self, request: Request, share: Hashable) -> AsyncIterator[bytes]:
        """Read a request's body, and hold its memory for the block.

        It may have to give way in the block, which then ends with a refusal. `request.state.whole`
        says from then on that nothing of the body is left to come.

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
                    # May make another body give way, or this one.
                    self._crowd.grow(guest, len(chunk))
                    # Having given way is final: more bytes do not win the time back.
                    if not crowded and came < size:
                        limit.reschedule(
                            began + min(FIRST_SECONDS + came / LEAST_RATE, self.seconds)
                        )
                if not crowded:
                    limit.reschedule(loop.time() + self.seconds)
                request.state.whole = True
                # Not held twice while the proof is judged.
                content = b"".join(chunks)
                chunks.clear()
                yield content
        except TimeoutError:
            if crowded:
                raise Refused(503, "too many deliveries at once, try again later") from None
            raise Refused(408, "too slow") from None
        finally:
            self._crowd.leave(guest)
            # The traceback of a refusal may live on for a while, and this list with it.
            chunks.clear()


def _size(request: Request) -> int:
    """Return the most bytes that a body may have.

    Tunnels send chunks whose number is not known before the end.
    """
    length = request.headers.get("content-length", "")
    if not length and "chunked" in request.headers.get("transfer-encoding", "").lower():
        return MAX_BODY
    if not (length.isascii() and length.isdigit()):
        raise Refused(411, "Content-Length is required")
    # Cut first: a number of a thousand digits takes long to read.
    size = int(length[:12])
    if size > MAX_BODY:
        raise Refused(413, f"more than {MAX_BODY} bytes")
    return size
