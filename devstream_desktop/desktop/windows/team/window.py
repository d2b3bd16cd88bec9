"""The team page: who is in and who may do what, who waits at the door, and the changes that want another admin's signature."""

from __future__ import annotations

import time
from datetime import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from devstream_desktop.control.messages.base import Done, Request
from devstream_desktop.control.messages.members import GetMembers, Member, Members, Waiting
from devstream_desktop.control.messages.policy import GetPolicy, PolicyState, Proposal
from devstream_desktop.control.wording import count
from devstream_desktop.desktop.client.state import AppState
from devstream_desktop.desktop.widgets.dialog import column, paint, say, tab_through
from devstream_desktop.desktop.widgets.look import ago, people, short_time
from devstream_desktop.desktop.widgets.text import PlainLabel, heading
from devstream_desktop.desktop.widgets.theme import Tone, colour
from devstream_desktop.desktop.windows.team.approvals import ProposalBox, WaitingBox
from devstream_desktop.desktop.windows.team.dialogs import GiveRoleDialog, RecoveryKeyDialog, RevokeDialog, TakeRoleDialog
from devstream_desktop.stream.text import clean

_SHOWN_REFUSALS = 5
_SHOWN_ASKS = 3
"""At once, so that the window keeps room for the members and stays smaller than the screen."""
_PERSON = Qt.ItemDataRole.UserRole


class TeamWindow(QDialog):
    """Follows the team for as long as it is open."""

    invite_chosen = Signal()

    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("devstream team")
        self.resize(900, 560)
        self._state = state
        self._client = state.client
        self.members = Members(members=())
        self.policy: PolicyState | None = None
        self.title = heading("The team")
        self.rules = PlainLabel(wrap=True, selectable=True)
        self.notices = PlainLabel(wrap=True, selectable=True)
        self.refused = PlainLabel(wrap=True, selectable=True)
        for label, tone in ((self.rules, Tone.MUTED), (self.notices, Tone.AMBER), (self.refused, Tone.AMBER)):
            paint(label, tone)
        self.asks = QVBoxLayout()
        self.tree = _tree()
        self.message = PlainLabel("Asking the node…", wrap=True)
        self.invite = QPushButton("&Invite…")
        self.give = QPushButton("&Give a role…")
        self.take = QPushButton("&Take a role…")
        self.revoke = QPushButton("&Put out…")
        self.recovery = QPushButton("Recovery &key…")
        self.close_button = QPushButton("Close")
        self._commands = (self.invite, self.give, self.take, self.revoke, self.recovery)
        self._lay_out()
        self.invite.clicked.connect(self.invite_chosen)
        self.give.clicked.connect(lambda: self._open(GiveRoleDialog(self._client, self.members.members, self.chosen(), self)))
        self.take.clicked.connect(lambda: self._open(TakeRoleDialog(self._client, self.members.members, self.chosen(), self)))
        self.revoke.clicked.connect(lambda: self._open(RevokeDialog(self._client, self.members.members, self.chosen(), self)))
        self.recovery.clicked.connect(lambda: self._open(RecoveryKeyDialog(self._client, self)))
        state.changed.connect(self._show_desk)
        state.client.status_changed.connect(self.ask)
        self._show_desk()
        self._show_team()
        self.ask()

    def ask(self) -> None:
        """Have the node say anew who is in, and by which rules."""
        self._client.request(GetMembers(), self._set_members, self._failed, owner=self)
        self._client.request(GetPolicy(), self._set_policy, self._failed, owner=self)

    def chosen(self) -> str:
        """The person whose row, or whose device's row, is selected; empty when none is."""
        items = self.tree.selectedItems()
        return str((items[0].parent() or items[0]).data(0, _PERSON)) if items else ""

    def _lay_out(self) -> None:
        layout = column(self)
        for widget in (self.title, self.rules, self.notices):
            layout.addWidget(widget)
        layout.addLayout(self.asks)
        layout.addWidget(self.tree, 1)
        layout.addWidget(self.refused)
        layout.addWidget(self.message)
        row = QHBoxLayout()
        for button in self._commands:
            button.setAutoDefault(False)
            row.addWidget(button)
        row.addStretch(1)
        self.close_button.setDefault(True)
        self.close_button.clicked.connect(self.reject)
        row.addWidget(self.close_button)
        layout.addLayout(row)

    def _set_members(self, members: Members) -> None:
        if not self.members.members:
            say(self.message, "" if members.may_change else "Only an admin's device can change the team.", Tone.MUTED)
        # Rebuilt only when it is another: a row or a button that is about to be pressed stays where it is.
        if members != self.members:
            self.members = members
            self._show_team()

    def _set_policy(self, policy: PolicyState) -> None:
        if policy != self.policy:
            self.policy = policy
            self._show_team()

    def _failed(self, reason: str) -> None:
        say(self.message, reason, Tone.RED)
        # What was refused can be tried again.
        self._show_asks()

    def _show_desk(self) -> None:
        status = self._state.status
        if status is None:
            return
        self.title.setText("A team of one" if status.solo else clean(status.team))
        now = int(time.time() * 1000)
        lines = [
            f"Not let in: {peer.address or peer.device[:8]}, {count(peer.count, 'time')}, {ago(peer.seen, now)}: {peer.reason}"
            for peer in status.refused[:_SHOWN_REFUSALS]
        ]
        self.refused.setText("\n".join(clean(line, 300) for line in lines))
        self.refused.setVisible(bool(lines))
        self.invite.setEnabled(self._state.connected and status.can_invite)

    def _show_team(self) -> None:
        chosen = self.chosen()
        self.tree.clear()
        for member in self.members.members:
            row = _row(member, colour(Tone.MUTED, self.tree.palette()))
            self.tree.addTopLevelItem(row)
            row.setExpanded(True)
            if member.person == chosen:
                self.tree.setCurrentItem(row)
        notices = dict.fromkeys([*self.members.notices, *(self.policy.notices if self.policy is not None else ())])
        self.notices.setText("\n".join(clean(notice, 300) for notice in notices))
        self.notices.setVisible(bool(notices))
        if self.policy is not None:
            self.rules.setText(rules_text(self.policy, len(self.members.members)))
        for button in (self.give, self.take, self.revoke, self.recovery):
            button.setEnabled(self.members.may_change)
        self._show_asks()

    def _show_asks(self) -> None:
        while (item := self.asks.takeAt(0)) is not None:
            if (box := item.widget()) is not None:
                box.hide()
                box.deleteLater()
        may_change, proposals = self.members.may_change, self.policy.proposals if self.policy is not None else ()
        asks: list[Waiting | Proposal] = [*self.members.waiting, *proposals]
        buttons: list[QPushButton] = []
        for ask in asks[:_SHOWN_ASKS]:
            box = WaitingBox(ask, may_change=may_change) if isinstance(ask, Waiting) else ProposalBox(ask, may_change=may_change)
            box.decided.connect(self._send)
            self.asks.addWidget(box)
            buttons += box.findChildren(QPushButton)
        if len(asks) > _SHOWN_ASKS:
            self.asks.addWidget(PlainLabel(f"and {len(asks) - _SHOWN_ASKS} more, shown as these are answered"))

        tab_through([*buttons, self.tree, *self._commands, self.close_button])

    def _send(self, request: Request[Done]) -> None:
        say(self.message, "Signing…", Tone.MUTED)
        self._client.request(request, self._done, self._failed, owner=self)

    def _done(self, done: Done) -> None:
        say(self.message, done.text, Tone.GREEN)
        self.ask()

    def _open(self, dialog: GiveRoleDialog | TakeRoleDialog | RevokeDialog | RecoveryKeyDialog) -> None:
        dialog.told.connect(lambda text: say(self.message, text, Tone.GREEN))
        dialog.finished.connect(self.ask)
        dialog.open()


