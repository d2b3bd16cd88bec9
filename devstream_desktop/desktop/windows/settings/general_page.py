"""Start at login, colours, and the retention of the team."""

from __future__ import annotations

from PySide6.QtCore import Signal

from devstream_desktop.desk.language_choice import Language
from devstream_desktop.desk.preferences import Colours, Icon, Preferences
from devstream_desktop.desk.preferences_file import option
from devstream_desktop.desktop.widgets.tick import Tick
from devstream_desktop.desktop.windows.settings.form import Choice, Page, note
from devstream_desktop.language import N_, NAMES, _, ngettext, number

_ICONS = (
    (Icon.WORST, N_("the worst of all that is red")),
    (Icon.UNCLAIMED, N_("only what nobody is on")),
    (Icon.PRODUCTION, N_("only production")),
)
_COLOURS = (
    (Colours.SYSTEM, N_("as the desktop has it")),
    (Colours.LIGHT, N_("light")),
    (Colours.DARK, N_("dark")),
)

_LANGUAGES = (
    (Language.SYSTEM, N_("as the desktop has it")),
    *((Language(code), name) for code, name in NAMES.items()),
)


class GeneralPage(Page):
    """The first page."""

    title = N_("General")
    login_chosen = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.login = Tick(_("&Start devstream when I log in"))
        self.login.clicked.connect(self.login_chosen)
        self.login_state = note()
        self.colours = Choice(_("Windows"), _COLOURS)
        self.colours.picked.connect(lambda one: self.changed.emit(option(one.value, "colours")))
        self.language = Choice(_("Language"), _LANGUAGES)
        self.language.picked.connect(lambda one: self.changed.emit(option(one.value, "language")))
        self.icon = Choice(_("The tray icon shows"), _ICONS)
        self.icon.picked.connect(lambda one: self.changed.emit(option(one.value, "icon")))
        self.column.addWidget(self.login)
        self.column.addWidget(self.login_state)
        self.section(_("Appearance"))
        rows = self.form()
        rows.addRow(_("&Windows"), self.colours)
        rows.addRow(_("&Language, from the next start"), self.language)
        rows.addRow(_("&Tray icon shows"), self.icon)
        self.section(_("History"))
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
        if not days:
            known = _("How long the team keeps its history is known once the node answers.")
            self.retention.setText(known)
            return
        keeps = ngettext(
            "The team keeps {count} day. An admin changes it for all: {command}.",
            "The team keeps {count} days. An admin changes it for all: {command}.",
            days,
        )
        command = "devstream team set --retention DAYS"
        self.retention.setText(keeps.format(count=number(days), command=command))
