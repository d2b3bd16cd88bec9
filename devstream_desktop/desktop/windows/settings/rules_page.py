"""The rules of attention: their order, each with what it did in the last seven days."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QMenu,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
)

from devstream_desktop.desk.preferences import Preferences
from devstream_desktop.desk.preferences_file import Items, rules, usual_rules
from devstream_desktop.desktop.widgets.cells import calm
from devstream_desktop.desktop.widgets.text import PlainLabel
from devstream_desktop.desktop.windows.settings.form import Page, note, roomy
from devstream_desktop.desktop.windows.settings.rule_dialog import RuleDialog
from devstream_desktop.desktop.windows.settings.rule_text import (
    conditions_text,
    effect_text,
    preview_text,
    rule_name,
)
from devstream_desktop.language import N_, _, number
from devstream_desktop.stream.preview import Preview
from devstream_desktop.stream.rules import DEFAULT, Rule
from devstream_desktop.stream.text import clean

Ask = Callable[[tuple[Rule, ...], Callable[[Preview], None], QObject], None]
"""Asks for a preview of rules; the function takes it while the owner lives."""
_COLUMNS = (N_("Rule"), N_("What it does"), N_("7 days"))


class RuleList(QTreeWidget):
    """The rules, with keys to move and remove one."""

    removed = Signal()
    moved = Signal(int)
    """-1 for up, 1 for down."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take Delete, Alt+Up and Alt+Down."""
        moves = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}
        key = Qt.Key(event.key())
        if key is Qt.Key.Key_Delete:
            self.removed.emit()
        elif event.modifiers() & Qt.KeyboardModifier.AltModifier and key in moves:
            self.moved.emit(moves[key])
        else:
            super().keyPressEvent(event)


