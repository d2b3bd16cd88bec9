"""The base of the dialogs that change the team."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialogButtonBox, QFormLayout, QPushButton, QVBoxLayout, QWidget

from devstream_desktop.control.messages.base import Done, Request
from devstream_desktop.control.messages.members import Member
from devstream_desktop.desktop.widgets.dialog import Dialog, cancel_first, column, say, tab_through
from devstream_desktop.desktop.widgets.text import PlainLabel, heading
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.language import _

_WIDTH = 460


class TeamDialog(Dialog):
    """A form, a message, Cancel, and one button that signs a change."""

    signed = Signal(str)
    """The change is made; a sentence about it."""

    def __init__(self, title: str, go: QPushButton, parent: QWidget | None) -> None:
        super().__init__(title, parent)
        self.setMinimumWidth(_WIDTH)
        self.go = go
        self.message = PlainLabel(wrap=True)
        self.body: QVBoxLayout = column(self)
        self.body.addWidget(heading(title))
        self.form = QFormLayout()
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.body.addLayout(self.form)
        self.body.addWidget(self.message)
        buttons = QDialogButtonBox()
        self.cancel = cancel_first(buttons, go)
        self.cancel.clicked.connect(self.reject)
        self.go.clicked.connect(lambda: self.sign(self.request()))
        self.body.addWidget(buttons)

    def request(self) -> Request[Done]:
        """Return the change that the form describes."""
        raise NotImplementedError

    def fill_in(self, *fields: QWidget) -> None:
        """Have Tab visit these fields first; Enter is Cancel all the same."""
        tab_through([*fields, self.go, self.cancel])
        fields[0].setFocus()

    def sign(self, request: Request[Done]) -> None:
        """Have the node sign and publish the change."""
        # A second click would sign the same change twice.
        self.go.setEnabled(False)
        say(self.message, _("Signing…"), Tone.MUTED)
        self.ask(request, self.finish, self._refused)

    def finish(self, done: Done) -> None:
        """Close after success."""
        self.signed.emit(done.text)
        self.accept()

    def _refused(self, reason: str) -> None:
        self.go.setEnabled(True)
        say(self.message, reason, Tone.RED)


def chosen_first(members: Sequence[Member], chosen: str) -> list[Member]:
    """Return the members by name, the chosen one first."""
    return sorted(members, key=lambda member: (member.person != chosen, member.person))
