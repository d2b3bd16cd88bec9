"""The dialog that takes an invite and joins its team."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QDialogButtonBox, QLineEdit, QPlainTextEdit, QPushButton, QWidget

from devstream_desktop.control.messages.members import Join, Joining
from devstream_desktop.control.messages.status import Status
from devstream_desktop.desktop.widgets.dialog import Dialog, column, plain_button, say
from devstream_desktop.desktop.widgets.text import PlainLabel, heading
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.stream.text import clean

ASK_AGAIN_MS = 3000
"""Milliseconds between questions while an admin has not approved yet."""
_WIDTH = 460


class JoinDialog(Dialog):
    """Takes an invite and a name, and has the node join."""

    joined = Signal(str)
    """The team's name."""

    def __init__(
        self,
        status: Status | None,
        parent: QWidget | None = None,
        *,
        ask_again_ms: int = ASK_AGAIN_MS,
    ) -> None:
        super().__init__("Join a team", parent)
        self.setMinimumWidth(_WIDTH)
        self.invite = QPlainTextEdit()
        self.invite.setAccessibleName("The invite")
        self.invite.setPlaceholderText("paste the invite here")
        self.invite.setTabChangesFocus(True)
        self.invite.setFixedHeight(110)
        self.person = QLineEdit(clean(status.person, 60) if status is not None else "")
        self.person.setAccessibleName("Your name in the team")
        self.person.setPlaceholderText("empty with an invite for another device of yours")
        self.person.setMaxLength(60)
        self.message = PlainLabel(
            "You leave your team of one and its history. Your sources stay on this computer.",
            wrap=True,
        )
        self.words = heading("", points=1)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.words.hide()
        self._again = QTimer(self, singleShot=True, interval=ask_again_ms)
        self._again.timeout.connect(self._send)
        buttons = QDialogButtonBox()
        self.join = QPushButton("Join")
        self.join.setDefault(True)
        buttons.addButton(self.join, QDialogButtonBox.ButtonRole.ActionRole)
        plain_button(buttons, QDialogButtonBox.StandardButton.Cancel)
        buttons.rejected.connect(self.reject)
        self.join.clicked.connect(self._join)
        self.invite.textChanged.connect(self._refresh)
        layout = column(self)
        layout.addWidget(heading("Join a team"))
        layout.addWidget(
            PlainLabel(
                "Ask somebody in the team for an invite: one line, good for one person.", wrap=True
            )
        )
        layout.addWidget(self.invite)
        layout.addWidget(PlainLabel("Your name, as the others will see it:"))
        layout.addWidget(self.person)
        layout.addWidget(self.message)
        layout.addWidget(self.words)
        layout.addWidget(buttons)
        self._refresh()

    def _refresh(self) -> None:
        self.join.setEnabled(bool(self.invite.toPlainText().strip()))

    def _join(self) -> None:
        # An invite works once, so what was sent must not change while it is under way.
        self._lock(locked=True)
        say(
            self.message,
            "Joining… the two nodes check each other, which takes a few seconds.",
            Tone.MUTED,
        )
        self._send()

    def _send(self) -> None:
        # Mail programs break a long line into several.
        invite = "".join(self.invite.toPlainText().split())
        request = Join(invite=invite, person=self.person.text().strip())
        self.ask(request, self._answered, self._refused)

    def _answered(self, joining: Joining) -> None:
        # The same question again tells whether an admin has decided meanwhile.
        if joining.state != "waiting":
            self.joined.emit(joining.team)
            self.accept()
            return
        who = " or ".join(clean(person, 60) for person in joining.approvers[:5]) or "an admin"
        self.words.setText(clean(joining.words, 100))
        self.words.show()
        say(
            self.message,
            f"Waiting for {who} to approve. Call them and compare these six words; "
            "their Team page shows the same.",
            Tone.BLUE,
        )
        self._again.start()

    def _refused(self, reason: str) -> None:
        self._lock(locked=False)
        say(self.message, reason, Tone.RED)

    def _lock(self, *, locked: bool) -> None:
        for widget in (self.invite, self.person, self.join):
            widget.setEnabled(not locked)
