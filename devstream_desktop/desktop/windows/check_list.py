"""The checks of the doctor as a list: a mark, a sentence, and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem

from devstream_desktop.control.check import Check, Verdict
from devstream_desktop.desktop.widgets.look import sentence
from devstream_desktop.desktop.widgets.marks import Shape, mark_icon
from devstream_desktop.desktop.widgets.theme import Tone, colour
from devstream_desktop.language import N_, _
from devstream_desktop.stream.text import clean

_LOOKS = {
    Verdict.PROBLEM: (Shape.FAILED, Tone.RED),
    Verdict.WARNING: (Shape.FIRING, Tone.AMBER),
    Verdict.OK: (Shape.PASSED, Tone.GREEN),
}
_WORDS = {
    Verdict.PROBLEM: N_("problem"),
    Verdict.WARNING: N_("warning"),
    Verdict.OK: N_("ok"),
}
_SIGNS = {Verdict.PROBLEM: "✗", Verdict.WARNING: "!", Verdict.OK: "✓"}
_ORDER = tuple(_LOOKS)
_WIDTH = 400


def worst_first(checks: Sequence[Check]) -> list[Check]:
    """Return the checks, problems before warnings, else as they were made."""
    return sorted(checks, key=lambda check: _ORDER.index(check.verdict))


def check_text(check: Check) -> str:
    """Return a check in one line, its advice in another."""
    said = f"{_(check.name)}: {clean(check.what, _WIDTH)}"
    return f"{said}\n→ {clean(check.advice, _WIDTH)}" if check.advice else said


def report(checks: Sequence[Check]) -> str:
    """Return the checks as text for a colleague."""
    lines = []
    for check in worst_first(checks):
        lines.append(f"{_SIGNS[check.verdict]} {_(check.name)}: {clean(check.what, _WIDTH)}")
        if check.advice:
            lines.append(f"    → {clean(check.advice, _WIDTH)}")
    return "\n".join(lines)


class CheckList(QListWidget):
    """The checks, the worst first."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(_("Checks"))
        self.setWordWrap(True)
        self.setFrameShape(QListWidget.Shape.NoFrame)
        self.setIconSize(QSize(16, 16))
        self.setSpacing(2)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)

    def show_checks(self, checks: Sequence[Check]) -> None:
        """Show these checks."""
        self.clear()
        palette = self.palette()
        paper = palette.color(QPalette.ColorRole.Base)
        for check in worst_first(checks):
            shape, tone = _LOOKS[check.verdict]
            mark = mark_icon(shape, colour(tone, palette), paper)
            item = QListWidgetItem(mark, check_text(check))
            spoken = f"{_(_WORDS[check.verdict])}, {_(check.name)}: {sentence(check.what)}"
            if check.advice:
                spoken += " " + _("To do: {advice}").format(advice=check.advice)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, clean(spoken, 2 * _WIDTH))
            # What is well is quiet; nothing else is to be read first.
            if check.verdict is Verdict.OK:
                item.setForeground(colour(Tone.MUTED, palette))
            self.addItem(item)
