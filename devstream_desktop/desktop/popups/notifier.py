"""What every way to show a popup has in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

from PySide6.QtCore import SignalInstance


class Urgency(IntEnum):
    """The Desktop Notifications Specification's levels; a critical popup stays until it is closed."""

    LOW = 0
    NORMAL = 1
    CRITICAL = 2


@dataclass(frozen=True)
class Notice:
    """One popup. `key` says what it is about: a later one with the same key takes its place."""

    key: str
    summary: str
    body: str
    urgency: Urgency = Urgency.NORMAL
    actions: tuple[tuple[str, str], ...] = field(default=())
    """Pairs of a name for us and a label for the person."""


class Notifier(Protocol):
    """Shows popups."""

    @property
    def activated(self) -> SignalInstance:
        """A popup's key and the name of the action that was chosen."""
        ...

    @property
    def closed(self) -> SignalInstance:
        """The key of a popup that is gone."""
        ...

    def show_notice(self, notice: Notice) -> None:
        """Show `notice`, or put it in the place of the last one with its key."""
        ...
