"""A thread beside the screen's: in order, answered on the screen's, and ended cleanly."""

from __future__ import annotations

import threading

import pytest
from PySide6.QtCore import QObject
from pytestqt.exceptions import capture_exceptions

from devstream_desktop.desktop.client.background import Background
from devstream_desktop.errors import DevstreamError


@pytest.fixture
def thread(qapp):
    thread = Background("test")
    yield thread
    thread.close()


def test_answers_come_in_order_on_the_thread_of_the_screen(qtbot, thread) -> None:
    owner, found = QObject(), []
    for number in range(3):
        thread.run(
            lambda number=number: (number, threading.current_thread().name),
            lambda told: found.append((*told, threading.current_thread().name)),
            owner=owner,
        )
    qtbot.waitUntil(lambda: thread.idle)
    assert [number for number, *_ in found] == [0, 1, 2]
    assert {where for _, where, _ in found} == {"test_0"}
    assert {where for *_, where in found} == {threading.current_thread().name}


def test_a_reason_is_told_and_a_fault_is_raised(qtbot, thread) -> None:
    def refuse() -> None:
        raise DevstreamError("no room")

    owner, told = QObject(), []
    thread.run(refuse, told.append, refuse=told.append, owner=owner)
    qtbot.waitUntil(lambda: told == ["no room"])
    with capture_exceptions() as raised:
        thread.run(lambda: 1 // 0, told.append, owner=owner)
        qtbot.waitUntil(lambda: bool(raised))
    assert raised[0][0] is ZeroDivisionError


def test_what_waits_is_dropped_at_the_end_or_finished(qtbot, qapp) -> None:
    for finish in (False, True):
        thread, go, done = Background("test"), threading.Event(), []
        thread.run(go.wait, done.append, owner=thread)
        thread.run(lambda done=done: done.append("second"), lambda _: None, owner=thread)
        threading.Timer(0.05, go.set).start()
        thread.close(finish=finish)
        assert done == (["second"] if finish else [])
        thread.run(lambda done=done: done.append("late"), done.append, owner=thread)
        assert "late" not in done


class Held:
    """Something of a window, which notes the thread that frees it."""

    def __init__(self, freed: list[str]) -> None:
        self._freed = freed

    def __del__(self) -> None:
        self._freed.append(threading.current_thread().name)


class Lingering:
    """A signal whose sender is still at work when its answer is delivered."""

    def __init__(self, signal) -> None:
        self._signal = signal
        self.go_on = threading.Event()

    def emit(self, task) -> None:
        self._signal.emit(task)
        assert self.go_on.wait(30)


def test_what_a_task_holds_is_freed_on_the_thread_of_the_screen(qtbot, qapp) -> None:
    thread, owner, freed, answers = Background("test"), QObject(), [], []
    thread._done = lingering = Lingering(thread._done)
    held = Held(freed)
    thread.run(lambda: None, lambda _, held=held: answers.append(1), owner=owner)
    del held
    qtbot.waitUntil(lambda: thread.idle)
    lingering.go_on.set()
    thread.run(lambda: None, lambda _: answers.append(2), owner=owner)
    qtbot.waitUntil(lambda: answers == [1, 2])
    thread.close()
    assert freed == [threading.current_thread().name]
