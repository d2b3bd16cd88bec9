"""The tree of the team's members, their roles and their devices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTreeWidget, QTreeWidgetItem

from devstream_desktop.control.messages.members import Device, Member
from devstream_desktop.desktop.widgets.cells import airy
from devstream_desktop.desktop.widgets.look import ago, since
from devstream_desktop.desktop.widgets.theme import Tone, colour
from devstream_desktop.desktop.windows.team.roles import role_text
from devstream_desktop.language import _
from devstream_desktop.stream.text import clean

_PERSON = Qt.ItemDataRole.UserRole


class MemberTree(QTreeWidget):
    """A row for each person, and below it one for each device."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(_("Members and their devices"))
        self.setMinimumHeight(140)
        self.setHeaderLabels([_("Person"), _("Now"), _("May"), _("Security words")])
        airy(self)
        header = self.header()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setAllColumnsShowFocus(True)

    def chosen(self) -> str:
        """Return the person of the selected row, or of its device; empty when none is selected."""
        items = self.selectedItems()
        return str((items[0].parent() or items[0]).data(0, _PERSON)) if items else ""

    def show_members(self, members: Iterable[Member], duty: Mapping[str, int], now: int) -> None:
        """Replace all rows, keeping the selected person.

        Args:
            members: The team.
            duty: Who is on duty, and since when: UTC milliseconds, 0 for not known.
            now: The time of reading, UTC milliseconds.
        """
        chosen = self.chosen()
        self.clear()
        for member in members:
            row = _row(member, duty.get(member.person), now, colour(Tone.MUTED, self.palette()))
            self.addTopLevelItem(row)
            row.setExpanded(True)
            if member.person == chosen:
                self.setCurrentItem(row)


def _row(member: Member, on_duty: int | None, now: int, muted: QColor) -> QTreeWidgetItem:
    # A person whose devices are all revoked is listed, so that everybody can see it.
    there = any(not device.revoked for device in member.devices)
    held = ", ".join(role_text(role) for role in member.roles)
    may = held or _("see and publish") if there else _("nothing: revoked")
    duty = _duty(on_duty, now) if there else ""
    row = QTreeWidgetItem([clean(member.person, 32), duty, clean(may, 80), ""])
    row.setData(0, _PERSON, member.person)
    for device in member.devices:
        machine = device.machine or _("device")
        name = f"{machine} {device.device[:8]}"
        if device.here:
            name = _("{device} (this one)").format(device=name)
        cells = (
            clean(name, 60),
            _presence(device, now),
            clean(_may(device), 200),
            clean(device.words, 100),
        )
        child = QTreeWidgetItem(list(cells))
        if device.revoked:
            for column in range(child.columnCount()):
                child.setForeground(column, muted)
        row.addChild(child)
    return row


def _duty(since_ms: int | None, now: int) -> str:
    if since_ms is None:
        return _("○ off duty")
    if not since_ms:
        return _("● on duty")
    return _("● on duty ({age})").format(age=since(since_ms, now))


def _presence(device: Device, now: int) -> str:
    """Return whether a device is linked, else when it was last heard."""
    if device.revoked or device.here:
        return ""
    if device.linked:
        return _("linked")
    if not device.seen:
        return _("never heard")
    return _("heard {age}").format(age=ago(device.seen, now))


def _may(device: Device) -> str:
    if not device.revoked:
        return ", ".join(role_text(role) for role in device.roles)
    return _("revoked: {reason}").format(reason=device.why) if device.why else _("revoked")
