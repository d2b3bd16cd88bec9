"""The dialog that revokes a person or a device."""

from __future__ import annotations

import time
from collections.abc import Sequence

from PySide6.QtWidgets import QComboBox, QLineEdit, QWidget

from devstream_desktop.control.messages.members import Member, Revoke
from devstream_desktop.desktop.widgets.dialog import say
from devstream_desktop.desktop.widgets.text import PlainLabel, verb_button
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.desktop.windows.team.dialog import TeamDialog, chosen_first
from devstream_desktop.language import N_, _
from devstream_desktop.stream.text import clean

_HOUR_MS = 3_600_000
SINCE = (
    (N_("now: it was safe until today"), 0),
    (N_("an hour ago"), 1),
    (N_("a day ago"), 24),
    (N_("a week ago"), 24 * 7),
    (N_("a month ago"), 24 * 30),
)
"""Moments of a compromise, as labels and hours before now."""


class RevokeDialog(TeamDialog):
    """Revokes a person or one device for good; the name has to be typed."""

    def __init__(
        self, members: Sequence[Member], chosen: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(
            _("Revoke a person or a device"), verb_button(_("Revoke for good")), parent
        )
        self.who = QComboBox()
        self.who.setAccessibleName(_("Who"))
        self._offer(members, chosen)
        self.since = QComboBox()
        self.since.setAccessibleName(_("Compromised since"))
        for label, hours in SINCE:
            self.since.addItem(_(label), hours)
        self.why = QLineEdit()
        self.why.setAccessibleName(_("Why"))
        self.why.setMaxLength(100)
        self.why.setPlaceholderText(_("everybody sees it (optional)"))
        self.typed = QLineEdit()
        self.typed.setAccessibleName(_("Type the name to confirm"))
        self.form.addRow(PlainLabel(_("Who")), self.who)
        self.form.addRow(PlainLabel(_("Compromised since")), self.since)
        self.form.addRow(PlainLabel(_("Why")), self.why)
        self.form.addRow(PlainLabel(_("To confirm")), self.typed)
        say(
            self.message,
            _(
                "Every node closes its connections within seconds and rejects what it publishes "
                "from then on. This cannot be undone."
            ),
            Tone.AMBER,
        )
        self.typed.textChanged.connect(self._refresh)
        self.who.currentIndexChanged.connect(self._refresh)
        self.fill_in(self.who, self.since, self.why, self.typed)
        self._refresh()

    def _offer(self, members: Sequence[Member], chosen: str) -> None:
        for member in chosen_first(members, chosen):
            # This device cannot revoke itself.
            devices = [one for one in member.devices if not one.revoked and not one.here]
            if devices:
                everything = _("{person}, with all devices").format(person=member.person)
                self.who.addItem(clean(everything, 100), (member.person, member.person))
            for device in devices:
                one = _("only {person}'s device {device}").format(
                    person=member.person, device=device.device[:8]
                )
                self.who.addItem(clean(one, 100), (member.person, device.device))

    def request(self) -> Revoke:
        """Return the person or the device to revoke, and since when."""
        # 0 lets the node take the present, so that two clocks need not agree on it.
        hours = self.since.currentData()
        since = int(time.time() * 1000) - hours * _HOUR_MS if hours else 0
        return Revoke(who=self.who.currentData()[1], why=self.why.text().strip(), since=since)

    def _refresh(self) -> None:
        # Also for one device the person's name is typed: a device's is eight random letters.
        chosen = self.who.currentData()
        person = chosen[0] if chosen else ""
        hint = _("type {name}") if person else _("there is nobody else")
        self.typed.setPlaceholderText(hint.format(name=clean(person, 60)))
        self.go.setEnabled(bool(person) and self.typed.text().strip() == person)
