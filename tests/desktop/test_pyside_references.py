"""PySide6 6.12.0 drops references to None and True on CPython 3.11 and aborts.

It does so after some 570 signals. No version that does may come in.
"""

from __future__ import annotations

import gc
import sys

from PySide6.QtCore import QObject, QTimer, Signal


class Sender(QObject):
    flag = Signal(bool)
    plain = Signal()


def test_a_thousand_signals_leave_the_references_to_none_and_true_alone(qtbot):
    sender = Sender()
    heard = []
    sender.flag.connect(heard.append)
    sender.plain.connect(lambda: None)

    yes = True

    def emit() -> None:
        sender.flag.emit(yes)
        sender.plain.emit()
        QTimer.singleShot(0, sender, lambda: None)
        heard.clear()

    emit()
    qtbot.wait(10)
    gc.collect()
    before = (sys.getrefcount(None), sys.getrefcount(yes))
    for _ in range(1_000):
        emit()
    qtbot.wait(50)
    gc.collect()
    after = (sys.getrefcount(None), sys.getrefcount(yes))
    # One lost reference a signal would be a thousand; the interpreter itself moves a few hundred.
    assert all(abs(now - then) < 300 for then, now in zip(before, after, strict=True)), (
        before,
        after,
    )
