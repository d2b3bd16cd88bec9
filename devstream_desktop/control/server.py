"""Server of control: answers each request and refuses what it cannot.

It closes without leaving a request parked.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pynng

from devstream_desktop.control.errors import ControlError, HomeTakenError, StartingError
from devstream_desktop.control.lock import NODE, HomeLock
from devstream_desktop.control.messages.base import Refused
from devstream_desktop.control.server_wire import (
    AnyReply,
    AnyRequest,
    decode_request,
    encode_reply,
)
from devstream_desktop.control.wire import MAX_MESSAGE

_log = logging.getLogger(__name__)

_CONTEXTS = 32
"""Requests answered at once; each open desk parks one long poll."""

_PAUSE_S = 0.05
"""Pause after a failure of our own. So one that stays does not turn into a busy loop."""

_LOOK_S = 1.0
"""Seconds between looks whether the socket is still there."""

Handler = Callable[[AnyRequest], Awaitable[AnyReply]]


class Server:
    """Answers each request with what `handler` returns.

    A handler that raises `ControlError` refuses.
    """

    def __init__(self, url: str, handler: Handler, *, what: str = NODE) -> None:
        self._url = url
        self._handler = handler
        self._socket: pynng.Rep0 | None = None
        self._contexts: list[pynng.Context] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._lock = HomeLock(url, what)

    def start(self) -> None:
        """Listen.

        Raises:
            HomeTakenError: another process has this home already.
            ControlError: its lock or socket cannot be opened.

        """
        self._lock.take()
        self._socket = pynng.Rep0()
        self._socket.recv_max_size = MAX_MESSAGE
        try:
            self._socket.listen(self._url)
        except pynng.NNGException as error:
            self._socket.close()
            self._lock.release()
            # A node of an older version holds no lock, and Windows has none.
            if isinstance(error, pynng.AddressInUse):
                raise HomeTakenError from error
            raise ControlError(
                f"the control socket {self._url} cannot be opened: {error}; choose a home on a"
                " local disk with --home"
            ) from error
        self._make_private()
        # A context answers one request at a time, and a long poll holds one.
        self._contexts = [self._socket.new_context() for _ in range(_CONTEXTS)]
        self._tasks = [asyncio.create_task(self._serve(context)) for context in self._contexts]
        if sys.platform != "win32":
            self._tasks.append(asyncio.create_task(self._keep_listening()))

    async def stop(self) -> None:
        """Close, and wait for every parked request.

        An exit with parked ones can abort inside nng.
        """
        self._stopping.set()
        for context in self._contexts:
            context.close()
        if self._socket is not None:
            self._socket.close()
        if self._tasks:
            # A handler that hangs must not keep the node from ending.
            _, pending = await asyncio.wait(self._tasks, timeout=2)
            for task in pending:
                task.cancel()
        self._lock.release()

    def _make_private(self) -> None:
        # Its folder is private; this holds where the umask is not.
        if sys.platform != "win32":
            self._path.chmod(0o600)

    @property
    def _path(self) -> Path:
        return Path(self._url.removeprefix("ipc://"))

    async def _keep_listening(self) -> None:
        """Listen anew where somebody removed the socket: the home would be out of reach."""
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await self._stopping.wait()
            if self._socket is None or self._stopping.is_set() or self._path.exists():
                continue
            try:
                self._socket.listen(self._url)
                self._make_private()
            except (pynng.NNGException, OSError) as error:
                _log.warning("the control socket %s is gone: %s", self._url, error)
            else:
                _log.warning("the control socket %s was removed, and is made anew", self._url)

    async def _serve(self, context: pynng.Context) -> None:
        while not self._stopping.is_set():
            try:
                data = await context.arecv()
                reply = await self._answer(data)
                with contextlib.suppress(pynng.BadState):
                    await context.asend(reply)
            except pynng.Closed:
                return
            except pynng.NNGException:
                # The asker went away between its question and our answer; the context is ready for
                # the next.
                continue
            except Exception:  # noqa: BLE001 - whoever asks next must find somebody here
                if self._stopping.is_set():
                    return  # what fails on a context that was just closed is no fault
                _log.exception("an answer could not be sent")
                await asyncio.sleep(_PAUSE_S)

    async def _answer(self, data: bytes) -> bytes:
        try:
            return _encoded(await self._handler(decode_request(data)))
        except ControlError as error:
            return _encoded(Refused(reason=str(error), again=isinstance(error, StartingError)))
        except Exception as error:  # noqa: BLE001 - see below
            # A fault in one answer must neither end the others nor leave the asker waiting.
            _log.exception("a request failed")
            return _encoded(
                Refused(
                    reason=(
                        f"the node failed at this ({type(error).__name__}: {error}); node.log in"
                        " its home says more"
                    )
                )
            )


def _encoded(reply: AnyReply) -> bytes:
    """Encode an answer.

    It is a refusal where it cannot be written, or is more than a client takes.
    """
    try:
        data = encode_reply(reply)
    except Exception as error:  # noqa: BLE001 - numbers, text and sizes of any sort come from peers
        _log.error("an answer cannot be written: %s: %s", type(error).__name__, error)
        return encode_reply(
            Refused(
                reason=(
                    f"the node's answer cannot be written ({type(error).__name__}); node.log in"
                    " its home says more"
                )
            )
        )
    # Its client would close the connection and learn nothing.
    if len(data) > MAX_MESSAGE:
        return encode_reply(
            Refused(
                reason=(
                    f"the node's answer has {len(data):,} bytes, more than the {MAX_MESSAGE:,}"
                    " that are taken"
                )
            )
        )
    return data
