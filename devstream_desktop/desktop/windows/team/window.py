"""The team window: members, their roles, and what waits for an admin."""

from __future__ import annotations

import time
from datetime import datetime

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from devstream_desktop.control.messages.base import Done, Request
from devstream_desktop.control.messages.members import GetMembers, Member, Members, Waiting
from devstream_desktop.control.messages.policy import GetPolicy, PolicyState, Proposal
from devstream_desktop.control.node_words import translated
from devstream_desktop.control.wording import on_duty
from devstream_desktop.desktop.client.state import AppState
from devstream_desktop.desktop.widgets.dialog import Dialog, column, say, tab_through
from devstream_desktop.desktop.widgets.look import people, short_time
from devstream_desktop.desktop.widgets.text import PlainLabel, heading, paint
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.desktop.windows.status_text import refusal_text
from devstream_desktop.desktop.windows.team.approvals import ProposalBox, WaitingBox
from devstream_desktop.desktop.windows.team.dialog import TeamDialog
from devstream_desktop.desktop.windows.team.recovery_dialog import RecoveryKeyDialog
from devstream_desktop.desktop.windows.team.revoke_dialog import RevokeDialog
from devstream_desktop.desktop.windows.team.role_dialogs import GiveRoleDialog, TakeRoleDialog
from devstream_desktop.desktop.windows.team.tree import MemberTree
from devstream_desktop.language import _, ngettext, number
from devstream_desktop.stream.text import clean

_SHOWN_REFUSALS = 5
_SHOWN_PENDING = 3
"""Boxes shown at once, so that the window fits the screen."""


