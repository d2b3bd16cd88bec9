"""The ways of the keyboard through a window: the order of Tab, and letters with Alt."""

from __future__ import annotations

import re
from collections import Counter

from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QWidget


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


def doubled_letters(window: QWidget) -> list[str]:
    """The letters that lead with Alt to more than one place of what is on screen."""
    labels = [label for label in window.findChildren(QLabel) if label.buddy() is not None]
    marked = [*window.findChildren(QAbstractButton), *labels]
    found = [re.search(r"&([^&\s])", one.text()) for one in marked if one.isVisible()]
    counts = Counter(one[1].casefold() for one in found if one is not None)
    return [letter for letter, count in counts.items() if count > 1]
