"""The dialog that joins a team and tests the way to it."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QDialogButtonBox, QLineEdit, QPlainTextEdit, QPushButton, QWidget

from devstream_desktop.control.join_words import translated
from devstream_desktop.control.messages.base import Done
from devstream_desktop.control.messages.members import InviteRead, Join, Joining, ReadInvite
from devstream_desktop.control.messages.status import PeerStatus, Status
from devstream_desktop.control.messages.stream import SetDuty
from devstream_desktop.desktop.client.state import AppState
from devstream_desktop.desktop.widgets.dialog import Dialog, column, plain_button, say
from devstream_desktop.desktop.widgets.look import sentence
from devstream_desktop.desktop.widgets.text import PlainLabel, heading
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.language import N_, _, either, ngettext, number, pgettext
from devstream_desktop.stream.text import clean

ASK_AGAIN_MS = 3000
"""Milliseconds between questions while an admin has not approved yet."""
_READ_MS = 200
"""Milliseconds without a keystroke after which the line is looked at."""
_LOOK_MS = 1_000
"""Milliseconds between looks at the status, once joined."""
_WIDTH = 460
_LEAVING = N_("You leave your team of one and its history. Your sources stay on this computer.")


class JoinDialog(Dialog):
    """Joins a team, then tests the way in both directions.

    The test is an event that is of use: it says whether the person is on duty. It has travelled
    when a linked peer has all that is here, and this computer all that is there.
    """

    joined = Signal(str)
    """The team's name."""
    stale = Signal()
    """The status is old by now; the dialog wants a newer one."""

    def __init__(
        self,
        state: AppState,
        parent: QWidget | None = None,
        *,
        ask_again_ms: int = ASK_AGAIN_MS,
    ) -> None:
        super().__init__(_("Join a team"), parent)
        self.setMinimumWidth(_WIDTH)
        self._state = state
        status = state.status
        self.invite = QPlainTextEdit()
        self.invite.setAccessibleName(_("The invite"))
        self.invite.setPlaceholderText(_("paste the invite here"))
        self.invite.setTabChangesFocus(True)
        self.invite.setFixedHeight(110)
        self.person = QLineEdit(clean(status.person, 60) if status is not None else "")
        self.person.setAccessibleName(_("Your name in the team"))
        self.person.setPlaceholderText(_("empty with an invite for another device of yours"))
        self.person.setMaxLength(60)
        self.message = PlainLabel(_(_LEAVING), wrap=True)
        # Room for the longest of its sentences, so that nothing moves as they change.
        self.message.setMinimumHeight(4 * self.message.fontMetrics().lineSpacing())
        self.message.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._team = ""
        """The team that was joined."""
        self._said = False
        """The test event is published."""
        self._saying = False
        self._read = QTimer(self, singleShot=True, interval=_READ_MS)
        self._read.timeout.connect(self._look_at_invite)
        self._look = QTimer(self, interval=_LOOK_MS)
        self._look.timeout.connect(self.stale)
        state.changed.connect(self._follow)
        self.words = heading("", points=1)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.words.hide()
        self._again = QTimer(self, singleShot=True, interval=ask_again_ms)
        self._again.timeout.connect(self._send)
        buttons = QDialogButtonBox()
        self.join = QPushButton(_("Join"))
        self.join.setDefault(True)
        buttons.addButton(self.join, QDialogButtonBox.ButtonRole.ActionRole)
        self.cancel = plain_button(buttons, QDialogButtonBox.StandardButton.Cancel)
        buttons.rejected.connect(self.reject)
        self.join.clicked.connect(self._join)
        self.invite.textChanged.connect(self._refresh)
        layout = column(self)
        layout.addWidget(heading(_("Join a team")))
        layout.addWidget(
            PlainLabel(
                _("Ask somebody in the team for an invite: one line, good for one person."),
                wrap=True,
            )
        )
        layout.addWidget(self.invite)
        layout.addWidget(PlainLabel(_("Your name, as the others will see it:")))
        layout.addWidget(self.person)
        layout.addWidget(self.message)
        layout.addWidget(self.words)
        layout.addWidget(buttons)
        self._refresh()

    @property
    def _pasted(self) -> str:
        # Mail programs break a long line into several.
        return "".join(self.invite.toPlainText().split())

    def _refresh(self) -> None:
        self.join.setEnabled(bool(self._pasted))
        say(self.message, _(_LEAVING), Tone.PLAIN)
        self._read.start()

    def _look_at_invite(self) -> None:
        pasted = self._pasted
        # An answer about a line that was changed since says nothing.
        if not pasted or not self.invite.isEnabled():
            return

        def found(read: InviteRead) -> None:
            if pasted == self._pasted and self.invite.isEnabled():
                if read.addresses:
                    said = _("A complete invite, to a team that is reached at {address}.")
                    said = said.format(address=clean(read.addresses[0], 80))
                else:
                    said = _("A complete invite, to a team that is reached at another computer.")
                say(self.message, f"{said} {_(_LEAVING)}", Tone.GREEN)

        def refuse(reason: str) -> None:
            if pasted == self._pasted and self.invite.isEnabled():
                say(self.message, sentence(translated(reason)), Tone.RED)
                self.join.setEnabled(False)

        self.ask(ReadInvite(invite=pasted), found, refuse)

    def _join(self) -> None:
        # An invite works once, so what was sent must not change while it is under way.
        self._lock(locked=True)
        say(
            self.message,
            _("Joining… the two nodes check each other, which takes a few seconds."),
            Tone.MUTED,
        )
        self._send()

    def _send(self) -> None:
        request = Join(invite=self._pasted, person=self.person.text().strip())
        self.ask(request, self._answered, self._refused)

    def _answered(self, joining: Joining) -> None:
        # The same question again tells whether an admin has decided meanwhile.
        if joining.state != "waiting":
            self._joined(joining.team)
            return
        who = either(clean(person, 60) for person in joining.approvers[:5])
        who = who or pgettext("approver", "an admin")
        self.words.setText(clean(joining.words, 100))
        self.words.show()
        say(
            self.message,
            _(
                "Waiting for {person} to approve. Call them and compare these six words; "
                "their Team page shows the same."
            ).format(person=who),
            Tone.BLUE,
        )
        self._again.start()

    def _joined(self, team: str) -> None:
        self._team = team
        self.words.hide()
        self.join.hide()
        self.cancel.setText(_("Close"))
        said = _("You are in {team}. The node starts anew in it…").format(team=clean(team, 60))
        say(self.message, said, Tone.MUTED)
        self._look.start()
        self.joined.emit(team)

    def _follow(self) -> None:
        """Go on with the test by the node's status."""
        status = self._state.status
        if not self._team or not self._state.ready or status is None or status.team != self._team:
            return
        if self._saying:
            return
        if not self._said:
            self._saying = True
            self.ask(SetDuty(on=status.on_duty), self._set_said, self._say_again)
            return
        self._show_way(status)

    def _show_way(self, status: Status) -> None:
        team = clean(self._team, 60)
        live = [peer for peer in status.peers if peer.device and peer.state in ("live", "syncing")]
        if not live:
            said = _(
                "You are in {team}. No colleague's node is linked yet; it may be off. This window"
                " may be closed."
            )
            say(self.message, said.format(team=team), Tone.MUTED)
            return
        level = next((peer for peer in live if _is_level(peer)), None)
        if level is None or status.missing:
            left = max(status.missing, min(peer.behind + peer.lag for peer in live))
            said = ngettext(
                "You are in {team}. {count} event is on its way…",
                "You are in {team}. {count} events are on their way…",
                left,
            )
            say(self.message, said.format(team=team, count=number(left)), Tone.BLUE)
            return
        self._look.stop()
        if status.on_duty:
            said = ngettext(
                "You are in {team}. It works both ways: {person} has heard that you are on duty,"
                " and {count} event of the team came here.",
                "You are in {team}. It works both ways: {person} has heard that you are on duty,"
                " and {count} events of the team came here.",
                status.events,
            )
        else:
            said = ngettext(
                "You are in {team}. It works both ways: {person} has heard that you are off duty,"
                " and {count} event of the team came here.",
                "You are in {team}. It works both ways: {person} has heard that you are off duty,"
                " and {count} events of the team came here.",
                status.events,
            )
        who = clean(level.person, 60) or _("a colleague")
        said = said.format(team=team, person=who, count=number(status.events))
        say(self.message, said, Tone.GREEN)

    def _set_said(self, _done: Done) -> None:
        self._said, self._saying = True, False
        self.stale.emit()

    def _say_again(self, _why: str) -> None:
        # A node that has just started anew may not take it yet; the next look tries again.
        self._saying = False

    def _refused(self, reason: str) -> None:
        self._lock(locked=False)
        say(self.message, translated(reason), Tone.RED)

    def _lock(self, *, locked: bool) -> None:
        for widget in (self.invite, self.person, self.join):
            widget.setEnabled(not locked)


def _is_level(peer: PeerStatus) -> bool:
    """Tell whether each has all that the other has."""
    return peer.state == "live" and not peer.behind and not peer.lag
