"""The dialog for one line about a thing."""

from __future__ import annotations

from PySide6.QtWidgets import (
    QComboBox,
    QDialogButtonBox,
    QFormLayout,
    QLineEdit,
    QPushButton,
    QWidget,
)

from devstream_desktop.control.messages.base import Done
from devstream_desktop.control.messages.members import GetMembers, Members
from devstream_desktop.control.messages.stream import Note
from devstream_desktop.desktop.widgets.dialog import Dialog, column, plain_button, say
from devstream_desktop.desktop.widgets.text import PlainLabel, elided_heading
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.language import _
from devstream_desktop.stream.line import headline
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.text import clean

_WIDTH = 460
_LONGEST = 200
"""Characters of an event's reason."""


class NoteDialog(Dialog):
    """Asks for the line, and publishes it."""

    def __init__(
        self, line: Line, person: str, parent: QWidget | None = None, *, hand: bool = False
    ) -> None:
        """Make the dialog; with `hand` somebody has to be chosen who is to take over."""
        super().__init__(_("Hand over") if hand else _("Note"), parent)
        self._line, self._person, self._hand = line, person, hand
        self.setMinimumWidth(_WIDTH)
        self.note = QLineEdit()
        self.note.setMaxLength(_LONGEST)
        self.note.setAccessibleName(_("Note"))
        self.note.setPlaceholderText(_("Looking at the bank's status page"))
        self.to = QComboBox()
        self.to.setAccessibleName(_("To be taken over by"))
        if not hand:
            self.to.addItem(_("Nobody in particular"), "")
        self.message = PlainLabel(
            _("Everybody in the team can read it beside the thing."), wrap=True
        )
        self.go = QPushButton(_("Ask to take over") if hand else _("Publish note"))
        buttons = QDialogButtonBox()
        buttons.addButton(self.go, QDialogButtonBox.ButtonRole.AcceptRole)
        plain_button(buttons, QDialogButtonBox.StandardButton.Cancel)
        buttons.rejected.connect(self.reject)
        self.go.clicked.connect(self._publish)
        self.go.setDefault(True)
        self.note.textChanged.connect(self._check)
        self.to.currentIndexChanged.connect(self._check)
        form = QFormLayout()
        form.addRow(_("Note"), self.note)
        form.addRow(_("To"), self.to)
        layout = column(self)
        layout.addWidget(elided_heading(headline(line.event, line.transition)))
        layout.addLayout(form)
        layout.addWidget(self.message)
        layout.addWidget(buttons)
        self._check()

    def begin(self) -> None:
        """Ask who is in the team."""
        self.note.setFocus()
        self.ask(GetMembers(), self._offer, self._refused)

    def _offer(self, members: Members) -> None:
        for member in members.members:
            gone = all(device.revoked for device in member.devices)
            if not gone and member.person != self._person:
                self.to.addItem(clean(member.person, 60), member.person)
        self._check()

    def _check(self) -> None:
        missing = self._hand and not self.to.currentData()
        self.go.setEnabled(bool(self.note.text().strip()) and not missing)

    def _publish(self) -> None:
        # One press, one note.
        self.go.setEnabled(False)
        to = self.to.currentData() or ""
        request = Note(entry=self._line.entry, note=self.note.text(), to=to)
        self.ask(request, self._published, self._refused)

    def _published(self, _: Done) -> None:
        self.accept()

    def _refused(self, reason: str) -> None:
        say(self.message, reason, Tone.RED)
        self._check()
