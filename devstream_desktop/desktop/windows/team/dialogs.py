"""Changing the team: a role given or taken, somebody put out, a key to keep on paper. Each says what it will do before it signs."""

from __future__ import annotations

import time
from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QFormLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from devstream_desktop.control.messages.base import Done, Request
from devstream_desktop.control.messages.members import Grant, Member, Revoke, Ungrant
from devstream_desktop.control.messages.policy import MakeRecoveryKey
from devstream_desktop.desktop.client.node_client import NodeClient
from devstream_desktop.desktop.widgets.dialog import cancel_first, column, say, tab_through
from devstream_desktop.desktop.widgets.text import PlainLabel, heading, plain_field, verb_button
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.stream.text import clean

_WIDTH = 460
_HOUR_MS = 3_600_000
ROLES = (
    ("deployer", "may deploy where the pattern says"),
    ("approver", "may approve a deploy where the pattern says"),
    ("admin", "may change the team, and let people in"),
    ("collector", "their device takes in sources"),
    ("executor", "their device runs deploys"),
)
"""The roles of the policy, and what each lets one do."""
_PATTERNED = ("deployer", "approver")
SINCE = (
    ("now: it was in good hands until today", 0),
    ("an hour ago", 1),
    ("a day ago", 24),
    ("a week ago", 24 * 7),
    ("a month ago", 24 * 30),
)
"""When a device got into wrong hands, and how many hours that is."""


