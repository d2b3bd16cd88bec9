"""A plan as a person judges it: from and to, the commits between, and the reasons to look twice."""

from __future__ import annotations

import time

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from devstream_desktop.control.messages.deploys import Commit, Plan, PlanWarning
from devstream_desktop.desktop.widgets.look import people, since
from devstream_desktop.desktop.widgets.marks import Shape, mark_icon, mark_pixmap
from devstream_desktop.desktop.widgets.text import PlainLabel
from devstream_desktop.desktop.widgets.theme import Tone, colour, tint
from devstream_desktop.stream.text import clean, short_revision
from devstream_desktop.stream.words import GREEN_STATES, RED_STATES, Kind

_COLUMNS = ("Commit", "What", "Who", "Checks", "Age")
_WHAT = 1
_TITLE = 140
_LOOKS = {
    "error": (Shape.REFUSED, Tone.RED),
    "warning": (Shape.FIRING, Tone.AMBER),
    "info": (Shape.WAITING, Tone.MUTED),
}


class PlanView(QWidget):
    """The table of commits with a summary above and the warnings below."""

    def __init__(self) -> None:
        super().__init__()
        self.summary = PlainLabel(wrap=True, selectable=True)
        self.table = QTableWidget(0, len(_COLUMNS))
        self.table.setHorizontalHeaderLabels(_COLUMNS)
        self.table.setAccessibleName("Commits that ship")
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setTabKeyNavigation(False)
        self.table.setShowGrid(False)
        self.table.setWordWrap(False)
        self.table.setMinimumHeight(120)
        self.table.verticalHeader().hide()
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(_WHAT, QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        self._warnings = QVBoxLayout()
        self._warnings.setSpacing(6)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.summary)
        column.addWidget(self.table, 1)
        column.addLayout(self._warnings)

    def clear(self) -> None:
        """Show no plan."""
        self.summary.setText("")
        self.table.setRowCount(0)
        self._show_warnings(())

    def show_plan(self, plan: Plan) -> None:
        """Show a plan."""
        self.summary.setText(summary(plan))
        self.table.setRowCount(len(plan.commits))
        for row, commit in enumerate(plan.commits):
            self._show_commit(row, commit)
        self.table.setVisible(bool(plan.commits))
        self._show_warnings(plan.warnings)

    @property
    def warnings(self) -> list[str]:
        """The warnings as they are shown."""
        return [label.text() for label in self.findChildren(PlainLabel, "warning")]

    def _show_commit(self, row: int, commit: Commit) -> None:
        who = "you" if commit.own else clean(commit.author)
        age = since(commit.at, int(time.time() * 1000)) if commit.at else ""
        word, shape, tone = checks_of(commit)
        title = clean(commit.title, _TITLE)
        palette = self.table.palette()
        paper = palette.color(QPalette.ColorRole.Base)
        person, checks = QTableWidgetItem(who), QTableWidgetItem(word)
        checks.setIcon(mark_icon(shape, colour(tone, palette), paper))
        if commit.own:
            person.setForeground(colour(Tone.ACCENT, palette))
        hash_, what = QTableWidgetItem(short_revision(commit.sha)), QTableWidgetItem(title)
        for place, item in enumerate((hash_, what, person, checks, QTableWidgetItem(age))):
            self.table.setItem(row, place, item)

    def _show_warnings(self, warnings: tuple[PlanWarning, ...]) -> None:
        while (item := self._warnings.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.setParent(None)
                widget.deleteLater()
        for warning in warnings:
            self._warnings.addWidget(_warning(warning))


def summary(plan: Plan) -> str:
    """Return `c1e6698 (chen) → c1ab6eb · 7 commits by 3 people`."""
    new = _named(plan.new, plan.sha)
    if plan.current and plan.current == plan.sha:
        return f"{new}: the same commit again, nothing new."
    old = _named(plan.old, plan.current) if plan.current else "nothing yet"
    parts = [f"{old} → {new}"]
    if plan.commits:
        count = len(plan.commits) + plan.more
        authors = len({commit.author for commit in plan.commits})
        some = f"{count} commits" if count > 1 else "1 commit"
        goes = " go away" if plan.backwards else ""
        parts.append(f"{some} by {people(authors)}{goes}")
    elif plan.current:
        parts.append("nobody here knows the commits between the two")
    if plan.more:
        parts.append(f"the newest {len(plan.commits)} are shown")
    if plan.commits and plan.source:
        parts.append(
            "as the repository has it" if plan.source == "repository" else "as reported here"
        )
    return " · ".join(parts)


def _named(commit: Commit | None, sha: str) -> str:
    name = short_revision(clean(sha)) or "?"
    if commit is None:
        return name
    age = since(commit.at, int(time.time() * 1000)) if commit.at else ""
    about = ", ".join(part for part in (clean(commit.author), age) if part)
    return f"{name} ({about})" if about else name


def checks_of(commit: Commit) -> tuple[str, Shape, Tone]:
    """Return the checks of a commit as words, mark and colour."""
    states = [check.state for check in commit.checks]
    red = sum((Kind.TEST, state) in RED_STATES for state in states)
    if red:
        return f"{red} red", Shape.FAILED, Tone.RED
    if not states:
        return "unknown", Shape.WAITING, Tone.MUTED
    if all((Kind.TEST, state) in GREEN_STATES for state in states):
        return f"{len(states)} passed", Shape.PASSED, Tone.GREEN
    return "under way", Shape.RUNNING, Tone.BLUE


def _warning(warning: PlanWarning) -> QWidget:
    shape, tone = _LOOKS.get(warning.severity, _LOOKS["warning"])
    palette = QGuiApplication.palette()
    ground = tint(tone, palette)
    frame = QFrame()
    shades = QPalette(palette)
    shades.setColor(QPalette.ColorRole.Window, ground)
    frame.setPalette(shades)
    frame.setAutoFillBackground(True)
    row = QHBoxLayout(frame)
    row.setContentsMargins(10, 6, 10, 6)
    mark = PlainLabel()
    mark.setPixmap(mark_pixmap(shape, colour(tone, palette), ground))
    mark.setAccessibleName(warning.severity)
    text = PlainLabel(clean(warning.text, 300), wrap=True)
    text.setObjectName("warning")
    row.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
    row.addWidget(text, 1)
    return frame
