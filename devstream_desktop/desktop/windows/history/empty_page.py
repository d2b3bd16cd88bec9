"""What the window says where there are no rows: why, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from devstream_desktop.desktop.client.state import AppState
from devstream_desktop.desktop.widgets.icons import Mark, icon
from devstream_desktop.desktop.widgets.look import sentence
from devstream_desktop.desktop.widgets.text import PlainLabel, heading
from devstream_desktop.desktop.widgets.theme import Tone, colour
from devstream_desktop.stream.query import Query


@dataclass(frozen=True)
class EmptyState:
    """A heading, a sentence, and the names and labels of what can be done."""

    title: str
    hint: str
    mark: Mark = Mark.APP
    actions: tuple[tuple[str, str], ...] = ()


def empty_state(state: AppState, query: Query, read_error: str) -> EmptyState:
    """Why there are no rows."""
    if not state.connected and state.status is None:
        hint = state.trouble or "The first start takes a few seconds: it makes a key, and looks for peers."
        return EmptyState("The node is starting", hint, Mark.OFFLINE)
    if state.locked:
        return EmptyState("The keyring is locked", f"{sentence(state.locked)}.", Mark.LOCKED)
    if read_error:
        return EmptyState("The history cannot be read", f"{sentence(read_error)}.", Mark.FAILING, (("status", "Status…"),))
    if not query.everything:
        return EmptyState(
            "Nothing matches",
            "Every word must be in a line, each may be the beginning of a longer one.",
            Mark.APP,
            (("clear", "Show everything"),),
        )
    if state.status is not None and state.status.missing:
        return EmptyState("Catching up", f"{state.status.missing:,} events are on their way from your peers, the newest first.", Mark.APP)
    if state.status is not None and state.status.solo and not state.status.sources:
        hint = "Connect a source with `devstream source add`, or join your team, and what happens shows here as it happens."
        return EmptyState("Nothing has happened yet", hint, Mark.APP, (("join", "Join a team…"), ("invite", "Invite…")))
    return EmptyState("Nothing has happened yet", "The next commit, build, deploy or incident is a line here, as it happens.", Mark.APP)


class EmptyPage(QWidget):
    """Shows an `EmptyState` in the middle of the window."""

    acted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setBackgroundRole(QPalette.ColorRole.Base)
        self.setAutoFillBackground(True)
        self._picture = PlainLabel()
        self._title = heading("", points=4)
        self._hint = PlainLabel(wrap=True)
        for label in (self._picture, self._title, self._hint):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._buttons = QHBoxLayout()
        self._shown: EmptyState | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(90, 10, 90, 10)
        column.setSpacing(10)
        column.addStretch(2)
        column.addWidget(self._picture)
        column.addWidget(self._title)
        column.addWidget(self._hint)
        column.addLayout(self._buttons)
        column.addStretch(3)

    @property
    def state(self) -> EmptyState | None:
        return self._shown

    def show_state(self, state: EmptyState) -> None:
        """Show `state`."""
        if state == self._shown:
            return
        self._shown = state
        self._picture.setPixmap(icon(state.mark).pixmap(64, 64))
        self._title.setText(state.title)
        self._hint.setText(state.hint)
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.WindowText, colour(Tone.MUTED, palette))
        self._hint.setPalette(palette)
        while (item := self._buttons.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        self._buttons.addStretch(1)
        for name, label in state.actions:
            button = QPushButton(label)
            button.setAutoDefault(False)
            button.clicked.connect(lambda _=False, name=name: self.acted.emit(name))
            self._buttons.addWidget(button)
        self._buttons.addStretch(1)
