"""The dialogs that give a role and take one away."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QComboBox, QLineEdit, QPushButton, QWidget

from devstream_desktop.control.messages.members import Grant, Member, Ungrant
from devstream_desktop.desktop.widgets.dialog import say
from devstream_desktop.desktop.widgets.text import PlainLabel
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.desktop.windows.team.dialog import TeamDialog, chosen_first
from devstream_desktop.desktop.windows.team.roles import ROLES, role_text
from devstream_desktop.language import _
from devstream_desktop.stream.text import clean
from devstream_desktop.stream.words import Role

_PATTERNED = (Role.DEPLOYER, Role.APPROVER, Role.BREAK_GLASS)


class GiveRoleDialog(TeamDialog):
    """Gives a person a role."""

    def __init__(
        self, members: Sequence[Member], chosen: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(_("Grant a role"), QPushButton(_("&Grant the role")), parent)
        self.person = _people(members, chosen)
        self.role = QComboBox()
        self.role.setAccessibleName(_("Role"))
        for role, meaning in ROLES:
            self.role.addItem(_(meaning), role.value)
        self.pattern = QLineEdit()
        self.pattern.setAccessibleName(_("Where"))
        self.pattern.setPlaceholderText(_("target/environment, as shop/production or */staging"))
        self.form.addRow(PlainLabel(_("Who")), self.person)
        self.form.addRow(PlainLabel(_("Role")), self.role)
        self.form.addRow(PlainLabel(_("Where")), self.pattern)
        self.role.currentIndexChanged.connect(self._refresh)
        self.pattern.textChanged.connect(self._refresh)
        self.person.currentIndexChanged.connect(self._refresh)
        self.fill_in(self.person, self.role, self.pattern)
        self._refresh()

    def request(self) -> Grant:
        """Return the role to give."""
        # What was typed for another role stays in the field, but is not sent.
        patterned = self.role.currentData() in _PATTERNED
        pattern = self.pattern.text().strip() if patterned else ""
        return Grant(
            person=self.person.currentData(), role=self.role.currentData(), pattern=pattern
        )

    def _refresh(self) -> None:
        patterned = self.role.currentData() in _PATTERNED
        self.pattern.setEnabled(patterned)
        complete = not patterned or "/" in self.pattern.text()
        self.go.setEnabled(self.person.currentData() is not None and complete)


class TakeRoleDialog(TeamDialog):
    """Takes a role from a person."""

    def __init__(
        self, members: Sequence[Member], chosen: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(_("Remove a role"), QPushButton(_("&Remove it")), parent)
        self.held = QComboBox()
        self.held.setAccessibleName(_("Who has which role"))
        for member in chosen_first(members, chosen):
            for role in member.roles:
                self.held.addItem(
                    clean(f"{member.person}: {role_text(role)}", 200), (member.person, role)
                )
        self.form.addRow(PlainLabel(_("Who has what")), self.held)
        self.fill_in(self.held)
        self.go.setEnabled(self.held.count() > 0)
        if not self.held.count():
            say(self.message, _("Nobody has a role that could be removed."), Tone.MUTED)

    def request(self) -> Ungrant:
        """Return the role to take."""
        person, held = self.held.currentData()
        # As the node lists it: `deployer shop/production`, or `admin` alone.
        role, _, pattern = held.partition(" ")
        return Ungrant(person=person, role=role, pattern=pattern)


def _people(members: Sequence[Member], chosen: str) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(_("Who"))
    for member in members:
        # Nobody can give a role to a person without a device.
        if any(not device.revoked for device in member.devices):
            box.addItem(clean(member.person, 60), member.person)
    box.setCurrentIndex(max(0, box.findData(chosen)))
    return box
