"""A history that a test writes, and the history window over it."""

from __future__ import annotations

import time

import msgspec
import pytest
from fake_data import KEY
from fake_node import FakeNode
from PySide6.QtCore import QEventLoop, QTimer

from devstream_desktop.control.messages.status import GetStatus
from devstream_desktop.desktop.client.reader_thread import ReaderThread
from devstream_desktop.desktop.client.state import AppState
from devstream_desktop.desktop.widgets.look import state_look
from devstream_desktop.desktop.windows.history.window import HistoryWindow
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home

WHY = "No popup: a test."


def now() -> int:
    return int(time.time() * 1000)


class Written:
    """A history in this process, and the app's state that reads it."""

    def __init__(self, home, asked) -> None:
        self.node = FakeNode(Home(home))
        self.reader = Reader(Home(home).history)
        self.asked = asked
        self.history = ReaderThread(self.reader)
        self.state = AppState(self.history, stale_ms=0)
        asked.listen(self.state)
        self.settle()

    def settle(self) -> None:
        """Let the windows have what they asked of the history, and draw it."""
        loop, wake = QEventLoop(), QTimer(interval=1)
        wake.start()
        end, quiet = time.monotonic() + 10, 0
        # A turn more, in which what was told is drawn.
        while quiet < 2:
            assert time.monotonic() < end, "the history does not answer"
            loop.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
            quiet = quiet + 1 if self.history.idle else 0

    def add(self, *events, age=0) -> None:
        self.node.add(list(events), age)
        self.state.read_news(self.node.history.newest())
        self.settle()

    def answer(self, **changes) -> None:
        """The node is there, and says how it is."""
        self.state.set_connected(True)
        self.state.refresh_status()
        self.asked.answer(msgspec.structs.replace(self.node.status, **changes), GetStatus)
        self.settle()

    def strike_out(self, *, after: int) -> None:
        """The policy says that this node's device is not believed after so many entries."""
        feed = KEY + self.node.history.epoch
        self.node.history.follow({}, {KEY: 0, feed: after})
        self.answer(policy_version=8)

    def close(self) -> None:
        self.history.close()
        self.node.history.close()


@pytest.fixture
def written(qapp, home, asked):
    written = Written(home, asked)
    yield written
    written.close()


@pytest.fixture
def window(qtbot, written):
    """Makes the window, over a history of these events."""

    def make(*events, clock=now) -> HistoryWindow:
        if events:
            written.add(*events)
        window = HistoryWindow(written.state, lambda line: WHY, clock=clock)
        qtbot.addWidget(window)
        window.resize(900, 600)
        window.show()
        written.settle()
        return window

    return make


@pytest.fixture
def states():
    """The words for the states of the lines that were read, from the top."""

    def words(window: HistoryWindow) -> list[str]:
        return [state_look(line).word for line in window.browser.model.lines]

    return words


@pytest.fixture
def pushes(story):
    """So many commits of the last hour."""

    def make(count: int) -> list:
        began = now() - 3_600_000
        return [
            story.push("shop", began + place * 1000, "bo", f"Commit {place}", f"{place:040x}")
            for place in range(count)
        ]

    return make
