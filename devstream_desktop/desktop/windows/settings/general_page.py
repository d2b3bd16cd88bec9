"""Start at login, colours, and the retention of the team."""

from __future__ import annotations

from PySide6.QtCore import Signal

from devstream_desktop.desk.preferences import Colours, Icon, Language, Preferences
from devstream_desktop.desk.preferences_file import option
from devstream_desktop.desktop.widgets.tick import Tick
from devstream_desktop.desktop.windows.settings.form import Choice, Page, note
from devstream_desktop.language import NAMES

_ICONS = (
    (Icon.WORST, "the worst of all that is red"),
    (Icon.UNCLAIMED, "only what nobody is on"),
    (Icon.PRODUCTION, "only production"),
)
_COLOURS = (
    (Colours.SYSTEM, "as the desktop has it"),
    (Colours.LIGHT, "light"),
    (Colours.DARK, "dark"),
)

_LANGUAGES = (
    (Language.SYSTEM, "as the desktop has it"),
    *((Language(code), name) for code, name in NAMES.items()),
)


class GeneralPage(Page):
    """The first page."""

    title = "General"
    login_chosen = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.login = Tick("&Start devstream when I log in")
        self.login.clicked.connect(self.login_chosen)
        self.login_state = note()
        self.colours = Choice("Windows", _COLOURS)
        self.colours.picked.connect(lambda one: self.changed.emit(option(one.value, "colours")))
        self.language = Choice("Language", _LANGUAGES)
        self.language.picked.connect(lambda one: self.changed.emit(option(one.value, "language")))
        self.icon = Choice("The tray icon shows", _ICONS)
        self.icon.picked.connect(lambda one: self.changed.emit(option(one.value, "icon")))
        self.column.addWidget(self.login)
        self.column.addWidget(self.login_state)
        self.section("Appearance")
        rows = self.form()
        rows.addRow("&Windows", self.colours)
        rows.addRow("&Language, from the next start", self.language)
        rows.addRow("&Tray icon shows", self.icon)
        self.section("History")
        self.retention = note()
        self.column.addWidget(self.retention)
        self.column.addStretch(1)
        self.show_login(on=None)

    def show_preferences(self, preferences: Preferences) -> None:
        """Show colours, language and icon."""
        self.colours.show_value(preferences.colours)
        self.language.show_value(preferences.language)
        self.icon.show_value(preferences.icon)

    def show_login(self, *, on: bool | None, why: str = "") -> None:
        """Show whether the next login starts devstream; None until it is known."""
        self.login.setEnabled(on is not None)
        self.login.setChecked(bool(on))
        self.login_state.setText(why)
        self.login_state.setVisible(bool(why))

    def show_retention(self, days: int) -> None:
        """Show how long the team keeps its history; 0 for not known."""
        self.retention.setText(
            f"The team keeps {days} days. An admin changes it for all:"
            " devstream team set --retention DAYS."
            if days
            else "How long the team keeps its history is known once the node answers."
        )
