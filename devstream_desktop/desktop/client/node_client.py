"""How the desk speaks to its node without ever waiting: a long poll that tells what is new, and a queue of commands.

Two connections, so that a command never waits behind the poll. What was asked of a node that goes away fails with a sentence; what was
not sent yet waits a while for it to come back.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from PySide6.QtCore import QObject, QTimer, Signal
from shiboken6 import isValid

from devstream_desktop.control.errors import ControlError
from devstream_desktop.control.messages.base import Refused, Reply, Request
from devstream_desktop.control.messages.stream import Wait
from devstream_desktop.control.wire import AnyReply, decode_reply, encode_request, expect
from devstream_desktop.desktop.client.request_socket import RequestSocket

_R = TypeVar("_R", bound=Reply)

_POLL_MS = 25_000
_POLL_LATE_MS = 15_000
"""A node that does not answer a poll this long after it should have is as good as gone."""
_ANSWER_S = 30.0
_QUEUE_S = 10.0
"""How long a command waits for a node that is being restarted."""
_NOBODY = -1
_AGAIN_MS = 200


@dataclass
class _Command:
    request: bytes
    answer: Callable[[AnyReply], None]
    fail: Callable[[str], None]
    until: float
    sent: bool = False


class NodeClient(QObject):
    """The desk's end of the control connection."""

    connected = Signal(bool)
    news = Signal(int)
    """The arrival number of the newest row."""
    status_changed = Signal()
    """Status, targets or members may have changed; also emitted when a node answers for the first time."""
    failed = Signal(str)
    """The node speaks, and makes no sense: another version."""

    def __init__(self, url: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._poll = RequestSocket(url, self)
        self._poll.opened.connect(self._poll_opened)
        self._poll.closed.connect(self._poll_closed)
        self._poll.received.connect(self._poll_received)
        self._commands = RequestSocket(url, self)
        self._commands.opened.connect(self._next)
        self._commands.closed.connect(self._command_lost)
        self._commands.received.connect(self._command_received)
        self._queue: deque[_Command] = deque()
        self._newest = self._status = _NOBODY
        self._answered = False
        self._asked = Wait(newest=_NOBODY, status=_NOBODY)
        self._late = QTimer(self, singleShot=True, interval=_POLL_MS + _POLL_LATE_MS)
        self._late.timeout.connect(self._poll.reset)
        self._deadline = QTimer(self, singleShot=True)
        self._deadline.timeout.connect(self._too_late)

    @property
    def is_connected(self) -> bool:
        return self._answered

    def open(self) -> None:
        """Begin to connect, and go on until `close`."""
        self._poll.open()
        self._commands.open()

    def close(self) -> None:
        """End both connections; whoever still waits is not answered any more."""
        self._late.stop()
        self._deadline.stop()
        self._queue.clear()
        self._poll.close()
        self._commands.close()

    def request(
        self,
        request: Request[_R],
        on_reply: Callable[[_R], None],
        on_error: Callable[[str], None] = lambda _: None,
        *,
        owner: QObject | None = None,
    ) -> None:
        """Ask the node; one of the two is called later, from the loop: with the answer, or with a sentence that says why there is none.

        Neither is called once `owner` is deleted, as a dialog is that was closed meanwhile.
        """

        def fail(reason: str) -> None:
            if owner is None or isValid(owner):
                on_error(reason)

        def answer(reply: AnyReply) -> None:
            if owner is not None and not isValid(owner):
                return
            try:
                right = expect(reply, request)
            except ControlError as error:
                on_error(str(error))
            else:
                on_reply(right)

        self._queue.append(_Command(encode_request(request), answer, fail, time.monotonic() + _QUEUE_S))
        self._next()

    def _poll_opened(self) -> None:
        self._newest = self._status = _NOBODY
        self._ask_news()

    def _ask_news(self) -> None:
        if not self._poll.up:
            return
        self._asked = Wait(newest=self._newest, status=self._status, wait_ms=_POLL_MS)
        if self._poll.send(encode_request(self._asked)):
            self._late.start()
        else:
            self._poll.reset()

    def _poll_closed(self) -> None:
        self._late.stop()
        if self._answered:
            self._answered = False
            self.connected.emit(False)

    def _poll_received(self, message: bytes) -> None:
        self._late.stop()
        if _is_starting(message):
            QTimer.singleShot(_AGAIN_MS, self, self._ask_news)
            return
        try:
            news = expect(decode_reply(message), self._asked)
        except ControlError as error:
            self.failed.emit(str(error))
            self._poll.reset()
            return
        first, self._answered = not self._answered, True
        newer, changed = news.newest != self._newest, news.status != self._status
        self._newest, self._status = news.newest, news.status
        if first:
            self.connected.emit(True)
        if newer or first:
            self.news.emit(news.newest)
        if changed or first:
            self.status_changed.emit()
        self._ask_news()

    def _next(self) -> None:
        if not self._queue:
            self._deadline.stop()
            return
        head = self._queue[0]
        if not head.sent and self._commands.send(head.request):
            head.sent = True
            head.until = max(head.until, time.monotonic() + _ANSWER_S)
        self._deadline.start(max(1, int((head.until - time.monotonic()) * 1000)))

    def _command_received(self, message: bytes) -> None:
        if not self._queue or not self._queue[0].sent:
            return
        if _is_starting(message) and time.monotonic() < self._queue[0].until:
            self._queue[0].sent = False
            QTimer.singleShot(_AGAIN_MS, self, self._next)
            return
        command = self._queue.popleft()
        try:
            reply = decode_reply(message)
        except ControlError as error:
            command.fail(str(error))
        else:
            command.answer(reply)
        self._next()

    def _command_lost(self) -> None:
        if self._queue and self._queue[0].sent:
            self._queue.popleft().fail("the node stopped while answering; look in the history whether it was done, then try again")
        self._next()

    def _too_late(self) -> None:
        if not self._queue:
            return
        command = self._queue.popleft()
        if command.sent:
            self._commands.reset()
            command.fail("the node does not answer; it is restarted when it has ended, so wait a moment and ask again")
        else:
            command.fail("the node of this desk is not running yet; wait a moment and ask again")
        self._next()


def _is_starting(message: bytes) -> bool:
    """Whether the node says that it is just starting and wants to be asked again."""
    try:
        reply = decode_reply(message)
    except ControlError:
        return False
    return isinstance(reply, Refused) and reply.again
