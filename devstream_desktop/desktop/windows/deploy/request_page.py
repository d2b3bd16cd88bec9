"""The page that requests a deploy: its fields, the plan of what they name, and who sees it."""

from __future__ import annotations

import re
from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDialogButtonBox,
    QFormLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from devstream_desktop.control.messages.base import Request
from devstream_desktop.control.messages.deploys import (
    Plan,
    PlanDeploy,
    RequestDeploy,
    RequestLock,
    TargetStatus,
)
from devstream_desktop.control.messages.status import Status
from devstream_desktop.control.plan_words import translated
from devstream_desktop.desktop.client.question import Question, R
from devstream_desktop.desktop.widgets.dialog import cancel_first, say
from devstream_desktop.desktop.widgets.look import people
from devstream_desktop.desktop.widgets.text import PlainLabel
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.desktop.windows.deploy.actions import PROMOTE, counted_verb, meant, verb
from devstream_desktop.desktop.windows.deploy.parameters import Parameters
from devstream_desktop.desktop.windows.deploy.plan_view import PlanView
from devstream_desktop.language import _
from devstream_desktop.stream.text import clean

_DEBOUNCE_MS = 350
_SHA = re.compile(r"[0-9a-fA-F]{7,64}")
_GLASS = frozenset({"hours", "approval"})
"""Warnings that break-glass overrides."""


class RequestPage(QWidget):
    """One request, from its plan until it is sent."""

    asked = Signal(object)
    """A `Question` to send to the node."""
    sent = Signal(str)
    """The key of the request."""

    def __init__(self, place: TargetStatus, status: Status | None, action: str) -> None:
        """Make the page; `action` is empty for a deploy, `rollback`, or `PROMOTE`."""
        super().__init__()
        self._place = place
        self._kind = action
        """The action as a person chose it."""
        # A promotion is a deploy; only its commit is found in another way.
        self._action = "" if action == PROMOTE else action
        """The action that is requested."""
        self._plan: Plan | None = None
        self._plans = 0
        """The number of plans that were asked for."""
        self._sending = False
        self.commit = QLineEdit("" if action else clean(place.ref) or "main")
        self.commit.setAccessibleName(_("Branch, tag or commit"))
        self.commit.setPlaceholderText(meant(action))
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
        self.go = QPushButton(verb(action))
        self.dry_run = QPushButton(_("D&ry run"))
        self.unlock = QPushButton(_("&Unlock"))
        self._lay_out(status)
        self._connect()

    def _lay_out(self, status: Status | None) -> None:
        for button in (self.dry_run, self.unlock):
            button.setAutoDefault(False)
            button.hide()
            self.buttons.addButton(button, QDialogButtonBox.ButtonRole.ResetRole)
        self.cancel = cancel_first(self.buttons, self.go)
        page = QVBoxLayout(self)
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
        self._show_options(None)

    def _connect(self) -> None:
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
        if not text and not self._kind:
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
            promote="*" if self._kind == PROMOTE and not text else "",
            override=self.glass.isChecked(),
            parameters=self.parameters.values(),
        )
        # An answer that comes after more was typed is of another commit.
        self._ask(
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
        self.go.setText(counted_verb(self._place, self._kind, len(plan.commits) + plan.more))
        self._say(*_standing(plan))
        self._refresh()

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
        self._ask(request, lambda done: self.sent.emit(done.text), self._refused)

    def _lock_fields(self, *, sending: bool) -> None:
        self._sending = sending
        for field in (self.commit, self.reason, self.typed, self.parameters, self.glass):
            field.setEnabled(not sending)
        self._refresh()

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
        self._ask(request, lambda _: self._unlocked(), self._refused)

    def _unlocked(self) -> None:
        self._lock_fields(sending=False)
        # The executor takes a moment to answer; the plan then says how it stands.
        self._debounce.start()

    def _ask(
        self, request: Request[R], answer: Callable[[R], None], refuse: Callable[[str], None]
    ) -> None:
        self.asked.emit(Question(request, answer, refuse, self))

    def _say(self, text: str, tone: Tone) -> None:
        say(self.message, text, tone)


def _audience(status: Status | None) -> str:
    if status is None or status.solo:
        return _("The request and its outcome appear in your history.")
    team, size = clean(status.team), people(status.members)
    everybody = _("Everybody in {team} ({people}) sees the request and its outcome.")
    return everybody.format(team=team, people=size)


def _standing(plan: Plan) -> tuple[str, Tone]:
    """Return a sentence about how a plan stands, and its tone; empty where nothing is to say."""
    if not plan.allowed:
        no = _("The policy does not let you deploy here; ask an admin of the team.")
        return translated(plan.reason) or no, Tone.RED
    if plan.own:
        return _("Your request that waits there gives way to this one."), Tone.AMBER
    if plan.running is not None:
        busy = _("{person} is deploying here; this one waits in the queue.")
        return busy.format(person=clean(plan.running.person)), Tone.AMBER
    if plan.approvals and plan.approvers:
        who = ", ".join(clean(name) for name in plan.approvers)
        waits = _("It then waits for approval: {people} can give it.")
        return waits.format(people=who), Tone.AMBER
    if plan.approvals:
        return _("It then waits for approval: nobody at the moment can give it."), Tone.AMBER
    return "", Tone.PLAIN
