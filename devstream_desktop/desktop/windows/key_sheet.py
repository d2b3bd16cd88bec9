"""The sheet of keys: each command with its keys."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QDialogButtonBox, QGridLayout, QWidget

from devstream_desktop.desktop.commands import keys_text
from devstream_desktop.desktop.widgets.dialog import Dialog, column, plain_button
from devstream_desktop.desktop.widgets.text import PlainLabel, heading, paint
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.language import N_, _

_ALWAYS = (
    (N_("Move in the list"), N_("↑ ↓ Home End")),
    (N_("Open the link of the chosen line"), N_("Enter")),
    (N_("Leave what is open"), N_("Esc")),
)


class KeySheet(Dialog):
    """Every key of the window."""

    def __init__(self, actions: Sequence[QAction], parent: QWidget | None = None) -> None:
        super().__init__(_("Keys"), parent)
        layout = column(self)
        layout.addWidget(heading(_("Keys")))
        grid = QGridLayout()
        grid.setHorizontalSpacing(28)
        grid.setVerticalSpacing(6)
        told = [(_(name), _(keys)) for name, keys in _ALWAYS]
        told += [(action.text().rstrip("…"), keys_text(action)) for action in actions]
        for row, (name, keys) in enumerate(one for one in told if one[1]):
            label, shown = PlainLabel(name), PlainLabel(keys)
            paint(shown, Tone.MUTED)
            shown.setAccessibleName(f"{name}: {keys}")
            grid.addWidget(label, row, 0)
            grid.addWidget(shown, row, 1)
        layout.addLayout(grid)
        buttons = QDialogButtonBox()
        close = plain_button(buttons, QDialogButtonBox.StandardButton.Close)
        close.clicked.connect(self.reject)
        layout.addWidget(buttons)
