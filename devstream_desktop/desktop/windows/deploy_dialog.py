"""The dialog that requests a deploy: what ships, where, and who sees it.

Enter and Esc press Cancel. For an environment that looks like production, its name has to be
typed. What follows the request is shown in the stream.
"""

from __future__ import annotations

import re

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QFontDatabase
from PySide6.QtWidgets import (
    QDialogButtonBox,
    QFormLayout,
    QFrame,
    QLineEdit,
    QListWidget,
    QWidget,
)

from devstream_desktop.control.messages.base import Done
from devstream_desktop.control.messages.deploys import Plan, PlanDeploy, RequestDeploy, TargetStatus
from devstream_desktop.control.messages.status import Status
from devstream_desktop.desktop.widgets.dialog import Dialog, cancel_first, column, paint, say
from devstream_desktop.desktop.widgets.look import people
from devstream_desktop.desktop.widgets.text import PlainLabel, elided_heading, verb_button
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.stream.text import clean, short_revision

_DEBOUNCE_MS = 350
_SHA = re.compile(r"[0-9a-fA-F]{7,64}")
_PRODUCTION = re.compile(r"(^|[-_./])(prod|production|live)([-_./]|$)", re.IGNORECASE)
_SHOWN_CHANGES = 50


def is_production(environment: str) -> bool:
    """Return true when an environment's name says that customers are on it."""
    return _PRODUCTION.search(environment) is not None


