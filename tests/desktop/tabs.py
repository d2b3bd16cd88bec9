"""The order in which Tab visits the widgets of a window."""

from __future__ import annotations

from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget


def in_order(window: QWidget) -> list[QWidget]:
    """The widgets that Tab visits, from the one with the focus on.

    Not by nextInFocusChain: PySide takes each for a child of the one before, and frees it with it.
    """
    window.activateWindow()
    assert QTest.qWaitForWindowActive(window)
    found: list[QWidget] = []
    while (widget := QApplication.focusWidget()) not in found:
        assert widget is not None
        assert len(found) < 100
        found.append(widget)
        window.focusNextChild()
    return found
