"""The dialog that makes an invite to hand over."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QComboBox, QDialogButtonBox, QPushButton, QWidget

from devstream_desktop.control.messages.base import Done
from devstream_desktop.control.messages.members import GetMembers, Invite, Members
from devstream_desktop.control.messages.status import Status
from devstream_desktop.desktop.widgets.dialog import Dialog, column, plain_button, say
from devstream_desktop.desktop.widgets.text import PlainLabel, heading, plain_field
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.language import _
from devstream_desktop.stream.text import clean

_DAY_S = 86_400
_LOOK_MS = 2_000
"""Milliseconds between looks at who came."""
_WIDTH = 460


class InviteDialog(Dialog):
    """Makes one invite and shows it to be copied."""

    def __init__(self, status: Status | None, parent: QWidget | None = None) -> None:
        super().__init__(_("Invite to the team"), parent)
        self.setMinimumWidth(_WIDTH)
        if status is None or status.solo:
            title = _("Invite somebody to your team")
        else:
            title = _("Invite somebody to {team}").format(team=clean(status.team))
        self.who = QComboBox()
        self.who.setAccessibleName(_("Who it is for"))
        self.who.addItem(_("Somebody new"), ("", ""))
        self.who.currentIndexChanged.connect(lambda _at: self._make())
        self.invite = plain_field("", name=_("The invite"), lines=6)
        self.invite.setPlaceholderText(_("Making an invite…"))
        self.message = PlainLabel(
            _(
                "One device can ask to join with it, once, within 24 hours. "
                "Hand it over on a channel that you trust. "
                "devstream must run on this computer when they join; "
                "from the third person on, an admin has to approve."
            ),
            wrap=True,
        )
        self.arrival = PlainLabel(wrap=True)
        self.arrival.hide()
        self._known: frozenset[str] | None = None
        """Devices in the team, or asking to join, before; None until the node said."""
        self._look = QTimer(self, interval=_LOOK_MS)
        self._look.timeout.connect(lambda: self.ask(GetMembers(), self._look_who_came, _ignore))
        buttons = QDialogButtonBox()
        self.copy = QPushButton(_("Copy invite"))
        self.copy.setEnabled(False)
        buttons.addButton(self.copy, QDialogButtonBox.ButtonRole.ActionRole)
        plain_button(buttons, QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        self.copy.clicked.connect(self._copy)
        layout = column(self)
        layout.addWidget(heading(title))
        layout.addWidget(self.who)
        layout.addWidget(
            PlainLabel(
                _("They start devstream, choose “Join a team…”, and paste this line:"), wrap=True
            )
        )
        layout.addWidget(self.invite)
        layout.addWidget(self.message)
        layout.addWidget(self.arrival)
        layout.addWidget(buttons)

    def begin(self) -> None:
        """Ask for an invite, and for the persons in the team."""
        self.ask(GetMembers(), self._offer, _ignore)
        self._make()

    def _offer(self, members: Members) -> None:
        self._known = _all_devices(members)
        for member in members.members:
            name = clean(member.person, 60)
            self.who.addItem(
                _("Another device of {person}").format(person=name), (member.person, "")
            )
            for device in member.devices:
                if not device.revoked and not device.here:
                    machine = clean(f"{device.machine} {device.device[:8]}".lstrip(), 60)
                    in_place = _("In place of {person}'s device {device}, which is revoked")
                    in_place = in_place.format(person=name, device=machine)
                    self.who.addItem(in_place, (member.person, device.device))

    def _make(self) -> None:
        owner, replaces = self.who.currentData()
        self.invite.setPlainText("")
        self.copy.setEnabled(False)
        request = Invite(expires_s=_DAY_S, owner=owner, replaces=replaces)
        self.ask(request, lambda done: self._made(done, (owner, replaces)), self._refused)

    def _made(self, done: Done, chosen: tuple[str, str]) -> None:
        # The answer to an earlier choice must not be handed to somebody else.
        if chosen != self.who.currentData():
            return
        # Selected and on the default button: Ctrl+C and Enter both copy it.
        self.invite.setPlainText(done.text)
        if done.notice:
            notice = clean(done.notice, 400)
            say(self.message, f"{notice[:1].upper()}{notice[1:]}.", Tone.AMBER)
        self.invite.selectAll()
        self.copy.setEnabled(True)
        self.copy.setDefault(True)
        self.copy.setFocus()
        say(self.arrival, _("Waiting for somebody to use it…"), Tone.MUTED)
        self.arrival.show()
        self._look.start()

    def _look_who_came(self, members: Members) -> None:
        """Say who used an invite since this one was made."""
        if self._known is None:
            self._known = _all_devices(members)
        came = {d: who for d, who in _devices(members).items() if d not in self._known}
        asks = [one for one in members.waiting if one.device not in self._known]
        if came:
            who = ", ".join(clean(person, 60) for person in dict.fromkeys(came.values()))
            say(self.arrival, _("{person} joined.").format(person=who), Tone.GREEN)
            self._look.stop()
        elif asks:
            who = ", ".join(clean(one.person, 60) for one in asks)
            said = _(
                "{person} asks to join. Compare the six words in Team…, and approve or reject."
            )
            say(self.arrival, said.format(person=who), Tone.BLUE)

    def _refused(self, reason: str) -> None:
        self.invite.setPlaceholderText(_("No invite was made."))
        say(self.message, reason, Tone.RED)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.invite.toPlainText())
        self.copy.setText(_("Copied"))


def _devices(members: Members) -> dict[str, str]:
    """Return the person of each device that is in."""
    return {
        device.device: member.person
        for member in members.members
        for device in member.devices
        if not device.revoked
    }


def _all_devices(members: Members) -> frozenset[str]:
    """Return the devices that are in, or ask to be."""
    return frozenset(_devices(members)) | {one.device for one in members.waiting}


def _ignore(_why: str) -> None:
    """Do without the members: the invite is made all the same."""
