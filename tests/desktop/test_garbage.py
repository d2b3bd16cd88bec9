"""Garbage with an object of Qt in it is deleted by the thread of the GUI."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QTimer
from pytestqt.qtbot import QtBot

from devstream_desktop.desktop.platform.garbage import GarbageCollector


class Cycle:
    """Something that only the collector can free, with a timer of Qt in it."""

    def __init__(self) -> None:
        self.me = self
        self.timer = QTimer(interval=1_000)


@pytest.fixture
def collector(qapp: object) -> Iterator[GarbageCollector]:
    # The fixture of the folder has switched Python's own off; here it is what is replaced.
    gc.enable()
    made = GarbageCollector()
    yield made
    made.close()
    made.deleteLater()
    gc.disable()


def allocate() -> None:
    """Allocate in another thread until Python would have collected there."""

    def work() -> None:
        kept = [[place] for place in range(100_000)]
        kept.clear()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_another_thread_collects_nothing(collector: GarbageCollector, qtbot: QtBot) -> None:
    watched = [weakref.ref(Cycle()) for _ in range(10)]
    allocate()
    assert all(one() is not None for one in watched)
    qtbot.waitUntil(lambda: all(one() is None for one in watched), timeout=20_000)


def test_what_lives_as_long_as_the_app_is_looked_through_once(collector: GarbageCollector) -> None:
    collector.look()
    assert gc.get_freeze_count() > 10_000


def test_young_garbage_goes_soon(collector: GarbageCollector) -> None:
    collector.look()
    one = weakref.ref(Cycle())
    kept = [[place] for place in range(2_000)]
    collector.look()
    assert one() is None
    assert len(kept) == 2_000


def test_at_the_end_python_collects_again(qapp: object) -> None:
    GarbageCollector().close()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
    gc.disable()