class DeployDialog(Dialog):
    """One request to deploy, from its plan to the signed request."""

    sent = Signal(str)
    """The key of the request."""

    def __init__(
        self, place: TargetStatus, status: Status | None, parent: QWidget | None = None
    ) -> None:
        super().__init__(f"Deploy {place.target} to {place.environment}", parent)
        self.setMinimumSize(560, 480)
        self._place = place
        self._plan: Plan | None = None
        self._plans = 0
        """The number of plans that were asked for."""
        self._sending = False
        self.commit = QLineEdit(clean(place.ref) or "main")
        self.commit.setAccessibleName("Branch or commit")
        self.commit.setPlaceholderText("a branch, or a commit's hash")
        self.revisions = PlainLabel(selectable=True)
        self.revisions.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.changes = QListWidget()
        self.changes.setAccessibleName("What ships")
        self.checks = PlainLabel(wrap=True)
        self.reason = QLineEdit()
        self.reason.setAccessibleName("Reason")
        self.reason.setPlaceholderText("why now (optional; everybody sees it)")
        self.reason.setMaxLength(200)
        self.typed = QLineEdit()
        self.typed.setAccessibleName(f"Type {clean(place.environment)} to confirm")
        self.message = PlainLabel(wrap=True)
        self.buttons = QDialogButtonBox()
        self.go = verb_button(f"Deploy to {place.environment}")
        self.cancel = cancel_first(self.buttons, self.go)
        self._lay_out(place, status)
        self.cancel.clicked.connect(self.reject)
        self.go.clicked.connect(self._send)
        self.typed.textChanged.connect(self._refresh)
        self._debounce = QTimer(self, singleShot=True, interval=_DEBOUNCE_MS)
        self._debounce.timeout.connect(self.begin)
        self.commit.textEdited.connect(self._edited)
        self.cancel.setFocus()

    def _lay_out(self, place: TargetStatus, status: Status | None) -> None:
        layout = column(self)
        layout.addWidget(
            elided_heading(f"Deploy {clean(place.target)} to {clean(place.environment)}")
        )
        if place.description:
            described = PlainLabel(clean(place.description), wrap=True)
            paint(described, Tone.MUTED)
            layout.addWidget(described)
        form = QFormLayout()
        form.setHorizontalSpacing(14)
        form.setVerticalSpacing(9)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop)
        self.changes.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self.changes.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.changes.setFrameShape(QFrame.Shape.StyledPanel)
        self.changes.setMinimumHeight(110)
        self.changes.setWordWrap(True)
        self.changes.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.changes.setAlternatingRowColors(True)
        for name, widget in (
            ("Branch or commit", self.commit),
            ("Now → then", self.revisions),
            ("What ships", self.changes),
            ("Checks", self.checks),
            ("Reason", self.reason),
            ("Who sees it", PlainLabel(_audience(status), wrap=True)),
        ):
            form.addRow(PlainLabel(name), widget)
        if is_production(place.environment):
            form.addRow(PlainLabel("To confirm"), self.typed)
            self.typed.setPlaceholderText(f"type {clean(place.environment)}")
        layout.addLayout(form, 1)
        layout.addWidget(self.message)
        layout.addWidget(self.buttons)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Reject: closing the window means Cancel."""
        self.reject()
        super().closeEvent(event)

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
        if not text:
            self._say("Name a branch or a commit.", Tone.AMBER)
            self._refresh()
            return
        self._say("Looking up what would ship…", Tone.MUTED)
        # Seven digits or more are a commit, also where a branch has such a name.
        sha = text.lower() if _SHA.fullmatch(text) else ""
        request = PlanDeploy(
            target=self._place.target,
            environment=self._place.environment,
            ref="" if sha else text,
            sha=sha,
        )
        # An answer that comes after more was typed is of another commit.
        self.ask(
            request,
            lambda plan: self._show(plan) if number == self._plans else None,
            lambda reason: self._show_no_plan(reason) if number == self._plans else None,
        )
        self._refresh()

    def _show_no_plan(self, reason: str) -> None:
        self.changes.clear()
        self.revisions.setText("")
        self.checks.setText("")
        self._say(reason, Tone.RED)
        self._refresh()

    def _show(self, plan: Plan) -> None:
        self._plan = plan
        now = short_revision(clean(plan.current)) or "nothing known"
        same = bool(plan.current) and plan.current == plan.sha
        self.revisions.setText(
            f"{now} → {short_revision(clean(plan.sha))}" + ("  (the same)" if same else "")
        )
        self.changes.clear()
        # After a long pause there may be hundreds of changes, and nobody reads them all.
        for change in plan.changes[:_SHOWN_CHANGES]:
            self.changes.addItem(clean(change, 140))
        if len(plan.changes) > _SHOWN_CHANGES:
            self.changes.addItem(f"and {len(plan.changes) - _SHOWN_CHANGES} more")
        if not plan.changes:
            self.changes.addItem(
                "The same commit again: nothing new."
                if same
                else "The history does not know the changes between the two."
            )
        self.checks.setText(
            "\n".join(clean(check, 140) for check in plan.checks)
            or "No build or test of this commit is known."
        )
        if not plan.allowed:
            self._say(
                plan.reason or "The policy does not let you deploy here; ask an admin of the team.",
                Tone.RED,
            )
        elif self._place.busy:
            self._say(
                f"{clean(self._place.busy)} is deploying here right now; the executor may refuse.",
                Tone.AMBER,
            )
        else:
            self._say("", Tone.PLAIN)
        self._refresh()

    def _refresh(self) -> None:
        confirmed = (
            not is_production(self._place.environment)
            or self.typed.text().strip() == self._place.environment
        )
        self.go.setEnabled(
            self._plan is not None and self._plan.allowed and confirmed and not self._sending
        )

    def _send(self) -> None:
        plan = self._plan
        if plan is None or self._sending:
            return
        # A double click is one request.
        self._sending = True
        self._refresh()
        for field in (self.commit, self.reason, self.typed):
            field.setEnabled(False)
        self._say("Signing and sending the request…", Tone.MUTED)
        request = RequestDeploy(
            target=plan.target,
            environment=plan.environment,
            sha=plan.sha,
            ref=plan.ref,
            reason=self.reason.text().strip(),
        )
        self.ask(request, self._done, self._refused)

    def _done(self, done: Done) -> None:
        self.sent.emit(done.text)
        self.accept()

    def _refused(self, reason: str) -> None:
        # Nothing was signed, so the same request may be sent again.
        self._sending = False
        for field in (self.commit, self.reason, self.typed):
            field.setEnabled(True)
        self._say(reason, Tone.RED)
        self._refresh()

    def _say(self, text: str, tone: Tone) -> None:
        say(self.message, text, tone)


def _audience(status: Status | None) -> str:
    if status is None or status.solo:
        return "The request and its outcome appear in your history."
    team, size = clean(status.team), people(status.members)
    return f"Everybody in {team} ({size}) sees the request and its outcome."