def rules_text(policy: PolicyState, size: int) -> str:
    """The policy in two lines."""
    admins = len(policy.admins)
    who = f"admins: {', '.join(policy.admins)}"
    signs = "each admin can change it alone" if policy.threshold == 1 else f"{policy.threshold} of {admins} admins sign a change"
    joins = "an admin approves each join" if policy.approve_joins else "an invite is enough to join"
    key = "a recovery key is kept on paper" if policy.recovery_key else "no recovery key"
    now = datetime.now().astimezone()
    lines = (
        f"{people(size)} · {who} · {signs} · {joins}",
        f"policy version {policy.version}, valid until {short_time(policy.expires, now)} · {key} · history of {policy.retention_days} days",
    )
    return "\n".join(clean(line, 300) for line in lines)


def _tree() -> QTreeWidget:
    tree = QTreeWidget()
    tree.setAccessibleName("Members and their devices")
    tree.setMinimumHeight(140)
    tree.setHeaderLabels(["Person", "May", "Words of the device"])
    tree.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    tree.header().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    tree.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    tree.setAllColumnsShowFocus(True)
    return tree


def _row(member: Member, muted: QColor) -> QTreeWidgetItem:
    there = any(not device.revoked for device in member.devices)
    may = ", ".join(member.roles) or "see and say" if there else "nothing: put out of the team"
    row = QTreeWidgetItem([clean(member.person, 32), clean(may, 80), ""])
    row.setData(0, _PERSON, member.person)
    for device in member.devices:
        name = f"device {device.device[:8]}" + (" (this one)" if device.here else "")
        what = f"put out: {device.why}" if device.revoked and device.why else "put out" if device.revoked else ", ".join(device.roles)
        child = QTreeWidgetItem([clean(name, 60), clean(what, 200), clean(device.words, 100)])
        if device.revoked:
            for place in range(child.columnCount()):
                child.setForeground(place, muted)
        row.addChild(child)
    return row
