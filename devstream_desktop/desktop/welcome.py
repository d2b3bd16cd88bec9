"""Bringing people together: an invite to hand over, and the field that takes one."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QPalette
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLineEdit, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from devstream_desktop.control.messages import Done, Invite, Join, Joining, Status
from devstream_desktop.desktop.link import Link
from devstream_desktop.desktop.text import PlainLabel, heading, plain_field
from devstream_desktop.desktop.theme import Tone, colour
from devstream_desktop.stream.text import clean

_DAY_S = 86_400
_WIDTH = 460
_ASK_AGAIN_MS = 2_000


class InviteDialog(QDialog):
    """Makes one invite and shows it to be copied."""

    def __init__(self, link: Link, status: Status | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Invite to the team")
        self.setMinimumWidth(_WIDTH)
        team = "your team" if status is None or status.solo else clean(status.team)
        self.invite = plain_field("", name="The invite", lines=4)
        self.invite.setPlaceholderText("Making an invite…")
        self.message = PlainLabel(
            "Whoever has it can ask to join, once, within 24 hours. Hand it to one person over a channel that you trust. "
            "Your desk must be running when they join; from the third person on an admin lets them in.",
            wrap=True,
        )
        buttons = QDialogButtonBox()
        self.copy = QPushButton("Copy invite")
        self.copy.setEnabled(False)
        buttons.addButton(self.copy, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.addButton(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        self.copy.clicked.connect(self._copy)
        column = _column(self)
        column.addWidget(heading(f"Invite somebody to {team}"))
        column.addWidget(PlainLabel("They start devstream, choose “Join a team…”, and paste this line:", wrap=True))
        column.addWidget(self.invite)
        column.addWidget(self.message)
        column.addWidget(buttons)
        link.request(Invite(expires_s=_DAY_S), Done, self._made, self._refused, owner=self)

    def _made(self, done: Done) -> None:
        self.invite.setPlainText(done.text)
        self.invite.selectAll()
        self.copy.setEnabled(True)
        self.copy.setDefault(True)
        self.copy.setFocus()

    def _refused(self, reason: str) -> None:
        self.invite.setPlaceholderText("No invite was made.")
        _say(self.message, reason, Tone.RED)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.invite.toPlainText())
        self.copy.setText("Copied")


class JoinDialog(QDialog):
    """Takes an invite and a name, and has the node join."""

    joined = Signal(str)
    """The team's name."""

    def __init__(self, link: Link, status: Status | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Join a team")
        self.setMinimumWidth(_WIDTH)
        self._link = link
        self.invite = QPlainTextEdit()
        self.invite.setAccessibleName("The invite")
        self.invite.setPlaceholderText("paste the invite here")
        self.invite.setTabChangesFocus(True)
        self.invite.setFixedHeight(92)
        self.person = QLineEdit(clean(status.person, 60) if status is not None else "")
        self.person.setAccessibleName("Your name in the team")
        self.person.setPlaceholderText("your name in the team")
        self.person.setMaxLength(60)
        self.message = PlainLabel("Your team of one is left behind, and its history with it. Your sources stay on this machine.", wrap=True)
        buttons = QDialogButtonBox()
        self.join = QPushButton("Join")
        self.join.setDefault(True)
        buttons.addButton(self.join, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        buttons.rejected.connect(self.reject)
        self.join.clicked.connect(self._join)
        self.invite.textChanged.connect(self._refresh)
        self.person.textChanged.connect(self._refresh)
        column = _column(self)
        column.addWidget(heading("Join a team"))
        column.addWidget(PlainLabel("Ask somebody of the team for an invite: one line, good for one person.", wrap=True))
        column.addWidget(self.invite)
        column.addWidget(PlainLabel("Your name, as the others will see it:"))
        column.addWidget(self.person)
        column.addWidget(self.message)
        column.addWidget(buttons)
        self._refresh()

    def _refresh(self) -> None:
        self.join.setEnabled(bool(self.invite.toPlainText().strip()) and bool(self.person.text().strip()))

    def _join(self) -> None:
        self._lock(locked=True)
        _say(self.message, "Joining… the two nodes check each other, which takes a few seconds.", Tone.MUTED)
        self._ask()

    def _ask(self) -> None:
        invite = "".join(self.invite.toPlainText().split())
        self._link.request(Join(invite=invite, person=self.person.text().strip()), Joining, self._answered, self._refused, owner=self)

    def _answered(self, joining: Joining) -> None:
        if joining.state == "waiting":
            who = clean(" or ".join(joining.approvers), 80) or "an admin"
            sentence = f"{who} has to let you in. Tell them these words, which their screen shows as well: {clean(joining.words, 80)}"
            _say(self.message, sentence, Tone.MUTED)
            QTimer.singleShot(_ASK_AGAIN_MS, self, self._ask)
            return
        self.joined.emit(joining.team)
        self.accept()

    def _refused(self, reason: str) -> None:
        self._lock(locked=False)
        _say(self.message, reason, Tone.RED)

    def _lock(self, *, locked: bool) -> None:
        for widget in (self.invite, self.person, self.join):
            widget.setEnabled(not locked)


def _column(dialog: QDialog) -> QVBoxLayout:
    column = QVBoxLayout(dialog)
    column.setContentsMargins(20, 18, 20, 16)
    column.setSpacing(12)
    return column


def _say(label: PlainLabel, text: str, tone: Tone) -> None:
    label.setText(clean(text, 400))
    palette = label.palette()
    palette.setColor(QPalette.ColorRole.WindowText, colour(tone, palette))
    label.setPalette(palette)
