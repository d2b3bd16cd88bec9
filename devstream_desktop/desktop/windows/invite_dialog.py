"""The dialog that makes an invite to hand over."""

from __future__ import annotations

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialogButtonBox, QPushButton, QWidget

from devstream_desktop.control.messages.base import Done
from devstream_desktop.control.messages.members import Invite
from devstream_desktop.control.messages.status import Status
from devstream_desktop.desktop.widgets.dialog import Dialog, column, plain_button, say
from devstream_desktop.desktop.widgets.text import PlainLabel, heading, plain_field
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.stream.text import clean

_DAY_S = 86_400
_WIDTH = 460


class InviteDialog(Dialog):
    """Makes one invite and shows it to be copied."""

    def __init__(self, status: Status | None, parent: QWidget | None = None) -> None:
        super().__init__("Invite to the team", parent)
        self.setMinimumWidth(_WIDTH)
        team = "your team" if status is None or status.solo else clean(status.team)
        self.invite = plain_field("", name="The invite", lines=6)
        self.invite.setPlaceholderText("Making an invite…")
        self.message = PlainLabel(
            "One person can ask to join with it, once, within 24 hours. "
            "Hand it over on a channel that you trust. "
            "devstream must run on this computer when they join; "
            "from the third person on, an admin has to approve.",
            wrap=True,
        )
        buttons = QDialogButtonBox()
        self.copy = QPushButton("Copy invite")
        self.copy.setEnabled(False)
        buttons.addButton(self.copy, QDialogButtonBox.ButtonRole.ActionRole)
        plain_button(buttons, QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        self.copy.clicked.connect(self._copy)
        layout = column(self)
        layout.addWidget(heading(f"Invite somebody to {team}"))
        layout.addWidget(
            PlainLabel(
                "They start devstream, choose “Join a team…”, and paste this line:", wrap=True
            )
        )
        layout.addWidget(self.invite)
        layout.addWidget(self.message)
        layout.addWidget(buttons)

    def begin(self) -> None:
        """Have the node make an invite."""
        self.ask(Invite(expires_s=_DAY_S), self._made, self._refused)

    def _made(self, done: Done) -> None:
        # Selected and on the default button: Ctrl+C and Enter both copy it.
        self.invite.setPlainText(done.text)
        self.invite.selectAll()
        self.copy.setEnabled(True)
        self.copy.setDefault(True)
        self.copy.setFocus()

    def _refused(self, reason: str) -> None:
        self.invite.setPlaceholderText("No invite was made.")
        say(self.message, reason, Tone.RED)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.invite.toPlainText())
        self.copy.setText("Copied")
