"""A form of one rule, with a preview."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from PySide6.QtCore import QStringListModel, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QCompleter,
    QDialogButtonBox,
    QFormLayout,
    QGridLayout,
    QLineEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from devstream_desktop.config import FieldError, typed
from devstream_desktop.desktop.widgets.dialog import Dialog, plain_button, say
from devstream_desktop.desktop.widgets.look import sentence
from devstream_desktop.desktop.widgets.text import PlainLabel, paint
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.desktop.widgets.tick import Tick
from devstream_desktop.desktop.windows.settings.form import Choice
from devstream_desktop.desktop.windows.settings.rule_text import (
    EFFECTS,
    SEVERITIES,
    day_name,
    names_in,
    rule_name,
    typed_list,
)
from devstream_desktop.language import N_, _
from devstream_desktop.stream.rules import DAYS, Attention, Rule
from devstream_desktop.stream.words import Kind

_PAUSE_MS = 250
_MINE = ((None, N_("anybody")), (True, N_("me")), (False, N_("others, not me")))
_LISTS = (
    ("state", N_("S&tate"), N_("any; or such as failed, firing again")),
    ("service", N_("Ser&vice"), N_("any; or such as shop, billing-*")),
    ("environment", N_("&Environment"), N_("any; or such as prod*")),
    ("branch", N_("&Branch"), N_("any; or such as main, release/*")),
    ("actor", N_("B&y"), N_("any; or a name in the stream")),
)
_COLUMNS = 4


class RuleDialog(Dialog):
    """A form for one rule."""

    tried = Signal(object)
    """The `Rule` as it stands, a moment after each change."""
    made = Signal(object)
    """The `Rule` to be written."""

    def __init__(
        self,
        rule: Rule | None,
        values: Mapping[str, Sequence[str]],
        parent: QWidget | None = None,
    ) -> None:
        """Make the form of `rule`, or of a new one; `values` are offered, by field."""
        super().__init__(_("Edit the rule") if rule else _("New rule"), parent)
        self.resize(540, 580)
        self.setMinimumSize(420, 360)
        given = rule or Rule(name=_("New rule"), then=Attention.POPUP)
        self.name = QLineEdit(rule_name(given))
        self.name.setMaxLength(80)
        self.then = Choice(_("What it does"), EFFECTS)
        self.then.show_value(given.then)
        self.urgent = Tick(_("It stays &until it is closed, and no digest takes it"))
        self.urgent.setChecked(given.urgent)
        self.kinds = {kind: Tick(_(kind.value)) for kind in Kind}
        for kind, box in self.kinds.items():
            box.setChecked(kind in given.kind)
            box.toggled.connect(self._begin)
        self.lists = {
            field: self._list(field, _(name), _(hint), given, values)
            for field, name, hint in _LISTS
        }
        self.severity = Choice(_("Severity"), SEVERITIES)
        self.severity.show_value(given.severity)
        self.mine = Choice(_("Whose"), _MINE)
        self.mine.show_value(given.mine)
        self.hours = QLineEdit(given.hours or "")
        self.hours.setPlaceholderText(_("at any time; or {example}").format(example="08:00-18:30"))
        self.days = {day: Tick(day_name(day)) for day in DAYS}
        for day, box in self.days.items():
            box.setChecked(day in given.days)
            box.toggled.connect(self._begin)
        self.preview = PlainLabel(_("Looking at the last seven days…"), wrap=True)
        self.mistake = PlainLabel(wrap=True)
        self.buttons = QDialogButtonBox()
        self.keep = plain_button(self.buttons, QDialogButtonBox.StandardButton.Save)
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._pause.timeout.connect(self._try)
        self._lay_out()
        self._connect()

    def _list(
        self,
        field: str,
        name: str,
        hint: str,
        given: Rule,
        values: Mapping[str, Sequence[str]],
    ) -> QLineEdit:
        line = QLineEdit(typed_list(getattr(given, field)))
        # A long list is read from its beginning.
        line.setCursorPosition(0)
        line.setAccessibleName(name.replace("&", ""))
        line.setPlaceholderText(hint)
        if found := values.get(field):
            offers = QCompleter(QStringListModel(list(found), line), line)
            offers.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
            line.setCompleter(offers)
        line.textChanged.connect(self._begin)
        return line

    def _lay_out(self) -> None:
        inside = QWidget()
        rows = QFormLayout(inside)
        rows.setContentsMargins(20, 16, 20, 8)
        rows.setHorizontalSpacing(16)
        rows.setVerticalSpacing(8)
        rows.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        rows.addRow(_("&Name"), self.name)
        rows.addRow(_("A line that &fits"), self.then)
        rows.addRow("", self.urgent)
        rows.addRow(_("Kind"), _grid(list(self.kinds.values()), _COLUMNS))
        for field, name, _hint in _LISTS:
            rows.addRow(_(name), self.lists[field])
        rows.addRow(_("Seve&rity"), self.severity)
        rows.addRow(_("&Done by"), self.mine)
        rows.addRow(_("&Hours"), self.hours)
        rows.addRow(_("Days"), _grid(list(self.days.values()), len(DAYS)))
        area = QScrollArea()
        area.setWidget(inside)
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.viewport().setAutoFillBackground(False)
        inside.setAutoFillBackground(False)
        plain_button(self.buttons, QDialogButtonBox.StandardButton.Cancel)
        foot = QVBoxLayout()
        foot.setContentsMargins(20, 4, 20, 16)
        foot.setSpacing(8)
        paint(self.preview, Tone.MUTED)
        for widget in (self.preview, self.mistake, self.buttons):
            foot.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(area, 1)
        column.addLayout(foot)

    def _connect(self) -> None:
        self.keep.setDefault(True)
        self.buttons.accepted.connect(self._keep)
        self.buttons.rejected.connect(self.reject)
        self.name.textChanged.connect(self._begin)
        self.hours.textChanged.connect(self._begin)
        self.urgent.toggled.connect(self._begin)
        for choice in (self.then, self.severity, self.mine):
            choice.picked.connect(self._begin)
        self._check()

    def begin(self) -> None:
        """Try the rule as it is."""
        self.name.selectAll()
        self.name.setFocus()
        self._try()

    def show_preview(self, text: str) -> None:
        """Show what the rules would have done with this one among them."""
        self.preview.setText(text)

    @property
    def rule(self) -> Rule:
        """The rule as it stands.

        Raises:
            FieldError: a field is wrong.

        """
        table = {
            "name": self.name.text().strip(),
            "then": msgspec.to_builtins(self.then.value),
            "urgent": self.urgent.isChecked(),
            "kind": [kind.value for kind, box in self.kinds.items() if box.isChecked()],
            "severity": self.severity.value,
            "mine": self.mine.value,
            "hours": self.hours.text().strip() or None,
            "days": [day for day, box in self.days.items() if box.isChecked()],
        }
        lists = {field: list(names_in(line.text())) for field, line in self.lists.items()}
        return typed(table | lists, Rule)

    def _begin(self, *_changed: object) -> None:
        self.urgent.setEnabled(self.then.value is Attention.POPUP)
        self._check()
        self._pause.start()

    def _check(self) -> bool:
        try:
            self.rule  # noqa: B018 - whether it is one
        except FieldError as wrong:
            say(self.mistake, f"{sentence(str(wrong))}.", Tone.RED)
        else:
            self.mistake.setText("")
        wrong_now = bool(self.mistake.text())
        self.mistake.setVisible(wrong_now)
        self.keep.setEnabled(not wrong_now)
        return not wrong_now

    def _try(self) -> None:
        if self._check():
            self.tried.emit(self.rule)

    def _keep(self) -> None:
        if self._check():
            self.made.emit(self.rule)
            self.accept()


def _grid(boxes: Sequence[QCheckBox], columns: int) -> QWidget:
    """Put boxes into rows."""
    inside = QWidget()
    grid = QGridLayout(inside)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(10)
    grid.setVerticalSpacing(4)
    for place, box in enumerate(boxes):
        grid.addWidget(box, place // columns, place % columns)
    grid.setColumnStretch(columns, 1)
    return inside
