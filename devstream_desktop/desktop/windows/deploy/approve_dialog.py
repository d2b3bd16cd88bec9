"""The dialog of the second person: what would ship, and whether to approve it.

Enter and Esc press Cancel. An approval is for exactly this plan; the executor voids it when commit,
parameters or policy change.
"""

from __future__ import annotations

from PySide6.QtWidgets import QDialogButtonBox, QLineEdit, QWidget

from devstream_desktop.control.messages.deploys import (
    DeployList,
    GetDeploys,
    Plan,
    PlanDeploy,
    RequestAnswer,
)
from devstream_desktop.desktop.widgets.dialog import Dialog, cancel_first, column, say
from devstream_desktop.desktop.widgets.text import PlainLabel, elided_heading, paint, verb_button
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.desktop.windows.deploy.plan_view import PlanView
from devstream_desktop.language import _
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.text import chosen, clean


class ApproveDialog(Dialog):
    """One deploy that waits, and the answer to it."""

    def __init__(self, line: Line, parent: QWidget | None = None) -> None:
        event = line.event
        title = _("Approve a deploy to {environment}").format(environment=event.environment)
        super().__init__(title, parent)
        self.setMinimumSize(600, 420)
        self._event = event
        self._sending = False
        self.asked_for = PlainLabel(wrap=True, selectable=True)
        """Ref, parameters and reason of the request."""
        self.plan_view = PlanView()
        self.reason = QLineEdit()
        self.reason.setAccessibleName(_("Reason"))
        self.reason.setPlaceholderText(_("a word to everybody (optional)"))
        self.reason.setMaxLength(200)
        self.message = PlainLabel(wrap=True)
        self.buttons = QDialogButtonBox()
        self.go = verb_button(_("Approve"))
        self.go.setEnabled(False)
        self.cancel = cancel_first(self.buttons, self.go)
        self.cancel.clicked.connect(self.reject)
        self.go.clicked.connect(self._send)
        asked = _("{person} asks to deploy {target}")
        if event.action == "rollback":
            asked = _("{person} asks to roll back {target}")
        asked = asked.format(person=clean(event.actor), target=clean(event.service))
        waits = _("{environment} waits for a second person.")
        about = PlainLabel(waits.format(environment=clean(event.environment)))
        paint(about, Tone.MUTED)
        layout = column(self)
        layout.addWidget(elided_heading(asked))
        layout.addWidget(about)
        layout.addWidget(self.asked_for)
        layout.addWidget(self.plan_view, 1)
        layout.addWidget(self.reason)
        layout.addWidget(self.message)
        layout.addWidget(self.buttons)
        self.cancel.setFocus()
        self._show_asked("")

    def begin(self) -> None:
        """Ask what would ship."""
        say(self.message, _("Looking up what would ship…"), Tone.MUTED)
        event = self._event
        request = PlanDeploy(
            target=event.service,
            environment=event.environment,
            sha=event.revision,
            ref=event.ref,
            action=event.action,
            parameters=dict(chosen(event.parameters)),
            about=self._key,
        )
        self.ask(request, self._show, self._refused)
        # The executor's line does not say why; the request does.
        self.ask(GetDeploys(), self._show_why, lambda _: None)

    @property
    def _key(self) -> str:
        return self._event.request or self._event.key

    def _show_why(self, found: DeployList) -> None:
        why = next((one.why for one in found.pending if one.request == self._key), "")
        self._show_asked(why)

    def _show_asked(self, why: str) -> None:
        event = self._event
        lines = [_("Branch or tag: {ref}").format(ref=clean(event.ref))] if event.ref else []
        parameter = _("Parameter {name}: {value}")
        # One a line: a value must not look like another parameter.
        lines += [
            parameter.format(name=name, value=value) for name, value in chosen(event.parameters)
        ]
        if why:
            says = _("{person} says: {reason}")
            lines.append(says.format(person=clean(event.actor), reason=clean(why)))
        self.asked_for.setText("\n".join(lines))
        self.asked_for.setVisible(bool(lines))

    def _show(self, plan: Plan) -> None:
        self.plan_view.show_plan(plan)
        # The plan is of this very commit; another one is not what waits.
        same = plan.sha == self._event.revision
        other = _("Another commit would ship now than the one that waits; it has to be asked anew.")
        say(self.message, "" if same else other, Tone.RED)
        self.go.setEnabled(same)

    def _send(self) -> None:
        if self._sending:
            return
        self._sending = True
        self.go.setEnabled(False)
        say(self.message, _("Signing and sending the approval…"), Tone.MUTED)
        reason = self.reason.text().strip()
        request = RequestAnswer(action="approve", about=self._key, reason=reason)
        self.ask(request, lambda _: self.accept(), self._refused)

    def _refused(self, reason: str) -> None:
        self._sending = False
        self.go.setEnabled(bool(self.plan_view.summary.text()))
        say(self.message, reason, Tone.RED)
