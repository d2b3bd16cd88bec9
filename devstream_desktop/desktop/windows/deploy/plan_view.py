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
from devstream_desktop.control.plan_words import translated
from devstream_desktop.desktop.widgets.cells import airy
from devstream_desktop.desktop.widgets.look import people, since
from devstream_desktop.desktop.widgets.marks import Shape, mark_icon, mark_pixmap
from devstream_desktop.desktop.widgets.text import PlainLabel
from devstream_desktop.desktop.widgets.theme import Tone, colour, tint
from devstream_desktop.language import N_, _, ngettext
from devstream_desktop.stream.text import clean, short_revision
from devstream_desktop.stream.words import GREEN_STATES, RED_STATES, Kind

_COLUMNS = (N_("Commit"), N_("What"), N_("Who"), N_("Checks"), N_("Age"))
_WHAT = 1
_TITLE = 140
_LOOKS = {
    "error": (Shape.REFUSED, Tone.RED, N_("error")),
    "warning": (Shape.FIRING, Tone.AMBER, N_("warning")),
    "info": (Shape.WAITING, Tone.MUTED, N_("info")),
}


class PlanView(QWidget):
    """The table of commits with a summary above and the warnings below."""

    def __init__(self) -> None:
        super().__init__()
        self.summary = PlainLabel(wrap=True, selectable=True)
        self.table = QTableWidget(0, len(_COLUMNS))
        self.table.setHorizontalHeaderLabels([_(name) for name in _COLUMNS])
        self.table.setAccessibleName(_("Commits that ship"))
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setTabKeyNavigation(False)
        self.table.setShowGrid(False)
        self.table.setWordWrap(False)
        self.table.setMinimumHeight(120)
        self.table.verticalHeader().hide()
        airy(self.table)
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
        who = _("you") if commit.own else clean(commit.author)
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
        return _("{commit}: the same commit again, nothing new.").format(commit=new)
    old = _named(plan.old, plan.current) if plan.current else _("nothing yet")
    parts = [f"{old} → {new}"]
    if plan.commits:
        parts.append(_commits_text(plan))
    elif plan.current:
        parts.append(_("nobody here knows the commits between the two"))
    if plan.more:
        shown = len(plan.commits)
        newest = ngettext("the newest {count} is shown", "the newest {count} are shown", shown)
        parts.append(newest.format(count=shown))
    if plan.commits and plan.source:
        repository = plan.source == "repository"
        parts.append(_("as the repository has it") if repository else _("as reported here"))
    return " · ".join(parts)


def _commits_text(plan: Plan) -> str:
    count = len(plan.commits) + plan.more
    commits = ngettext("{count} commit", "{count} commits", count).format(count=count)
    by = people(len({commit.author for commit in plan.commits}))
    if plan.backwards:
        away = ngettext("{commits} by {people} goes away", "{commits} by {people} go away", count)
        return away.format(commits=commits, people=by)
    return _("{commits} by {people}").format(commits=commits, people=by)


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
        return ngettext("{count} red", "{count} red", red).format(count=red), Shape.FAILED, Tone.RED
    if not states:
        return _("unknown"), Shape.WAITING, Tone.MUTED
    if all((Kind.TEST, state) in GREEN_STATES for state in states):
        passed = ngettext("{count} passed", "{count} passed", len(states))
        return passed.format(count=len(states)), Shape.PASSED, Tone.GREEN
    return _("under way"), Shape.RUNNING, Tone.BLUE


def _warning(warning: PlanWarning) -> QWidget:
    shape, tone, severity = _LOOKS.get(warning.severity, _LOOKS["warning"])
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
    mark.setAccessibleName(_(severity))
    text = PlainLabel(clean(translated(warning.text), 300), wrap=True)
    text.setObjectName("warning")
    row.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
    row.addWidget(text, 1)
    return frame
