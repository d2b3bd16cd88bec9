"""Announcements for screen readers: what changes on a screen away from the focus."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from devstream_desktop.stream.text import clean

_WIDTH = 300


def announce(widget: QWidget, text: str) -> None:
    """Have a screen reader say a sentence about a widget; without one nothing happens.

    Source of the event: Qt 6.8, QAccessibleAnnouncementEvent; AT-SPI's `Announcement`.
    """
    # Late: their many constants take 2 ms of a start, in which nothing is announced.
    from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent

    said = clean(text, _WIDTH)
    if said and QAccessible.isActive():
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(widget, said))
