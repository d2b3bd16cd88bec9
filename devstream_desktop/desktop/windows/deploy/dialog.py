"""The dialog that requests a deploy: what ships, where, and who sees it; then how it goes on.

Enter and Esc press Cancel. Where the target asks for it, the name of the environment has to be
typed.
"""

from __future__ import annotations

import re

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QDialogButtonBox,
    QFormLayout,
    QLineEdit,
    QPushButton,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from devstream_desktop.control.messages.base import Done
from devstream_desktop.control.messages.deploys import (
    Plan,
    PlanDeploy,
    RequestDeploy,
    RequestLock,
    TargetStatus,
)
from devstream_desktop.control.messages.status import Status
from devstream_desktop.control.plan_words import translated
from devstream_desktop.desktop.widgets.dialog import Dialog, cancel_first, column, say
from devstream_desktop.desktop.widgets.look import people
from devstream_desktop.desktop.widgets.plain import button_text
from devstream_desktop.desktop.widgets.text import PlainLabel, elided_heading, paint
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.desktop.windows.deploy.parameters import Parameters
from devstream_desktop.desktop.windows.deploy.plan_view import PlanView
from devstream_desktop.desktop.windows.deploy.progress import Progress
from devstream_desktop.language import N_, _, ngettext
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.text import clean

_DEBOUNCE_MS = 350
_SHA = re.compile(r"[0-9a-fA-F]{7,64}")
PROMOTE = "promote"
"""Action of a dialog: deploy the commit of the environment before."""
_VERBS = {"": N_("&Deploy"), "rollback": N_("&Roll back"), PROMOTE: N_("&Promote")}
_NAMES = {
    "": N_("Deploy {target} to {environment}"),
    "rollback": N_("Roll back {target} in {environment}"),
    PROMOTE: N_("Promote {target} to {environment}"),
}
_MEANT = {
    "": N_("a branch, a tag, or a commit's hash"),
    "rollback": N_("the last good commit"),
    PROMOTE: N_("what runs on the environment before"),
}
"""The commit that is meant where none is named."""
_GLASS = frozenset({"hours", "approval"})
"""Warnings that break-glass overrides."""


