"""The boxes for what waits for an admin: a join to approve, and a policy change to sign."""

from __future__ import annotations

import time
from collections.abc import Iterable

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication, QPalette
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from devstream_desktop.control.messages.members import ApproveJoin, Waiting
from devstream_desktop.control.messages.policy import ApprovePolicy, Proposal
from devstream_desktop.control.node_words import translated
from devstream_desktop.desktop.widgets.look import ago
from devstream_desktop.desktop.widgets.text import PlainLabel, heading, verb_button
from devstream_desktop.desktop.widgets.theme import Tone, tint
from devstream_desktop.language import _, ngettext
from devstream_desktop.stream.text import clean


class _Box(QFrame):
    """A tinted frame: sentences, and below them a label with the buttons at its right."""

    decided = Signal(object)
    """The request (`ApproveJoin` or `ApprovePolicy`) that carries the decision."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAutoFillBackground(True)
        palette = QPalette(QGuiApplication.palette())
        palette.setColor(QPalette.ColorRole.Window, tint(Tone.BLUE, palette))
        self.setPalette(palette)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(14, 10, 14, 10)
        self._buttons = QHBoxLayout()

    def lay_out(self, sentences: Iterable[str], last: PlainLabel) -> None:
        """Add the sentences, and `last` beside the buttons."""
        for sentence in sentences:
            self._column.addWidget(PlainLabel(sentence, wrap=True))
        self._buttons.addWidget(last, 1)
        self._column.addLayout(self._buttons)

    def add_button(self, button: QPushButton, *, enabled: bool) -> QPushButton:
        """Add a button on the right."""
        button.setAutoDefault(False)
        button.setEnabled(enabled)
        self._buttons.addWidget(button)
        return button

    def decide(self, request: ApproveJoin | ApprovePolicy) -> None:
        """Emit the decision, once: the node would reject a second one."""
        self.setEnabled(False)
        self.decided.emit(request)


class WaitingBox(_Box):
    """Somebody with an invite who waits for approval."""

    def __init__(
        self, waiting: Waiting, *, may_change: bool, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        person, device = clean(waiting.person, 60), clean(waiting.device[:8])
        since = ago(waiting.since, int(time.time() * 1000))
        self.words = heading(clean(waiting.words, 100), points=1)
        # The six words are on both screens; a stranger with a stolen invite has others.
        if waiting.replaces:
            asks = _(
                "{person} asks to join with another device, in place of {other} ({age}, device"
                " {device}). Their screen must show:"
            )
        elif waiting.another:
            asks = _(
                "{person} asks to join with another device ({age}, device {device}). Their screen"
                " must show:"
            )
        else:
            asks = _("{person} asks to join ({age}, device {device}). Their screen must show:")
        asks = asks.format(
            person=person,
            age=since,
            device=clean(f"{waiting.machine} {device}".lstrip(), 60),
            other=clean(waiting.replaces[:8]),
        )
        self.lay_out([asks], self.words)
        approve = _("Approve {person}").format(person=clean(person, 24))
        self.approve = self.add_button(verb_button(approve), enabled=may_change)
        self.reject = self.add_button(QPushButton(_("&Reject")), enabled=may_change)
        join = ApproveJoin(device=waiting.device, person=waiting.person)
        self.approve.clicked.connect(lambda: self.decide(join))
        self.reject.clicked.connect(
            lambda: self.decide(ApproveJoin(device=waiting.device, reject=True))
        )


class ProposalBox(_Box):
    """A policy change that needs the signatures of more admins."""

    def __init__(
        self, proposal: Proposal, *, may_change: bool, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        signers = ", ".join(clean(person, 60) for person in proposal.signed_by)
        needs = ngettext(
            "Signed by {signers}; {count} admin must sign.",
            "Signed by {signers}; {count} admins must sign.",
            proposal.needs,
        )
        signed = PlainLabel(needs.format(signers=signers, count=proposal.needs), wrap=True)
        self.lay_out((clean(translated(one), 300) for one in proposal.what), signed)
        may_sign = may_change and not proposal.signed_here
        self.sign = self.add_button(QPushButton(_("&Sign")), enabled=may_sign)
        if proposal.signed_here:
            self.sign.setText(_("Signed here"))
        self.sign.clicked.connect(lambda: self.decide(ApprovePolicy(proposal=proposal.id)))
