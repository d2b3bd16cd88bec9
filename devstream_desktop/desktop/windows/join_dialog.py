"""The dialog that takes an invite and joins its team."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLineEdit, QPlainTextEdit, QPushButton, QWidget

from devstream_desktop.control.messages.members import Join, Joining
from devstream_desktop.control.messages.status import Status
from devstream_desktop.desktop.client.node_client import NodeClient
from devstream_desktop.desktop.widgets.dialog import column, plain_button, say
from devstream_desktop.desktop.widgets.text import PlainLabel, heading
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.stream.text import clean

_ASK_AGAIN_MS = 3000
"""A join that waits for an admin's word is asked about this often."""
_WIDTH = 460


class JoinDialog(QDialog):
    """Takes an invite and a name, and has the node join."""

    joined = Signal(str)
    """The team's name."""

    def __init__(self, client: NodeClient, status: Status | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Join a team")
        self.setMinimumWidth(_WIDTH)
        self._client = client
        self.invite = QPlainTextEdit()
        self.invite.setAccessibleName("The invite")
        self.invite.setPlaceholderText("paste the invite here")
        self.invite.setTabChangesFocus(True)
        self.invite.setFixedHeight(110)
        self.person = QLineEdit(clean(status.person, 60) if status is not None else "")
        self.person.setAccessibleName("Your name in the team")
        self.person.setPlaceholderText("your name in the team")
        self.person.setMaxLength(60)
        self.message = PlainLabel("Your team of one is left behind, and its history with it. Your sources stay on this machine.", wrap=True)
        self.words = heading("", points=1)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.words.hide()
        self._again = QTimer(self, singleShot=True, interval=_ASK_AGAIN_MS)
        self._again.timeout.connect(self._ask)
        buttons = QDialogButtonBox()
        self.join = QPushButton("Join")
        self.join.setDefault(True)
        buttons.addButton(self.join, QDialogButtonBox.ButtonRole.ActionRole)
        plain_button(buttons, QDialogButtonBox.StandardButton.Cancel)
        buttons.rejected.connect(self.reject)
        self.join.clicked.connect(self._join)
        self.invite.textChanged.connect(self._refresh)
        self.person.textChanged.connect(self._refresh)
        layout = column(self)
        layout.addWidget(heading("Join a team"))
        layout.addWidget(PlainLabel("Ask somebody of the team for an invite: one line, good for one person.", wrap=True))
        layout.addWidget(self.invite)
        layout.addWidget(PlainLabel("Your name, as the others will see it:"))
        layout.addWidget(self.person)
        layout.addWidget(self.message)
        layout.addWidget(self.words)
        layout.addWidget(buttons)
        self._refresh()

    def _refresh(self) -> None:
        self.join.setEnabled(bool(self.invite.toPlainText().strip()) and bool(self.person.text().strip()))

    def _join(self) -> None:
        self._lock(locked=True)
        say(self.message, "Joining… the two nodes check each other, which takes a few seconds.", Tone.MUTED)
        self._ask()

    def _ask(self) -> None:
        invite = "".join(self.invite.toPlainText().split())
        self._client.request(Join(invite=invite, person=self.person.text().strip()), self._answered, self._refused, owner=self)

    def _answered(self, joining: Joining) -> None:
        if joining.state != "waiting":
            self.joined.emit(joining.team)
            self.accept()
            return
        who = " or ".join(clean(person, 60) for person in joining.approvers[:5]) or "an admin"
        self.words.setText(clean(joining.words, 100))
        self.words.show()
        say(
            self.message,
            f"Waiting for {who} to let you in. Call them and compare these six words; their Team page shows the same.",
            Tone.BLUE,
        )
        self._again.start()

    def _refused(self, reason: str) -> None:
        self._lock(locked=False)
        say(self.message, reason, Tone.RED)

    def _lock(self, *, locked: bool) -> None:
        for widget in (self.invite, self.person, self.join):
            widget.setEnabled(not locked)