class _TeamDialog(QDialog):
    """A form, a message, Cancel, and one button that signs."""

    told = Signal(str)
    """What was done, a sentence."""

    def __init__(self, client: NodeClient, title: str, go: QPushButton, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.setMinimumWidth(_WIDTH)
        self._client = client
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
        self.body.addWidget(buttons)

    def fill_in(self, *fields: QWidget) -> None:
        """These are filled in first, in this order; Enter is Cancel all the same."""
        tab_through([*fields, self.go, self.cancel])
        fields[0].setFocus()

    def sign(self, request: Request[Done]) -> None:
        """Have the node sign it."""
        self.go.setEnabled(False)
        say(self.message, "Signing…", Tone.MUTED)
        self._client.request(request, self.done_with, self._refused, owner=self)

    def done_with(self, done: Done) -> None:
        """It is signed."""
        self.told.emit(done.text)
        self.accept()

    def _refused(self, reason: str) -> None:
        self.go.setEnabled(True)
        say(self.message, reason, Tone.RED)


class GiveRoleDialog(_TeamDialog):
    """Lets somebody do more."""

    def __init__(self, client: NodeClient, members: Sequence[Member], chosen: str, parent: QWidget | None = None) -> None:
        super().__init__(client, "Give a role", QPushButton("&Give the role"), parent)
        self.go.clicked.connect(lambda: self.sign(self.request()))
        self.person = _people(members, chosen)
        self.role = QComboBox()
        self.role.setAccessibleName("Role")
        for role, meaning in ROLES:
            self.role.addItem(f"{role}: {meaning}", role)
        self.pattern = QLineEdit()
        self.pattern.setAccessibleName("Where")
        self.pattern.setPlaceholderText("target/environment, as shop/production or */staging")
        self.form.addRow(PlainLabel("Who"), self.person)
        self.form.addRow(PlainLabel("Role"), self.role)
        self.form.addRow(PlainLabel("Where"), self.pattern)
        for changed in (self.role.currentIndexChanged, self.pattern.textChanged, self.person.currentIndexChanged):
            changed.connect(self._refresh)
        self.fill_in(self.person, self.role, self.pattern)
        self._refresh()

    def request(self) -> Grant:
        """The role to give."""
        pattern = self.pattern.text().strip() if self.role.currentData() in _PATTERNED else ""
        return Grant(person=self.person.currentData(), role=self.role.currentData(), pattern=pattern)

    def _refresh(self) -> None:
        patterned = self.role.currentData() in _PATTERNED
        self.pattern.setEnabled(patterned)
        self.go.setEnabled(self.person.currentData() is not None and (not patterned or "/" in self.pattern.text()))


class TakeRoleDialog(_TeamDialog):
    """Lets somebody do less."""

    def __init__(self, client: NodeClient, members: Sequence[Member], chosen: str, parent: QWidget | None = None) -> None:
        super().__init__(client, "Take a role away", QPushButton("&Take it away"), parent)
        self.go.clicked.connect(lambda: self.sign(self.request()))
        self.held = QComboBox()
        self.held.setAccessibleName("Who has which role")
        for member in sorted(members, key=lambda member: (member.person != chosen, member.person)):
            for role in member.roles:
                self.held.addItem(clean(f"{member.person}: {role}", 200), (member.person, role))
        self.form.addRow(PlainLabel("Who has what"), self.held)
        self.fill_in(self.held)
        self.go.setEnabled(self.held.count() > 0)
        if not self.held.count():
            say(self.message, "Nobody has a role that could be taken away.", Tone.MUTED)

    def request(self) -> Ungrant:
        """The role to take."""
        person, held = self.held.currentData()
        role, _, pattern = held.partition(" ")
        return Ungrant(person=person, role=role, pattern=pattern)


class RevokeDialog(_TeamDialog):
    """Puts a person or one device out for good; its name has to be typed."""

    def __init__(self, client: NodeClient, members: Sequence[Member], chosen: str, parent: QWidget | None = None) -> None:
        super().__init__(client, "Put out of the team", verb_button("Put out for good"), parent)
        self.go.clicked.connect(lambda: self.sign(self.request()))
        self.who = QComboBox()
        self.who.setAccessibleName("Who")
        for member in sorted(members, key=lambda member: (member.person != chosen, member.person)):
            devices = [device for device in member.devices if not device.revoked and not device.here]
            if devices:
                self.who.addItem(clean(f"{member.person}, with all devices", 100), (member.person, member.person))
            for device in devices:
                self.who.addItem(clean(f"only {member.person}'s device {device.device[:8]}", 100), (member.person, device.device))
        self.since = QComboBox()
        self.since.setAccessibleName("In wrong hands since")
        for words, hours in SINCE:
            self.since.addItem(words, hours)
        self.why = QLineEdit()
        self.why.setAccessibleName("Why")
        self.why.setMaxLength(100)
        self.why.setPlaceholderText("everybody sees it (optional)")
        self.typed = QLineEdit()
        self.typed.setAccessibleName("Type the name to confirm")
        for label, field in (("Who", self.who), ("In wrong hands since", self.since), ("Why", self.why), ("To confirm", self.typed)):
            self.form.addRow(PlainLabel(label), field)
        say(
            self.message,
            "Its links are closed within seconds everywhere, and what it says is not taken any more. It cannot be undone.",
            Tone.AMBER,
        )
        self.typed.textChanged.connect(self._refresh)
        self.who.currentIndexChanged.connect(self._refresh)
        self.fill_in(self.who, self.since, self.why, self.typed)
        self._refresh()

    def request(self) -> Revoke:
        """Whom to put out."""
        hours = self.since.currentData()
        since = int(time.time() * 1000) - hours * _HOUR_MS if hours else 0
        return Revoke(who=self.who.currentData()[1], why=self.why.text().strip(), since=since)

    def _refresh(self) -> None:
        chosen = self.who.currentData()
        person = chosen[0] if chosen else ""
        self.typed.setPlaceholderText(f"type {clean(person, 60)}" if person else "there is nobody else")
        self.go.setEnabled(bool(person) and self.typed.text().strip() == person)


class RecoveryKeyDialog(_TeamDialog):
    """Makes the key that lets the team go on when every admin is gone; it is shown once."""

    def __init__(self, client: NodeClient, parent: QWidget | None = None) -> None:
        super().__init__(client, "A recovery key", QPushButton("&Make a key"), parent)
        self.go.clicked.connect(lambda: self.sign(self.request()))
        self.key = plain_field("", name="The recovery key", lines=3)
        self.key.hide()
        self.copy = QPushButton("&Copy")
        self.copy.hide()
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.key.toPlainText()))
        self.body.insertWidget(2, self.key)
        self.body.insertWidget(3, self.copy, 0, Qt.AlignmentFlag.AlignLeft)
        say(
            self.message,
            "Whoever has this key can make a device an admin: print it and lock it away. "
            "It is shown once, and takes the place of the one before.",
            Tone.PLAIN,
        )

    def request(self) -> MakeRecoveryKey:
        """A new key."""
        return MakeRecoveryKey()

    def done_with(self, done: Done) -> None:
        """Show it; the dialog stays."""
        self.key.setPlainText(done.text)
        self.key.show()
        self.copy.show()
        self.go.hide()
        self.cancel.setText("Close")
        self.told.emit("The team has a new recovery key.")
        say(self.message, "Write it down or print it before you close this: it is kept nowhere else.", Tone.AMBER)


def _people(members: Sequence[Member], chosen: str) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName("Who")
    for member in members:
        if any(not device.revoked for device in member.devices):
            box.addItem(clean(member.person, 60), member.person)
    box.setCurrentIndex(max(0, box.findData(chosen)))
    return box
