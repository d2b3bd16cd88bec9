"""The details of one row: what, where and how bad; what came before and after; the facts."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import msgspec
from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from devstream_desktop.desktop.platform.web_links import safe_link
from devstream_desktop.desktop.widgets.edge import see_through
from devstream_desktop.desktop.widgets.look import (
    long_time,
    sentence,
    short_time,
    since,
    state_look,
)
from devstream_desktop.desktop.widgets.marks import mark_pixmap
from devstream_desktop.desktop.widgets.text import ElidedLabel, PlainLabel, heading, paint
from devstream_desktop.desktop.widgets.theme import Tone, colour, tint
from devstream_desktop.language import _, number
from devstream_desktop.stream.line import STRUCK, render
from devstream_desktop.stream.subject import Line, can_be_approved, can_be_claimed
from devstream_desktop.stream.text import clean, duration, roughly, short_ref, short_revision
from devstream_desktop.stream.thing import Suspect, Thing
from devstream_desktop.stream.words import Severity, outcome

_PAST = 12
_TITLES = 3
_UNBROKEN = 24
_LONGEST = 400
_MARGIN = 16
_LEAST_WIDTH = 260
WIDTH = 340
"""Usual width of the pane beside the list, in pixels."""


class About(msgspec.Struct, frozen=True):
    """Everything about a line that is not in its event."""

    past: tuple[Line, ...] = ()
    """Other rows of its thing, newest first."""
    suspects: tuple[Suspect, ...] = ()
    """Deploys before it, where it is an incident, newest first."""
    trail: tuple[Line, ...] = ()
    """The way of its commit from change to consequence."""
    thing: Thing | None = None
    """The thing that is red now, where the line tells of it."""
    mine: bool = False
    """It is claimed by the person themselves."""
    why: str = ""
    """The reason why it did or did not pop up."""
    can_roll_back: bool = False


class Details(QFrame):
    """One row in full; hidden while none is chosen."""

    open_chosen = Signal(object)
    copy_chosen = Signal(object)
    claim_chosen = Signal(object)
    approve_chosen = Signal(object)
    rule_chosen = Signal(object)
    """The line whose rule is to be changed."""
    roll_back_chosen = Signal(object)
    """The line of the deploy to undo."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("details")
        self._line: Line | None = None
        self._shown: tuple[Line, About] | None = None
        self.title = heading("", points=2)
        self.title.setWordWrap(True)
        self.title.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.about = PlainLabel(wrap=True)
        self.open = QPushButton(_("Open link"))
        self.open.clicked.connect(lambda: self.open_chosen.emit(self._line))
        self.copy = QPushButton(_("Copy line"))
        self.copy.clicked.connect(lambda: self.copy_chosen.emit(self._line))
        self.claim = QPushButton(_("I'm on it"))
        self.claim.clicked.connect(lambda: self.claim_chosen.emit(self._line))
        self.approve = QPushButton(_("Review…"))
        self.approve.clicked.connect(lambda: self.approve_chosen.emit(self._line))
        for button in (self.open, self.copy, self.claim, self.approve):
            button.setAutoDefault(False)
        self.why = PlainLabel(wrap=True)
        self.rule = QPushButton(_("Edit the rule…"))
        self.rule.setAutoDefault(False)
        self.rule.clicked.connect(lambda: self.rule_chosen.emit(self._line))
        self._buttons = QHBoxLayout()
        self.setMinimumSize(_LEAST_WIDTH, 150)
        self._past = QGridLayout()
        self._fields = QGridLayout()
        for grid in (self._past, self._fields):
            grid.setHorizontalSpacing(10)
            grid.setVerticalSpacing(4)
        self._past.setColumnStretch(1, 1)
        self._fields.setColumnStretch(1, 1)
        self._past_title = _small_heading(_("Before and after"))
        self.suspect = PlainLabel(wrap=True)
        self.roll_back = QPushButton(_("Roll back…"))
        self.roll_back.setAutoDefault(False)
        self.roll_back.clicked.connect(self._roll_back)
        self._suspects = QFrame()
        self._inside = QWidget()
        self._area = _scrolled(self._inside)
        self._lay_out()

    def _lay_out(self) -> None:
        self._buttons.setSpacing(8)
        for button in (self.approve, self.claim, self.open, self.copy):
            self._buttons.addWidget(button)
        self._buttons.addStretch(1)
        box = QVBoxLayout(self._suspects)
        box.setContentsMargins(10, 8, 10, 8)
        box.addWidget(self.suspect)
        box.addWidget(self.roll_back, 0, Qt.AlignmentFlag.AlignLeft)
        column = QVBoxLayout(self._inside)
        column.setContentsMargins(_MARGIN, 14, _MARGIN, 14)
        column.setSpacing(10)
        column.addWidget(self.title)
        column.addWidget(self.about)
        column.addLayout(self._buttons)
        column.addWidget(self._suspects)
        column.addWidget(self._past_title)
        column.addLayout(self._past)
        column.addWidget(_small_heading(_("Facts")))
        column.addLayout(self._fields)
        column.addWidget(self.why)
        column.addWidget(self.rule, 0, Qt.AlignmentFlag.AlignLeft)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._area)

    @property
    def line(self) -> Line | None:
        return self._line

    def show_line(self, line: Line, about: About) -> None:
        """Show `line` and what is known about it."""
        self._line, self._shown = line, (line, about)
        self.title.setText(render(line.event, line.transition, service=False))
        font = self.title.font()
        font.setStrikeOut(line.struck)
        self.title.setFont(font)
        self.about.setText(" · ".join(filter(None, (place_of(line), _claimed(about.thing)))))
        paint(self.about, Tone.MUTED)
        self.why.setText(about.why)
        paint(self.why, Tone.MUTED)
        # A link that would be refused is not offered; its text is among the fields.
        claimed = about.thing is not None and about.thing.claim is not None
        self.claim.setText(_("Take over") if claimed else _("I'm on it"))
        self.claim.setVisible(can_be_claimed(line.event) and not about.mine)
        self.approve.setVisible(can_be_approved(line.event))
        self.open.setEnabled(safe_link(line.event.url) is not None)
        # Longer labels need more than the usual width; nothing scrolls sideways.
        beside = 2 * _MARGIN + self._area.verticalScrollBar().sizeHint().width()
        self._buttons.invalidate()
        room = self._buttons.minimumSize().width() + beside
        self.setMinimumWidth(max(_LEAST_WIDTH, room))
        _empty(self._fields)
        for row, (name, value) in enumerate(fields(line)):
            label = PlainLabel(name)
            paint(label, Tone.MUTED)
            # A hash or an address has no place to break a line, and would widen the pane.
            long = " " not in value and len(value) > _UNBROKEN
            shown = ElidedLabel(value) if long else PlainLabel(value, wrap=True, selectable=True)
            # A screen reader reaches the value without the label at its left.
            shown.setAccessibleName(f"{name}: {value}")
            top = Qt.AlignmentFlag.AlignTop
            self._fields.addWidget(label, row, 0, top | Qt.AlignmentFlag.AlignLeft)
            self._fields.addWidget(shown, row, 1, top)
        self._show_suspect(line, about)
        trail = about.trail[-_PAST:]
        others = [other for other in about.past if other.id != line.id][:_PAST]
        self._past_title.setText(_("Trail") if trail else _("Before and after"))
        self._show_past(list(trail) or others)

    def changeEvent(self, event: QEvent) -> None:
        """Draw marks and colours again in a new palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ApplicationPaletteChange and self._shown is not None:
            self.show_line(*self._shown)

    def _show_suspect(self, line: Line, about: About) -> None:
        self._suspects.setVisible(bool(about.suspects))
        if not about.suspects:
            return
        self.suspect.setText(suspect_text(line, about.suspects[0]))
        self.roll_back.setVisible(about.can_roll_back)
        palette = QPalette(self.palette())
        palette.setColor(QPalette.ColorRole.Window, tint(Tone.AMBER, palette))
        self._suspects.setPalette(palette)
        self._suspects.setAutoFillBackground(True)

    def _roll_back(self) -> None:
        if self._shown is not None and self._shown[1].suspects:
            self.roll_back_chosen.emit(self._shown[1].suspects[0].deploy)

    def _show_past(self, past: list[Line]) -> None:
        _empty(self._past)
        self._past_title.setVisible(bool(past))
        now = datetime.now(UTC)
        for row, line in enumerate(past):
            look = state_look(line)
            mark, palette = PlainLabel(), self.palette()
            paper = palette.color(QPalette.ColorRole.Window)
            ink = colour(look.tone, palette)
            ratio = self.devicePixelRatioF()
            mark.setPixmap(mark_pixmap(look.shape, ink, paper, size=14, ratio=ratio))
            mark.setAccessibleName(look.word)
            said = render(line.event, line.transition, service=False)
            when = short_time(line.event.time, now)
            told, at = PlainLabel(said, wrap=True), PlainLabel(when)
            paint(at, Tone.MUTED)
            top = Qt.AlignmentFlag.AlignTop
            self._past.addWidget(mark, row, 0, top)
            self._past.addWidget(told, row, 1, top)
            self._past.addWidget(at, row, 2, top)


def _claimed(thing: Thing | None) -> str:
    """Return who is on a thing, since when, and with what words; empty for nobody."""
    if thing is None or thing.claim is None:
        return ""
    said = _("{person} is on it ({age})").format(
        person=clean(thing.claimed_by), age=since(thing.claimed_at, int(time.time() * 1000))
    )
    return " · ".join(filter(None, (said, clean(thing.claim.event.reason, 200))))


def suspect_text(line: Line, suspect: Suspect) -> str:
    """Return the deploy that may have broken it, and what that brought."""
    shipped = suspect.deploy.event
    titles = [change.event.title for change in suspect.changes[:_TITLES] if change.event.title]
    if len(suspect.changes) > _TITLES:
        titles.append(_("and {count} more").format(count=len(suspect.changes) - _TITLES))
    if titles:
        said = _("Suspect: {person}'s deploy of {revision}, {time} before. It brought: {titles}")
    else:
        said = _("Suspect: {person}'s deploy of {revision}, {time} before")
    told = said.format(
        person=shipped.actor,
        revision=short_revision(shipped.revision),
        time=roughly(max(0, line.event.time - shipped.time)),
        titles=" · ".join(titles),
    )
    return clean(told, _LONGEST)


def place_of(line: Line) -> str:
    """Return where and how bad it is, and how it stands."""
    event = line.event
    severity = _(event.severity.word) if event.severity > Severity.NOTICE else ""
    word = state_look(line).word
    parts = (event.service, event.environment, severity, word)
    return " · ".join(clean(part) for part in parts if part)


def fields(line: Line) -> list[tuple[str, str]]:
    """Return the names and values of all fields that are set."""
    event = line.event
    counted = number(event.count) if event.count else ""
    if event.total:
        said = _("{count} of {total}")
        counted = said.format(count=number(event.count), total=number(event.total))
    everything = [
        (_("Warning"), sentence(_(STRUCK)) if line.struck else ""),
        (_("When"), long_time(event.time)),
        (
            _("Kind"),
            f"{_(event.kind.value)}, {_(outcome(event.kind, event.state, line.transition))}",
        ),
        (_("Service"), event.service),
        (_("Environment"), event.environment),
        (_("Who"), event.actor),
        (_("Branch"), short_ref(event.ref)),
        (_("Commit"), event.revision),
        (_("Before"), event.previous),
        (_("Number"), event.number if event.number != event.revision else ""),
        (_("Count"), counted),
        (_("Took"), duration(event.duration) if event.duration else ""),
        (_("Reason"), event.reason),
        (_("Severity"), _(event.severity.word) if event.severity > Severity.NOTICE else ""),
        (_("Source"), event.source),
        (_("Published by"), line.author),
        (_("Link"), event.url),
        (_("Title"), event.title),
    ]
    return [(name, clean(value, 500)) for name, value in everything if value]


def _small_heading(text: str) -> PlainLabel:
    label = heading(text, points=-1)
    paint(label, Tone.MUTED)
    return label


def _scrolled(inside: QWidget) -> QScrollArea:
    area = QScrollArea()
    # It takes the focus, so that the arrow keys scroll it.
    area.setAccessibleName(_("Details of the line"))
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    see_through(area)
    area.setWidget(inside)
    inside.setAutoFillBackground(False)
    return area


def _empty(grid: QGridLayout) -> None:
    # Hidden at once: `deleteLater` leaves a widget on the screen until the next turn of the loop.
    while (item := grid.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.hide()
            widget.deleteLater()
    for row in range(grid.rowCount()):
        grid.setRowStretch(row, 0)
