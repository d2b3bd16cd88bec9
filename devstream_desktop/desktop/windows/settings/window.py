"""The settings window: pages at the left, one of them at the right.

Each change is written at once and counts at once. While a file has a mistake nothing is written:
the window says where it is, and what can be.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QPalette
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QListWidget,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from devstream_desktop.control.messages.policy import GetPolicy
from devstream_desktop.desk.autostart import Autostart
from devstream_desktop.desk.preferences_file import Change, Step, edit_settings
from devstream_desktop.desktop.client.background import Background
from devstream_desktop.desktop.client.preferences import LivePreferences
from devstream_desktop.desktop.client.replay import Replay
from devstream_desktop.desktop.client.state import AppState
from devstream_desktop.desktop.widgets.cells import calm
from devstream_desktop.desktop.widgets.dialog import Dialog, say
from devstream_desktop.desktop.widgets.edge import edge
from devstream_desktop.desktop.widgets.look import sentence
from devstream_desktop.desktop.widgets.text import ElidedLabel, PlainLabel
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.desktop.windows.settings.duty_page import DutyPage
from devstream_desktop.desktop.windows.settings.form import Page, roomy
from devstream_desktop.desktop.windows.settings.general_page import GeneralPage
from devstream_desktop.desktop.windows.settings.me_page import MePage
from devstream_desktop.desktop.windows.settings.network_page import NetworkPage
from devstream_desktop.desktop.windows.settings.rules_page import RulesPage
from devstream_desktop.history.reader import Facets, Reader
from devstream_desktop.home import Home
from devstream_desktop.language import N_, _
from devstream_desktop.settings import Settings, load_settings
from devstream_desktop.stream.attention import Desk
from devstream_desktop.stream.preview import Preview
from devstream_desktop.stream.rules import Rule

_LEFT = 150
_UNREAD = N_(
    "Saved. The node was started elsewhere, so it counts when that is asked to read its files again"
    " ({command}, or SIGHUP) or starts anew."
)


class SettingsWindow(Dialog):
    """All settings of one desk and its node."""

    def __init__(
        self,
        home: Home,
        state: AppState,
        preferences: LivePreferences,
        login: Autostart,
        reload: Callable[[], bool],
        parent: QWidget | None = None,
    ) -> None:
        """Make the window.

        `reload` has the node read its files again, and returns false where it cannot.
        """
        super().__init__(_("devstream settings"), parent)
        self.resize(820, 620)
        self.setMinimumSize(560, 420)
        self._home, self._state, self._preferences, self._login = home, state, preferences, login
        self._reload = reload
        self._files = Background("settings", self)
        self._replay = Replay(home.history, self)
        self.general = GeneralPage()
        self.rules = RulesPage(self._preview)
        self.duty = DutyPage()
        self.me = MePage()
        self.network = NetworkPage()
        self.pages: list[Page] = [self.general, self.rules, self.duty, self.me, self.network]
        self.list = QListWidget()
        self.mistake = PlainLabel(wrap=True, selectable=True)
        self.said = PlainLabel(wrap=True)
        self.file = ElidedLabel()
        self.undo = QPushButton(_("&Undo"))
        self.open_file = QPushButton(_("&Open the file"))
        self._last: Step | None = None
        """The change that can be undone."""
        self._stack = QStackedWidget()
        self._lay_out()
        self._connect()
        self._refresh()

    def _lay_out(self) -> None:
        self.list.setAccessibleName(_("Pages"))
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setFixedWidth(_LEFT)
        self.list.setViewportMargins(6, 12, 6, 6)
        self.list.viewport().setAutoFillBackground(False)
        calm(self.list)
        for page in self.pages:
            self.list.addItem(_(page.title))
            self.list.item(self.list.count() - 1).setSizeHint(roomy(self.list))
            area = QScrollArea()
            area.setWidget(page)
            area.setWidgetResizable(True)
            area.setFrameShape(QFrame.Shape.NoFrame)
            area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            area.viewport().setAutoFillBackground(False)
            page.setAutoFillBackground(False)
            self._stack.addWidget(area)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self.list)
        middle.addWidget(edge(upright=True))
        right = QVBoxLayout()
        right.setSpacing(0)
        for label in (self.mistake, self.said):
            label.setContentsMargins(24, 14, 24, 0)
            label.hide()
            right.addWidget(label)
        right.addWidget(self._stack, 1)
        middle.addLayout(right, 1)
        foot = QHBoxLayout()
        foot.setContentsMargins(12, 8, 12, 10)
        foot.setSpacing(10)
        foot.addWidget(self.file, 1)
        foot.addWidget(self.undo)
        foot.addWidget(self.open_file)
        close = QPushButton(_("&Close"))
        close.clicked.connect(self.reject)
        for button in (self.undo, self.open_file, close):
            button.setAutoDefault(False)
        foot.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(middle, 1)
        column.addWidget(edge())
        column.addLayout(foot)

    def _connect(self) -> None:
        self.list.currentRowChanged.connect(self._turn)
        self.list.setCurrentRow(0)
        self.undo.clicked.connect(self._undo)
        self.open_file.clicked.connect(self._open_file)
        self._preferences.changed.connect(self._refresh)
        self._state.changed.connect(self._refresh_state)
        for page in self.pages:
            page.changed.connect(self._write)
        self.general.login_chosen.connect(self._set_login)
        self.network.settings_changed.connect(self._write_settings)
        self.finished.connect(self._end)

    def begin(self) -> None:
        """Read what is not in the preferences, beside the screen."""
        login, home = self._login, self._home
        self._files.run(
            login.enabled,
            lambda on: self.general.show_login(on=on),
            refuse=lambda why: self.general.show_login(on=None, why=sentence(why)),
            owner=self,
        )
        self._read_settings()
        self._files.run(lambda: _facets(home), self._take_facets, owner=self)
        self.ask(
            GetPolicy(),
            lambda found: self.general.show_retention(found.retention_days),
            lambda _why: None,
        )
        self.list.setFocus()

    def show_rule(self, at: int | None, like: Rule | None = None) -> None:
        """Turn to the rules, with one of them chosen, from 0; or with a new one begun."""
        self.list.setCurrentRow(self.pages.index(self.rules))
        if at is not None:
            self.rules.select(at)
            self.rules.list.setFocus()
        elif like is not None:
            self.rules.make(like)

    def changeEvent(self, event: QEvent) -> None:
        """Follow another palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ApplicationPaletteChange:
            for view in (self.list, self.rules.list, self.me.list):
                view.setPalette(QPalette())
                calm(view)

    def _turn(self, row: int) -> None:
        self._stack.setCurrentIndex(row)
        other = self.pages[row] is self.network
        self.file.set_whole(str(self._home.settings if other else self._home.preferences))
        # It takes back what was changed in the file that is named beside it.
        self.undo.setVisible(not other)

    def _refresh(self) -> None:
        mistake = self._preferences.mistake
        if mistake:
            advice = _(
                "{mistake}. Nothing of the file is changed here until you mend that line in it."
            )
            say(self.mistake, advice.format(mistake=mistake), Tone.RED)
        self.mistake.setVisible(bool(mistake))
        for page in self.pages:
            # A line of another file, and what the session keeps, can still be changed.
            if page not in (self.general, self.network):
                page.setEnabled(not mistake)
            page.show_preferences(self._preferences.current)
        for choice in (self.general.colours, self.general.language, self.general.icon):
            choice.setEnabled(not mistake)
        self.undo.setEnabled(not mistake and self._last is not None and self._last.done)
        self._refresh_state()

    def _refresh_state(self) -> None:
        self.me.show_person(self._state.person)

    def _write(self, change: Change) -> None:
        self.said.hide()
        self._last = Step(change)
        self._preferences.edit(self._last, self._refused, owner=self)

    def _undo(self) -> None:
        if self._last is not None:
            last, self._last = self._last, None
            self._preferences.edit(last.undo, self._refused, owner=self)

    def _refused(self, why: str) -> None:
        say(self.said, f"{sentence(why)}.", Tone.RED)
        self.said.show()
        self._last = None
        self.undo.setEnabled(False)
        # What was ticked or chosen did not come about.
        for page in self.pages:
            page.show_preferences(self._preferences.current)

    def _set_login(self, on: bool) -> None:
        login = self._login

        def work() -> bool:
            login.set_enabled(on=on)
            return login.enabled()

        def refused(why: str) -> None:
            self.general.show_login(on=not on, why=sentence(f"{why}."))

        self._files.run(
            work, lambda now: self.general.show_login(on=now), refuse=refused, owner=self
        )

    def _read_settings(self) -> None:
        path = self._home.settings
        self._files.run(
            lambda: load_settings(path),
            lambda found: self.network.show_mesh(found.mesh),
            refuse=lambda why: self.network.show_said(
                _("{reason}. Mend it there.").format(reason=why), Tone.RED
            ),
            owner=self,
        )

    def _write_settings(self, change: Change) -> None:
        path = self._home.settings

        def take(found: Settings) -> None:
            self.network.show_mesh(found.mesh)
            taken = _("Saved, and the node has taken it over.")
            said = taken if self._reload() else _(_UNREAD).format(command="systemctl reload")
            self.network.show_said(said, Tone.GREEN)

        self._files.run(
            lambda: edit_settings(path, change),
            take,
            refuse=lambda why: self.network.show_said(f"{why}.", Tone.RED),
            owner=self,
        )

    def _preview(
        self, rules: tuple[Rule, ...], take: Callable[[Preview], None], owner: QObject
    ) -> None:
        desk = Desk(
            person=self._state.person,
            on_duty=True,
            rules=rules,
            aliases=self._preferences.current.names,
        )
        self._replay.ask(
            desk,
            take,
            refuse=lambda why: self.rules.preview.setText(
                _("No preview: {reason}.").format(reason=why)
            ),
            owner=owner,
        )

    def _take_facets(self, found: Facets) -> None:
        self.me.show_actors(found.actors)
        self.rules.show_values(
            {
                "service": found.services,
                "environment": found.environments,
                "branch": found.branches,
                "actor": found.actors,
            }
        )

    def _open_file(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(self.file.whole))

    def _end(self) -> None:
        self._replay.close()
        self._files.close(finish=True)


def _facets(home: Home) -> Facets:
    with Reader(home.history) as reader:
        return reader.facets()