class TeamWindow(Dialog):
    """Shows the team, and follows it while open."""

    invite_chosen = Signal()

    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(_("devstream team"), parent)
        self.resize(900, 560)
        self._state = state
        self.members = Members(members=())
        self.policy: PolicyState | None = None
        self._duty: dict[str, int] = {}
        self.title = heading(_("The team"))
        self.rules = PlainLabel(wrap=True, selectable=True)
        self.notices = PlainLabel(wrap=True, selectable=True)
        self.refused = PlainLabel(wrap=True, selectable=True)
        paint(self.rules, Tone.MUTED)
        paint(self.notices, Tone.AMBER)
        paint(self.refused, Tone.AMBER)
        self.pending = QVBoxLayout()
        self.tree = MemberTree()
        self.message = PlainLabel(_("Asking the node…"), wrap=True)
        self.invite = QPushButton(_("&Invite…"))
        self.give = QPushButton(_("&Grant a role…"))
        self.take = QPushButton(_("Re&move a role…"))
        self.revoke = QPushButton(_("Re&voke…"))
        self.recovery = QPushButton(_("Recovery &key…"))
        self.close_button = QPushButton(_("Close"))
        self._commands = (self.invite, self.give, self.take, self.revoke, self.recovery)
        self._lay_out()
        self.invite.clicked.connect(self.invite_chosen)
        self.give.clicked.connect(lambda: self._open(GiveRoleDialog(*self._selection(), self)))
        self.take.clicked.connect(lambda: self._open(TakeRoleDialog(*self._selection(), self)))
        self.revoke.clicked.connect(lambda: self._open(RevokeDialog(*self._selection(), self)))
        self.recovery.clicked.connect(lambda: self._open(RecoveryKeyDialog(self)))
        state.changed.connect(self._show_state)
        self._show_state()
        self._show_team()

    def begin(self) -> None:
        """Ask the node for the members and the policy."""
        self.ask(GetMembers(), self._set_members, self._failed)
        self.ask(GetPolicy(), self._set_policy, self._failed)

    def _selection(self) -> tuple[tuple[Member, ...], str]:
        return self.members.members, self.tree.chosen()

    def _lay_out(self) -> None:
        layout = column(self)
        for widget in (self.title, self.rules, self.notices):
            layout.addWidget(widget)
        layout.addLayout(self.pending)
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
            hint = "" if members.may_change else _("Only an admin's device can change the team.")
            say(self.message, hint, Tone.MUTED)
        # Rebuilt only after a change: a row or a button that is about to be pressed stays in place.
        if members != self.members:
            self.members = members
            self._show_team()

    def _set_policy(self, policy: PolicyState) -> None:
        if policy != self.policy:
            self.policy = policy
            self._show_team()

    def _failed(self, reason: str) -> None:
        say(self.message, reason, Tone.RED)
        # New boxes have enabled buttons, so that the person can try again.
        self._show_pending()

    def _show_state(self) -> None:
        status = self._state.status
        if status is None:
            return
        duty = {person: status.duty_since.get(person, 0) for person in on_duty(status)}
        if duty != self._duty:
            self._duty = duty
            self._show_members()
        self.title.setText(_("A team of one") if status.solo else clean(status.team))
        now = int(time.time() * 1000)
        lines = [refusal_text(peer, now) for peer in status.refused[:_SHOWN_REFUSALS]]
        self.refused.setText("\n".join(clean(line, 300) for line in lines))
        self.refused.setVisible(bool(lines))
        self.invite.setEnabled(self._state.connected and status.can_invite)

    def _show_team(self) -> None:
        self._show_members()
        # The members and the policy may both carry the same notice.
        more = self.policy.notices if self.policy is not None else ()
        notices = dict.fromkeys([*self.members.notices, *more])
        self.notices.setText("\n".join(clean(translated(notice), 300) for notice in notices))
        self.notices.setVisible(bool(notices))
        if self.policy is not None:
            self.rules.setText(rules_text(self.policy, len(self.members.members)))
        for button in (self.give, self.take, self.revoke, self.recovery):
            button.setEnabled(self.members.may_change)
        self._show_pending()

    def _show_members(self) -> None:
        now = int(time.time() * 1000)
        self.tree.show_members(self.members.members, self._duty, now)

    def _show_pending(self) -> None:
        while (item := self.pending.takeAt(0)) is not None:
            if (box := item.widget()) is not None:
                box.hide()
                box.deleteLater()
        proposals = self.policy.proposals if self.policy is not None else ()
        pending: list[Waiting | Proposal] = [*self.members.waiting, *proposals]
        buttons: list[QPushButton] = []
        for one in pending[:_SHOWN_PENDING]:
            box = self._box(one)
            box.decided.connect(self._decide)
            self.pending.addWidget(box)
            buttons += box.findChildren(QPushButton)
        if len(pending) > _SHOWN_PENDING:
            left = len(pending) - _SHOWN_PENDING
            more = ngettext(
                "and {count} more, shown as these are answered",
                "and {count} more, shown as these are answered",
                left,
            )
            self.pending.addWidget(PlainLabel(more.format(count=number(left))))
        tab_through([*buttons, self.tree, *self._commands, self.close_button])

    def _box(self, pending: Waiting | Proposal) -> WaitingBox | ProposalBox:
        may_change = self.members.may_change
        if isinstance(pending, Waiting):
            return WaitingBox(pending, may_change=may_change)
        return ProposalBox(pending, may_change=may_change)

    def _decide(self, request: Request[Done]) -> None:
        say(self.message, _("Signing…"), Tone.MUTED)
        self.ask(request, self._done, self._failed)

    def _done(self, done: Done) -> None:
        say(self.message, done.text, Tone.GREEN)
        self.begin()

    def _open(self, dialog: TeamDialog) -> None:
        dialog.asked.connect(self.asked)
        dialog.signed.connect(lambda text: say(self.message, text, Tone.GREEN))
        dialog.finished.connect(self.begin)
        dialog.open()


def rules_text(policy: PolicyState, size: int) -> str:
    """Return the policy in two lines."""
    admins = len(policy.admins)
    who = _("admins: {names}").format(names=", ".join(policy.admins))
    if policy.threshold == 1:
        signs = _("each admin can change it alone")
    else:
        signs = _("{count} of {admins} admins sign a change").format(
            count=policy.threshold, admins=admins
        )
    approved, open_to_all = _("an admin approves each join"), _("an invite is enough to join")
    joins = approved if policy.approve_joins else open_to_all
    key = _("a recovery key is kept on paper") if policy.recovery_key else _("no recovery key")
    version = _("policy version {version}, valid until {time}").format(
        version=policy.version, time=short_time(policy.expires, datetime.now().astimezone())
    )
    retention = _("history of {days} days, of deploys {deploy_days}").format(
        days=number(policy.retention_days), deploy_days=number(policy.audit_days)
    )
    lines = (
        f"{people(size)} · {who} · {signs} · {joins}",
        f"{version} · {key} · {retention}",
    )
    return "\n".join(clean(line, 300) for line in lines)