class DeployDialog(Dialog):
    """One deploy, from its plan to its end."""

    sent = Signal(str)
    """The key of the request."""
    hidden = Signal()
    """It goes on out of sight."""

    def __init__(
        self,
        place: TargetStatus,
        status: Status | None,
        parent: QWidget | None = None,
        *,
        action: str = "",
    ) -> None:
        """Make the dialog; `action` is empty for a deploy, `rollback`, or `PROMOTE`."""
        name = _(_NAMES[action]).format(target=place.target, environment=place.environment)
        super().__init__(name, parent)
        self._name = name
        self.setMinimumSize(620, 520)
        self._place = place
        # A promotion is a deploy; only its commit is found in another way.
        self._promotes = action == PROMOTE
        self._action = "" if self._promotes else action
        self._plan: Plan | None = None
        self._plans = 0
        """The number of plans that were asked for."""
        self._sending = False
        self.commit = QLineEdit("" if action else clean(place.ref) or "main")
        self.commit.setAccessibleName(_("Branch, tag or commit"))
        self.commit.setPlaceholderText(_(_MEANT[action]))
        self.plan_view = PlanView()
        self.parameters = Parameters()
        self.reason = QLineEdit()
        self.reason.setAccessibleName(_("Reason"))
        self.reason.setPlaceholderText(_("why now (optional; everybody sees it)"))
        self.reason.setMaxLength(200)
        self.glass = QCheckBox(_("&Break the glass: deploy in spite of hours and approvals"))
        self.typed = QLineEdit()
        environment = clean(place.environment)
        named = _("Type {environment} to confirm").format(environment=environment)
        self.typed.setAccessibleName(named)
        self.typed.setPlaceholderText(_("type {environment}").format(environment=environment))
        self._typed_label = PlainLabel(_("To confirm"))
        self.message = PlainLabel(wrap=True)
        self.buttons = QDialogButtonBox()
        self.go = QPushButton(_(_VERBS[action]))
        self.dry_run = QPushButton(_("D&ry run"))
        self.unlock = QPushButton(_("&Unlock"))
        self.progress = Progress(place.executor)
        self._pages = QStackedLayout()
        self._lay_out(place, status)
        self._connect()
        self.cancel.setFocus()

    def _lay_out(self, place: TargetStatus, status: Status | None) -> None:
        for button in (self.dry_run, self.unlock):
            button.setAutoDefault(False)
            button.hide()
            self.buttons.addButton(button, QDialogButtonBox.ButtonRole.ResetRole)
        self.cancel = cancel_first(self.buttons, self.go)
        layout = column(self)
        layout.addWidget(elided_heading(clean(self._name)))
        if place.description:
            described = PlainLabel(clean(place.description), wrap=True)
            paint(described, Tone.MUTED)
            layout.addWidget(described)
        layout.addLayout(self._pages, 1)
        asking = QWidget()
        page = QVBoxLayout(asking)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(10)
        page.addWidget(self.commit)
        page.addWidget(self.plan_view, 1)
        page.addWidget(self.parameters)
        form = QFormLayout()
        form.setHorizontalSpacing(14)
        form.setVerticalSpacing(9)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop)
        form.addRow(PlainLabel(_("Reason")), self.reason)
        form.addRow(PlainLabel(_("Who sees it")), PlainLabel(_audience(status), wrap=True))
        form.addRow(self._typed_label, self.typed)
        page.addLayout(form)
        page.addWidget(self.glass)
        page.addWidget(self.message)
        page.addWidget(self.buttons)
        self._pages.addWidget(asking)
        self._pages.addWidget(self.progress)
        self._show_options(None)

    def _connect(self) -> None:
        self.cancel.clicked.connect(self.reject)
        self.go.clicked.connect(lambda: self._send(self._action))
        self.dry_run.clicked.connect(lambda: self._send("dry_run"))
        self.unlock.clicked.connect(self._unlock)
        self.typed.textChanged.connect(self._refresh)
        self.reason.textChanged.connect(self._refresh)
        self.glass.toggled.connect(self.begin)
        self.parameters.changed.connect(self._edited)
        self._debounce = QTimer(self, singleShot=True, interval=_DEBOUNCE_MS)
        self._debounce.timeout.connect(self.begin)
        self.commit.textEdited.connect(self._edited)
        self.progress.asked.connect(self.asked)
        self.progress.hide_chosen.connect(self.close)
        self.progress.ended.connect(self._ended)

    def follow(self, lines: list[Line]) -> None:
        """Show how the deploy goes on; `lines` have just arrived."""
        self.progress.follow(lines)

    @property
    def running(self) -> bool:
        """True from the request until the deploy has ended."""
        return self.progress.running

    @property
    def name(self) -> str:
        """Its title."""
        return self._name

    def closeEvent(self, event: QCloseEvent) -> None:
        """Go on out of sight while the deploy runs; else closing means Cancel."""
        if self.running:
            event.ignore()
            self.hide()
            self.hidden.emit()
            return
        self.reject()
        super().closeEvent(event)

    def reject(self) -> None:
        """Cancel the dialog; what was asked for goes on."""
        if self.running:
            self.hide()
            self.hidden.emit()
        else:
            super().reject()

    def _ended(self) -> None:
        # Out of sight nobody could close it any more; a popup tells the end.
        if not self.isVisible():
            self.reject()

    def _edited(self) -> None:
        # The plan is of another commit now, so Deploy stays off until the new one is here.
        self._plan = None
        self._debounce.start()
        self._refresh()

    def begin(self) -> None:
        """Ask for the plan of what is typed."""
        text = self.commit.text().strip()
        self._plan = None
        self._plans += 1
        number = self._plans
        if not text and not self._action and not self._promotes:
            self._say(_("Name a branch, a tag or a commit."), Tone.AMBER)
            self._refresh()
            return
        self._say(_("Looking up what would ship…"), Tone.MUTED)
        # Seven digits or more are a commit, also where a branch has such a name.
        sha = text.lower() if _SHA.fullmatch(text) else ""
        request = PlanDeploy(
            target=self._place.target,
            environment=self._place.environment,
            ref="" if sha else text,
            sha=sha,
            action=self._action,
            promote="*" if self._promotes and not text else "",
            override=self.glass.isChecked(),
            parameters=self.parameters.values(),
        )
        # An answer that comes after more was typed is of another commit.
        self.ask(
            request,
            lambda plan: self._show(plan) if number == self._plans else None,
            lambda reason: self._show_no_plan(reason) if number == self._plans else None,
        )
        self._refresh()

    def _show_no_plan(self, reason: str) -> None:
        self.plan_view.clear()
        self._show_options(None)
        self._say(reason, Tone.RED)
        self._refresh()

    def _show(self, plan: Plan) -> None:
        self._plan = plan
        self.plan_view.show_plan(plan)
        self.parameters.show_forms(plan.parameters)
        self._show_options(plan)
        self.go.setText(self._go_text(plan))
        if not plan.allowed:
            no = _("The policy does not let you deploy here; ask an admin of the team.")
            self._say(translated(plan.reason) or no, Tone.RED)
        elif plan.own:
            self._say(_("Your request that waits there gives way to this one."), Tone.AMBER)
        elif plan.running is not None:
            busy = _("{person} is deploying here; this one waits in the queue.")
            self._say(busy.format(person=clean(plan.running.person)), Tone.AMBER)
        elif plan.approvals and plan.approvers:
            who = ", ".join(clean(name) for name in plan.approvers)
            waits = _("It then waits for approval: {people} can give it.")
            self._say(waits.format(people=who), Tone.AMBER)
        elif plan.approvals:
            nobody = _("It then waits for approval: nobody at the moment can give it.")
            self._say(nobody, Tone.AMBER)
        else:
            self._say("", Tone.PLAIN)
        self._refresh()

    def _go_text(self, plan: Plan) -> str:
        count = len(plan.commits) + plan.more
        if not count:
            return f"&{button_text(self._name)}"
        if self._action == "rollback":
            text = ngettext("&Roll back {count} commit", "&Roll back {count} commits", count)
        elif self._promotes:
            text = ngettext("&Promote {count} commit", "&Promote {count} commits", count)
        else:
            text = ngettext("&Deploy {count} commit", "&Deploy {count} commits", count)
        return text.format(count=count)

    def _show_options(self, plan: Plan | None) -> None:
        """Offer what this plan needs: typing, the glass, a dry run, the end of a lock."""
        typing = plan is not None and plan.type_to_confirm
        self.typed.setVisible(typing)
        self._typed_label.setVisible(typing)
        self.dry_run.setVisible(plan is not None and plan.can_dry_run)
        self.unlock.setVisible(plan is not None and bool(plan.locks))
        kinds = {warning.kind for warning in plan.warnings} if plan is not None else set()
        self.glass.setVisible(bool(kinds & _GLASS) or self.glass.isChecked())

    def _refresh(self) -> None:
        plan = self._plan
        typing = plan is not None and plan.type_to_confirm
        confirmed = not typing or self.typed.text().strip() == self._place.environment
        reasoned = not self.glass.isChecked() or bool(self.reason.text().strip())
        allowed = plan is not None and plan.allowed and not self._sending
        self.go.setEnabled(allowed and confirmed and reasoned)
        self.dry_run.setEnabled(allowed)
        self.unlock.setEnabled(not self._sending)

    def _send(self, action: str) -> None:
        plan = self._plan
        if plan is None or self._sending:
            return
        # A double click is one request.
        self._lock_fields(sending=True)
        self._say(_("Signing and sending the request…"), Tone.MUTED)
        request = RequestDeploy(
            target=plan.target,
            environment=plan.environment,
            sha=plan.sha,
            ref=plan.ref,
            reason=self.reason.text().strip(),
            action=action,
            expected=plan.current,
            replaces=plan.own,
            parameters=self.parameters.values(),
            override=self.glass.isChecked(),
            title=plan.title,
        )
        self.ask(request, self._done, self._refused)

    def _lock_fields(self, *, sending: bool) -> None:
        self._sending = sending
        for field in (self.commit, self.reason, self.typed, self.parameters, self.glass):
            field.setEnabled(not sending)
        self._refresh()

    def _done(self, done: Done) -> None:
        self.progress.begin(done.text)
        self._pages.setCurrentWidget(self.progress)
        self.sent.emit(done.text)

    def _refused(self, reason: str) -> None:
        # Nothing was signed, so the same request may be sent again.
        self._lock_fields(sending=False)
        self._say(reason, Tone.RED)

    def _unlock(self) -> None:
        plan = self._plan
        if plan is None or not plan.locks:
            return
        if not self.reason.text().strip():
            self._say(_("Say why you unlock it; everybody reads the reason."), Tone.AMBER)
            self.reason.setFocus()
            return
        lock = plan.locks[0]
        request = RequestLock(
            target=lock.target,
            environment=lock.environment,
            unlock=True,
            reason=self.reason.text().strip(),
        )
        self._lock_fields(sending=True)
        self._say(_("Asking for the end of the lock…"), Tone.MUTED)
        self.ask(request, lambda _: self._unlocked(), self._refused)

    def _unlocked(self) -> None:
        self._lock_fields(sending=False)
        # The executor takes a moment to answer; the plan then says how it stands.
        self._debounce.start()

    def _say(self, text: str, tone: Tone) -> None:
        say(self.message, text, tone)


def _audience(status: Status | None) -> str:
    if status is None or status.solo:
        return _("The request and its outcome appear in your history.")
    team, size = clean(status.team), people(status.members)
    everybody = _("Everybody in {team} ({people}) sees the request and its outcome.")
    return everybody.format(team=team, people=size)
