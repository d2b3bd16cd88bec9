"""The names that are the person's own, with proposals from the history."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QListWidget, QListWidgetItem, QPushButton

from devstream_desktop.desk.preferences import Preferences
from devstream_desktop.desk.preferences_file import option
from devstream_desktop.desktop.widgets.cells import calm
from devstream_desktop.desktop.widgets.tick import TickedRows
from devstream_desktop.desktop.windows.settings.form import Page, note, roomy
from devstream_desktop.language import N_, _
from devstream_desktop.stream.names import proposals
from devstream_desktop.stream.text import clean

_NAME = Qt.ItemDataRole.UserRole


class MePage(Page):
    """A list with a tick at each name that counts."""

    title = N_("Me")
    about = N_(
        "What git, the forges and other sources call you. By these names devstream knows which"
        " commits and deploys are yours. Ticked names count; the others are proposed from the"
        " history because they look like yours."
    )

    def __init__(self) -> None:
        super().__init__()
        self._names: tuple[str, ...] = ()
        self._person = ""
        self._actors: Sequence[str] = ()
        self.list = QListWidget()
        self.list.setAccessibleName(_("Names that are me"))
        self.list.setMinimumHeight(120)
        self.list.setItemDelegate(TickedRows(self.list))
        calm(self.list)
        self.field = QLineEdit()
        self.field.setPlaceholderText(_("Another name or mail address"))
        self.field.setAccessibleName(_("Another name or mail address"))
        self.field.setMaxLength(120)
        self.add = QPushButton(_("&Add"))
        self.add.setAutoDefault(False)
        self.add.setEnabled(False)
        self.nobody = note(_("The history has no other name that looks like yours."))
        row = QHBoxLayout()
        row.addWidget(self.field, 1)
        row.addWidget(self.add)
        self.column.addWidget(self.list, 1)
        self.column.addWidget(self.nobody)
        self.column.addLayout(row)
        self.list.itemChanged.connect(self._tell)
        self.field.textChanged.connect(lambda text: self.add.setEnabled(bool(text.strip())))
        self.field.returnPressed.connect(self._add)
        self.add.clicked.connect(self._add)

    def show_preferences(self, preferences: Preferences) -> None:
        """Show the names that count."""
        self._names = preferences.names
        self._fill()

    def show_person(self, person: str) -> None:
        """Show the name in the team, which always counts."""
        # The state changes often, and a list that is filled anew loses its place.
        if person != self._person:
            self._person = person
            self._fill()

    def show_actors(self, actors: Sequence[str]) -> None:
        """Propose those that look like the person."""
        self._actors = actors
        self._fill()

    @property
    def proposed(self) -> list[str]:
        """Names that are not ticked, in order."""
        return proposals((self._person, *self._names), self._actors)

    def _fill(self) -> None:
        rows = [(name, True) for name in self._names]
        rows += [(name, False) for name in self.proposed]
        place = self.list.currentRow()
        self.list.blockSignals(True)
        self.list.clear()
        if self._person:
            yours = _("{person}  (your name in the team)").format(person=clean(self._person, 60))
            own = QListWidgetItem(yours)
            own.setFlags(Qt.ItemFlag.ItemIsSelectable)
            own.setCheckState(Qt.CheckState.Checked)
            own.setSizeHint(roomy(self.list))
            self.list.addItem(own)
        for name, counts in rows:
            item = QListWidgetItem(clean(name, 120))
            item.setSizeHint(roomy(self.list))
            item.setData(_NAME, name)
            item.setFlags(
                Qt.ItemFlag.ItemIsEnabled
                | Qt.ItemFlag.ItemIsSelectable
                | Qt.ItemFlag.ItemIsUserCheckable
            )
            item.setCheckState(Qt.CheckState.Checked if counts else Qt.CheckState.Unchecked)
            self.list.addItem(item)
        self.list.setCurrentRow(min(place, self.list.count() - 1))
        self.list.blockSignals(False)
        self.nobody.setVisible(not self.proposed)

    def _tell(self, item: QListWidgetItem) -> None:
        name: str = item.data(_NAME)
        if item.checkState() is Qt.CheckState.Checked:
            names = [*self._names, name]
        else:
            names = [one for one in self._names if one != name]
        self.changed.emit(option(names, "names"))

    def _add(self) -> None:
        name = self.field.text().strip()
        if name and name not in self._names:
            self.changed.emit(option([*self._names, name], "names"))
        self.field.clear()
