"""The app's connection to its node, which never blocks.

A long poll reports news, and a queue sends commands. They are two connections, so that a command
never waits behind the poll. A command that was sent to a node that stopped fails with a sentence;
a command that was not sent yet waits a while for the node to come back.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal
from shiboken6 import isValid

from devstream_desktop.control.errors import ControlError, StartingError
from devstream_desktop.control.messages.base import Reply, Request
from devstream_desktop.control.messages.stream import Wait
from devstream_desktop.control.plan_words import translated
from devstream_desktop.control.wire import decode_answer, encode_request
from devstream_desktop.desktop.client.question import Question, R
from devstream_desktop.desktop.client.request_socket import RequestSocket
from devstream_desktop.language import _

_POLL_MS = 25_000
_POLL_LATE_MS = 15_000
"""The node hangs when a poll is late by this much."""
_ANSWER_S = 30.0
_QUEUE_S = 10.0
"""Seconds that a command waits for a node that is restarting."""
_UNKNOWN = -1
_RETRY_MS = 200


@dataclass
class _Command:
    request: Request[Reply]
    message: bytes
    answer: Callable[[Any], None]
    """Takes the request's kind of answer."""
    fail: Callable[[str], None]
    until: float
    """The deadline, in seconds of the steady clock."""
    sent: bool = False


class NodeClient(QObject):
    """Two connections to the node of a home, kept up until `close`."""

    connected = Signal(bool)
    news = Signal(object)
    """The arrival number of the newest row; an `int` of Qt has 32 bits."""
    status_changed = Signal()
    """Status, targets or members may have changed; also emitted on each connection."""
    failed = Signal(str)
    """The node's answer cannot be read, because it is of another version."""

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
        self._newest = self._status = _UNKNOWN
        self._answered = False
        self._asked = Wait(newest=_UNKNOWN, status=_UNKNOWN)
        self._late = QTimer(self, singleShot=True, interval=_POLL_MS + _POLL_LATE_MS)
        self._late.timeout.connect(self._poll.reset)
        self._deadline = QTimer(self, singleShot=True)
        self._deadline.timeout.connect(self._too_late)

    @property
    def is_connected(self) -> bool:
        return self._answered

    def open(self) -> None:
        """Connect, and reconnect until `close`."""
        self._poll.open()
        self._commands.open()

    def close(self) -> None:
        """End both connections; open questions get no answer."""
        self._late.stop()
        self._deadline.stop()
        self._queue.clear()
        self._poll.close()
        self._commands.close()

    def ask(self, question: Question[R]) -> None:
        """Send a question in its turn; its answer comes later, from the event loop."""

        def fail(reason: str) -> None:
            # The window may have been closed while its question was under way.
            if isValid(question.owner):
                question.refuse(translated(reason))

        def answer(reply: R) -> None:
            if isValid(question.owner):
                question.answer(reply)

        asked, until = question.request, time.monotonic() + _QUEUE_S
        self._queue.append(_Command(asked, encode_request(asked), answer, fail, until))
        self._next()

    def _poll_opened(self) -> None:
        self._newest = self._status = _UNKNOWN
        self._ask_news()

    def _ask_news(self) -> None:
        # `_poll_opened` asks as soon as there is a connection.
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
        try:
            news = decode_answer(message, self._asked)
        except StartingError:
            # The node listens already, but is not ready.
            QTimer.singleShot(_RETRY_MS, self, self._ask_news)
            return
        except ControlError as error:
            self.failed.emit(str(error))
            self._poll.reset()
            return
        # A connection is no proof of a node; its first answer is.
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
        if not head.sent and self._commands.send(head.message):
            head.sent = True
            # From here on the node works on it, which may take longer than the wait for a node.
            head.until = max(head.until, time.monotonic() + _ANSWER_S)
        self._deadline.start(max(1, int((head.until - time.monotonic()) * 1000)))

    def _command_received(self, message: bytes) -> None:
        # A late answer to a command that was given up already.
        if not self._queue or not self._queue[0].sent:
            return
        command = self._queue[0]
        try:
            done = partial(command.answer, decode_answer(message, command.request))
        except ControlError as error:
            if isinstance(error, StartingError) and time.monotonic() < command.until:
                command.sent = False
                QTimer.singleShot(_RETRY_MS, self, self._next)
                return
            done = partial(command.fail, str(error))
        self._queue.popleft()
        done()
        self._next()

    def _command_lost(self) -> None:
        # Not sent again: the node may have carried it out before it stopped.
        if self._queue and self._queue[0].sent:
            self._queue.popleft().fail(
                _(
                    "the node stopped while answering; look in the history whether it was done,"
                    " then try again"
                )
            )
        self._next()

    def _too_late(self) -> None:
        if not self._queue:
            return
        command = self._queue.popleft()
        if command.sent:
            self._commands.reset()
            command.fail(
                _(
                    "the node does not answer; it is restarted when it has ended,"
                    " so wait a moment and try again"
                )
            )
        else:
            command.fail(_("the node is not running yet; wait a moment and try again"))
        self._next()
