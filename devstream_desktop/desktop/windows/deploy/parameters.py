"""The form of a target's declared parameters: a field, a box or a tick for each."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QFormLayout, QLineEdit, QWidget

from devstream_desktop.control.messages.deploys import ParameterForm
from devstream_desktop.desktop.widgets.text import PlainLabel
from devstream_desktop.stream.text import clean


class Parameters(QWidget):
    """The fields, and what they hold."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._forms: tuple[ParameterForm, ...] = ()
        self._values: dict[str, Callable[[], str]] = {}
        self._layout = QFormLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.hide()

    def show_forms(self, forms: tuple[ParameterForm, ...]) -> None:
        """Offer these parameters; the same ones again keep what was typed."""
        if forms == self._forms:
            return
        self._forms = forms
        self._values = {}
        while self._layout.rowCount():
            self._layout.removeRow(0)
        for form in forms:
            label = PlainLabel(clean(form.name))
            self._layout.addRow(label, self._field(form))
        self.setVisible(bool(forms))

    def values(self) -> dict[str, str]:
        """Return the chosen values that are not the defaults."""
        defaults = {form.name: form.default for form in self._forms}
        given = {name: value() for name, value in self._values.items()}
        return {name: value for name, value in given.items() if value != defaults[name]}

    def _field(self, form: ParameterForm) -> QWidget:
        field: QWidget
        if form.type == "choice":
            field = box = QComboBox()
            for choice in form.choices:
                box.addItem(clean(choice), choice)
            box.setCurrentIndex(max(0, box.findData(form.default)))
            box.currentIndexChanged.connect(self.changed)
            self._values[form.name] = lambda: str(box.currentData())
        elif form.type == "flag":
            field = tick = QCheckBox()
            tick.setChecked(form.default == "true")
            tick.toggled.connect(self.changed)
            self._values[form.name] = lambda: "true" if tick.isChecked() else "false"
        else:
            field = line = QLineEdit(clean(form.default))
            line.textEdited.connect(self.changed)
            self._values[form.name] = line.text
        field.setAccessibleName(clean(form.name))
        field.setAccessibleDescription(clean(form.help, 200))
        return field