class RulesPage(Page):
    """The list, and what can be done with it."""

    title = N_("Notifications")
    about = N_(
        "The first rule that fits a line says how loud it is. What no rule speaks of is quiet. Off"
        " duty nothing pops up but the result of your own deploy, and what Duty hours lets through."
    )

    def __init__(self, ask: Ask) -> None:
        super().__init__()
        self._ask = ask
        self._rules: tuple[Rule, ...] = ()
        self._values: Mapping[str, Sequence[str]] = {}
        self._wanted = 0
        self.dialog: RuleDialog | None = None
        """The form that was opened last."""
        self.list = RuleList()
        self.preview = PlainLabel(_("Looking at the last seven days…"), wrap=True)
        self.preview.setAccessibleName(_("What these rules would have done"))
        self.add = QPushButton(_("&Add…"))
        self.change = QPushButton(_("&Edit…"))
        self.remove = QPushButton(_("&Remove"))
        self.up = QPushButton(_("Move u&p"))
        self.down = QPushButton(_("Move &down"))
        self.reset = QPushButton(_("Use the usual rules"))
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        rows = self.list
        rows.setColumnCount(len(_COLUMNS))
        rows.setHeaderLabels([_(name) for name in _COLUMNS])
        rows.setRootIsDecorated(False)
        rows.setAccessibleName(_("Rules, the first that fits decides"))
        rows.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        rows.setAlternatingRowColors(False)
        rows.setUniformRowHeights(True)
        rows.setMinimumHeight(110)
        calm(rows)
        head = rows.header()
        head.setSectionsMovable(False)
        head.setStretchLastSection(False)
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        head.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        head.setSectionResizeMode(2, QHeaderView.ResizeMode.ResizeToContents)
        first, second = QHBoxLayout(), QHBoxLayout()
        for row, buttons in (
            (first, (self.add, self.change, self.remove)),
            (second, (self.up, self.down, self.reset)),
        ):
            for button in buttons:
                button.setAutoDefault(False)
                row.addWidget(button)
            row.addStretch(1)
        self.fits = note()
        self.column.addWidget(rows, 1)
        self.column.addWidget(self.fits)
        self.column.addLayout(first)
        self.column.addLayout(second)
        self.column.addWidget(self.preview)

    def _connect(self) -> None:
        self.list.currentItemChanged.connect(lambda *_items: self._follow())
        self.list.itemActivated.connect(lambda *_item: self.edit())
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.customContextMenuRequested.connect(self._show_menu)
        # `clicked` passes whether the button is checked.
        self.add.clicked.connect(lambda _on: self.make())
        self.change.clicked.connect(lambda _on: self.edit())
        self.remove.clicked.connect(self._remove)
        self.up.clicked.connect(lambda: self._move(-1))
        self.down.clicked.connect(lambda: self._move(1))
        self.reset.clicked.connect(lambda: self.changed.emit(usual_rules))
        self.list.removed.connect(self._remove)
        self.list.moved.connect(self._move)

    def show_preferences(self, preferences: Preferences) -> None:
        """Show the rules in force; the one that was chosen stays so."""
        if preferences.rules == self._rules:
            return
        self._rules = preferences.rules
        self._fill(self._wanted)
        self.reset.setEnabled(self._rules != DEFAULT)
        self._ask(self._rules, self._show_preview, self)

    def show_values(self, values: Mapping[str, Sequence[str]]) -> None:
        """Offer values in the form of a rule, by its field."""
        self._values = values

    def select(self, at: int) -> None:
        """Choose a rule, from 0."""
        self._wanted = at
        if (item := self.list.topLevelItem(at)) is not None:
            self.list.setCurrentItem(item)

    def make(self, rule: Rule | None = None) -> None:
        """Open the form of a new rule; `rule` is what it begins with."""
        dialog = RuleDialog(rule, self._values, self)
        dialog.setWindowTitle(_("New rule"))
        # A rule of one's own stands before those that would decide first.
        place = max(0, self._at)

        def keep(made: Rule) -> None:
            self._wanted = place
            items = self._items()

            def change(text: str) -> str:
                text = items.add(made)(text)
                return rules((*items.given, made)).move(len(items.given), place)(text)

            self.changed.emit(change)

        dialog.made.connect(keep)
        dialog.tried.connect(
            lambda tried: self._ask(
                (*self._rules[:place], tried, *self._rules[place:]),
                lambda found: dialog.show_preview(rule_text(found, place)),
                dialog,
            )
        )
        self._open(dialog)

    def edit(self) -> None:
        """Open the form of the chosen rule."""
        at = self._at
        if at < 0:
            return
        dialog = RuleDialog(self._rules[at], self._values, self)
        items = self._items()
        dialog.made.connect(lambda made: self.changed.emit(items.change(at, made)))
        dialog.tried.connect(
            lambda tried: self._ask(
                (*self._rules[:at], tried, *self._rules[at + 1 :]),
                lambda found: dialog.show_preview(rule_text(found, at)),
                dialog,
            )
        )
        self._open(dialog)

    def _open(self, dialog: RuleDialog) -> None:
        self._wanted = max(0, self._at)
        self.dialog = dialog
        dialog.open()

    @property
    def _at(self) -> int:
        item = self.list.currentItem()
        return -1 if item is None else self.list.indexOfTopLevelItem(item)

    def _items(self) -> Items:
        return rules(self._rules)

    def _remove(self) -> None:
        # The last one stays: a file without rules has the usual ones.
        if self._at >= 0 and len(self._rules) > 1:
            self._wanted = max(0, min(self._at, len(self._rules) - 2))
            self.changed.emit(self._items().remove(self._at))

    def _move(self, by: int) -> None:
        at, to = self._at, self._at + by
        if at >= 0 and 0 <= to < len(self._rules):
            self._wanted = to
            self.changed.emit(self._items().move(at, to))

    def _fill(self, current: int) -> None:
        self.list.clear()
        for place, rule in enumerate(self._rules, 1):
            item = QTreeWidgetItem(
                [f"{place}. {clean(rule_name(rule), 80)}", effect_text(rule), "…"]
            )
            item.setSizeHint(0, roomy(self.list))
            item.setTextAlignment(2, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.list.addTopLevelItem(item)
        self.select(min(current, len(self._rules) - 1))

    def _follow(self) -> None:
        at = self._at
        self.change.setEnabled(at >= 0)
        self.remove.setEnabled(at >= 0 and len(self._rules) > 1)
        self.up.setEnabled(at > 0)
        self.down.setEnabled(0 <= at < len(self._rules) - 1)
        fits = conditions_text(self._rules[at]) if at >= 0 else ""
        self.fits.setText(_("It fits: {conditions}").format(conditions=fits) if fits else "")

    def _show_preview(self, found: Preview) -> None:
        self.preview.setText(preview_text(found))
        for place, count in enumerate(found.by_rule):
            item = self.list.topLevelItem(place)
            if item is not None:
                item.setText(2, number(count) if count else "–")

    def _show_menu(self, at: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for button in (self.change, self.remove, self.up, self.down, self.add):
            action = menu.addAction(button.text().replace("&", ""), button.click)
            action.setEnabled(button.isEnabled())
        menu.popup(self.list.viewport().mapToGlobal(at))


def rule_text(found: Preview, at: int) -> str:
    """Say what all rules would have done, and the share of one."""
    share = _("This rule speaks of {count} of them.").format(count=number(found.by_rule[at]))
    return f"{preview_text(found)} {share}"
