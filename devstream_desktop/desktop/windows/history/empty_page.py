"""The page that stands in for the rows when there are none: the reason, and what to do."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from devstream_desktop.desktop.client.state import AppState
from devstream_desktop.desktop.widgets.icons import Mark, icon
from devstream_desktop.desktop.widgets.look import sentence
from devstream_desktop.desktop.widgets.text import PlainLabel, heading, paint
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.language import _, ngettext, number
from devstream_desktop.stream.query import Query


class EmptyState(msgspec.Struct, frozen=True):
    """A heading, a hint, and buttons."""

    title: str
    hint: str
    mark: Mark = Mark.APP
    actions: tuple[tuple[str, str], ...] = ()
    """Names for `EmptyPage.acted`, and labels."""


def empty_state(
    state: AppState, query: Query, read_error: str, near: Sequence[str] = ()
) -> EmptyState:
    """Return the reason why there are no rows; the first that holds.

    `near` are filters that may be meant by one whose value nothing has.
    """
    if not state.connected and state.status is None:
        usual = _("The first start takes a few seconds: it makes a key and looks for peers.")
        return EmptyState(_("The node is starting"), state.trouble or usual, Mark.OFFLINE)
    if state.locked:
        return EmptyState(_("The keyring is locked"), f"{sentence(state.locked)}.", Mark.LOCKED)
    if read_error:
        hint, status = f"{sentence(read_error)}.", (("status", _("Status…")),)
        return EmptyState(_("The history cannot be read"), hint, Mark.FAILING, status)
    # From here on the history is readable and really has no such rows.
    if not query.everything:
        hint = _("A line matches when it has every word, or a longer word that begins with it.")
        if near:
            hint = _("Do you mean {filters}?").format(filters=" · ".join(near))
        return EmptyState(_("Nothing matches"), hint, actions=(("clear", _("Show everything")),))
    if state.status is not None and state.status.missing:
        missing = state.status.missing
        coming = ngettext(
            "{count} event is on its way from your peers.",
            "{count} events are on their way from your peers, the newest first.",
            missing,
        )
        return EmptyState(_("Catching up"), coming.format(count=number(missing)))
    if state.status is not None and state.status.solo and not state.status.sources:
        hint = _("Connect a source with `{command}`, or join your team.")
        actions = (("join", _("Join a team…")), ("invite", _("Invite…")))
        hint = hint.format(command="devstream source add")
        return EmptyState(_("Nothing has happened yet"), hint, actions=actions)
    hint = _("The next commit, build, deploy or incident appears here as it happens.")
    return EmptyState(_("Nothing has happened yet"), hint)


class EmptyPage(QWidget):
    """An `EmptyState` in the middle of the window."""

    acted = Signal(str)
    """The name of the action that was chosen."""

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
        """Show `state`; the same one again changes nothing."""
        # The status changes every few seconds; a button that is about to be pressed stays.
        if state == self._shown:
            return
        self._shown = state
        self._picture.setPixmap(icon(state.mark).pixmap(64, 64))
        self._title.setText(state.title)
        self._hint.setText(state.hint)
        paint(self._hint, Tone.MUTED)
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
