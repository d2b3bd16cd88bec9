"""The interface of all ways to show a popup."""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol

import msgspec
from PySide6.QtCore import SignalInstance

from devstream_desktop.desktop.widgets.look import StateLook

REMINDER = "duty"
"""Key of the popup about duty hours."""


class Urgency(IntEnum):
    """The levels of the Desktop Notifications Specification.

    A critical popup stays until it is closed.
    """

    LOW = 0
    NORMAL = 1
    CRITICAL = 2


class Notice(msgspec.Struct, frozen=True):
    """One popup."""

    key: str
    """A later popup with the same key replaces this one."""
    summary: str
    body: str
    urgency: Urgency = Urgency.NORMAL
    look: StateLook | None = None
    """The state whose mark is drawn beside it; None for the app's own icon."""
    actions: tuple[tuple[str, str], ...] = ()
    """Names for `Notifier.activated`, and labels for the person."""


class Notifier(Protocol):
    """A way to show popups."""

    @property
    def activated(self) -> SignalInstance:
        """The key of a popup and the name of the chosen action."""
        ...

    @property
    def closed(self) -> SignalInstance:
        """The key of a popup that is gone."""
        ...

    def show_notice(self, notice: Notice) -> None:
        """Show `notice`, replacing the last one with its key."""
        ...

    def withdraw(self, key: str) -> None:
        """Take the popup with this key off the screen."""
        ...

    def withdraw_all(self) -> None:
        """Take every popup of this run off the screen."""
        ...
