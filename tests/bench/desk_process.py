"""The desk's window over a long history, offscreen: prints its figures as one line of JSON.

    python desk_process.py HISTORY PAGES

Steps are turns of the GUI thread's event loop, in its own processor time.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"
sys.path.insert(0, str(Path(__file__).parents[1] / "desktop"))

import msgspec
from desk import Figures
from memory import unique_memory
from party import now_ms
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication
from sample import events, feed, vocabulary
from watchdog import watched

from devstream_desktop.desktop.client.reader_thread import ReaderThread
from devstream_desktop.desktop.client.state import AppState
from devstream_desktop.desktop.windows.history.window import HistoryWindow
from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.log import History
from devstream_desktop.history.reader import Reader
from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.stream.log import Arrival
from devstream_desktop.stream.query_text import parse_query

LIVE = 200
SEARCHES = 40


class Bench:
    """The window, and a hand that works it."""

    def __init__(self, path: Path) -> None:
        began = time.perf_counter()
        self.path = path
        self.history = ReaderThread(Reader(path))
        self.state = AppState(self.history)
        self.window = HistoryWindow(self.state, lambda _: "")
        self.window.resize(1280, 800)
        self.window.show()
        self.settle()
        assert self.window.browser.model.rowCount()
        self.filled = (time.perf_counter() - began) * 1000

    def settle(self) -> None:
        """Let the window have its answers, and draw them."""
        loop, wake, quiet = QEventLoop(), QTimer(interval=1), 0
        wake.start()
        while quiet < 2:
            loop.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
            quiet = quiet + 1 if self.history.idle else 0

    def do(self, act: Callable[[], object]) -> tuple[float, float]:
        """Do something in the loop; returns how long it took, and the longest step."""
        QTimer.singleShot(0, act)
        began = time.perf_counter()
        with watched() as dog:
            self.settle()
        return (time.perf_counter() - began) * 1000, dog.worst_ms

    def search(self) -> tuple[list[float], float]:
        """Type words letter by letter."""
        took, worst = [], 0.0
        words = itertools.cycle(vocabulary()[::71])
        while len(took) < SEARCHES:
            word = next(words)
            for end in range(1, len(word) + 1):
                query = parse_query(word[:end])
                one, step = self.do(lambda query=query: self.window.browser.set_query(query))  # type: ignore[misc]
                took.append(one)
                worst = max(worst, step)
        return took, worst

    def scroll(self, pages: int) -> tuple[float, int]:
        """Scroll down, page by page."""
        self.do(self.window.show_everything)
        bar, model, worst = self.window.browser.view.verticalScrollBar(), None, 0.0
        for page in range(pages):
            model = self.window.browser.model
            last = model.lines[-1].id
            worst = max(worst, self.do(lambda: bar.setValue(bar.maximum()))[1])
            if model.lines[-1].id == last and bar.value() == bar.maximum():
                return worst, page
        return worst, pages

    def bring(self) -> tuple[float, float]:
        """Have rows arrive that answer the search."""
        self.do(lambda: self.window.browser.set_query(parse_query("kind:build")))
        device = DeviceKey.generate()
        history = History(self.path, FeedMirror(None), device.public, "bench")
        facts = (
            one
            for one in events(5_000, first_ms=now_ms(), step_ms=1, seed=9)
            if one.kind == "build"
        )
        entries = feed(device, history.epoch, "bench", itertools.islice(facts, LIVE))
        history.add([Arrival(entry, "", verified=True) for entry in entries])
        figures = self.do(lambda: self.state.read_news(history.newest()))
        history.close()
        return figures


def measure(path: Path, pages: int) -> Figures:
    """Work the window."""
    bench = Bench(path)
    searches, searching = bench.search()
    scrolling, read = bench.scroll(pages)
    memory = unique_memory()
    live, merging = bench.bring()
    bench.history.close()
    return Figures(
        filled=bench.filled,
        searches=searches,
        searching=searching,
        scrolling=scrolling,
        pages=read,
        live=live,
        merging=merging,
        memory=memory,
    )


if __name__ == "__main__":
    application = QApplication([])
    sys.stdout.write(msgspec.json.encode(measure(Path(sys.argv[1]), int(sys.argv[2]))).decode())
