"""The app: a client of the node of its home. `start.py` shows its icon and then makes it.

The only module that knows all the others, and the only place where a window's question is sent to
the node.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from devstream_desktop.clock import now_ms
from devstream_desktop.control.messages.base import Done, Request
from devstream_desktop.control.messages.status import Unlock
from devstream_desktop.control.messages.stream import Claim
from devstream_desktop.desk.store import OPENED, PLACE, SNOOZED, DeskStore
from devstream_desktop.desktop.client.doctor_process import DoctorProcess
from devstream_desktop.desktop.client.node_client import NodeClient
from devstream_desktop.desktop.client.node_process import NodeProcess
from devstream_desktop.desktop.client.preferences import LivePreferences
from devstream_desktop.desktop.client.question import Question
from devstream_desktop.desktop.client.reader_thread import ReaderThread
from devstream_desktop.desktop.client.sightings import Sightings
from devstream_desktop.desktop.client.state import AppState
from devstream_desktop.desktop.dialogs import Dialogs
from devstream_desktop.desktop.duty import Duty
from devstream_desktop.desktop.platform.session_bus import NoBusError, SessionBus
from devstream_desktop.desktop.platform.signals import leave
from devstream_desktop.desktop.popups.balloon import BalloonNotifier
from devstream_desktop.desktop.popups.dbus import DBusNotifier
from devstream_desktop.desktop.popups.notifier import Notice, Notifier
from devstream_desktop.desktop.popups.popups import Popups
from devstream_desktop.desktop.tray.contents import MenuContents
from devstream_desktop.desktop.tray.menu import Snooze, TrayMenu, snooze_end
from devstream_desktop.desktop.tray.summary import mark_and_tooltip
from devstream_desktop.desktop.tray.tray import Tray
from devstream_desktop.desktop.widgets.appearance import show_colours
from devstream_desktop.desktop.widgets.look import coming_time
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home, HomeError
from devstream_desktop.language import _
from devstream_desktop.stream.attention import Desk
from devstream_desktop.stream.subject import Line

if TYPE_CHECKING:
    from devstream_desktop.desk.preferences_file import Change
    from devstream_desktop.desktop.peek.peek import Peek
    from devstream_desktop.desktop.windows.history.window import HistoryWindow

_AGES_MS = 30_000
"""Milliseconds after which ages in tooltip and menu are written anew."""


class App(QObject):
    """Owns the parts and connects their signals."""

    def __init__(
        self,
        home: Home,
        menu: TrayMenu,
        tray: Tray,
        *,
        start_node: bool = True,
        node_command: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        self._home = home
        self.menu, self.tray = menu, tray
        self.client = NodeClient(home.control_url(), self)
        self.history = ReaderThread(Reader(home.history), self)
        self.store = DeskStore(home.desk)
        self.state = AppState(self.history, self, seen=self.store.seen())
        self.preferences = LivePreferences(home.preferences, self)
        self.doctor = DoctorProcess(home, self)
        self.node = NodeProcess(home, command=node_command, parent=self) if start_node else None
        # Without a session bus (macOS, Windows, a bare X session) Qt's tray icon shows popups.
        try:
            self.bus: SessionBus | None = SessionBus(self)
        except NoBusError:
            self.bus = None
        if self.bus is not None:
            tray.follow(self.bus)
        self.contents = MenuContents(menu, self.state)
        self.notifier = self._choose_notifier()
        self.popups = Popups(self.notifier, self.store, parent=self)
        self.duty = Duty(self.state, self.store, self.notifier, self)
        self.sightings = Sightings(self.state, self)
        reload = self.node.reload if self.node is not None else lambda: False
        self.dialogs = Dialogs(home, self.state, self.preferences, self.doctor, reload, self)
        self._window: HistoryWindow | None = None
        self._peek: Peek | None = None
        self._ages = QTimer(self, interval=_AGES_MS)
        self._connect_node()
        self._connect_screen()

    def begin(self) -> None:
        """Connect to the node, and start one where none answers."""
        self._take_preferences()
        self.client.open()
        if self.node is not None:
            self.node.begin()
        if not self.tray.hosted or not self.store.note(OPENED):
            self.show_history()
            self._show_where()

    def end(self) -> None:
        """Leave the screen at once, then end our own node."""
        self.dialogs.hide()
        if self._peek is not None:
            self._peek.hide()
        if self._window is not None:
            self._keep_place()
            self._window.hide()
        # Nobody would hear their buttons.
        self.notifier.withdraw_all()
        # The client before the node: a lost connection would show as trouble at the end.
        self.tray.close()
        self.client.close()
        self.preferences.close()
        self.history.close()
        self.doctor.close()
        self.store.close()
        if self.bus is not None:
            self.bus.close()
        if self.node is not None:
            self.node.end()

    def show_history(self) -> None:
        """Bring up the history window."""
        self._history_window().bring_up()

    def _history_window(self) -> HistoryWindow:
        # Imported and made when first wanted: most days begin and end in the tray.
        if self._window is None:
            from devstream_desktop.desktop.windows.history.window import HistoryWindow

            window = HistoryWindow(self.state, self.popups.why)
            window.duty_chosen.connect(self.duty.switch)
            window.unlock_chosen.connect(self._unlock)
            window.invite_chosen.connect(self.dialogs.invite)
            window.join_chosen.connect(self.dialogs.join)
            window.status_chosen.connect(self.dialogs.show_status)
            window.settings_chosen.connect(self.dialogs.show_settings)
            window.preferences_changed.connect(self._change_preferences)
            window.export_chosen.connect(self.dialogs.export)
            window.rule_chosen.connect(self.dialogs.edit_rule)
            window.team_chosen.connect(self.dialogs.show_team)
            window.deploy_chosen.connect(self.dialogs.deploy)
            window.mute_chosen.connect(self.popups.mute)
            window.approve_chosen.connect(self.dialogs.approve)
            window.note_chosen.connect(self.dialogs.note)
            window.quit_chosen.connect(leave)
            window.closed.connect(self._history_closed)
            window.restore(self.store.note(PLACE))
            self._window = window
        return self._window

    def _choose_notifier(self) -> Notifier:
        balloon = BalloonNotifier(lambda: self.tray.icon, self)
        self.tray.balloon_clicked.connect(balloon.clicked)
        if self.bus is None:
            return balloon
        notifier = DBusNotifier(self.bus, self)
        # An icon of an older tray draws its balloon itself; others ask the same server in vain.
        notifier.unshown.connect(balloon.show_notice)
        balloon.activated.connect(notifier.activated)
        notifier.trouble.connect(self.state.set_popup_trouble)
        return notifier

    def _connect_node(self) -> None:
        # The state first: the other parts read it when they hear of the same change.
        self.client.connected.connect(self.state.set_connected)
        self.client.news.connect(self.state.read_news)
        self.client.status_changed.connect(self.state.refresh)
        self.client.failed.connect(self.state.set_trouble)
        self.state.asked.connect(self.client.ask)
        self.dialogs.asked.connect(self.client.ask)
        self.duty.asked.connect(self.client.ask)
        self.client.status_changed.connect(self.dialogs.status_changed)
        if self.node is not None:
            self.client.connected.connect(self.node.set_answers)
            self.node.trouble.connect(self.state.set_trouble)

    def _connect_screen(self) -> None:
        # Before whatever shows it.
        self.state.changed.connect(self._show_state)
        self.state.arrived.connect(self._consider)
        self.preferences.changed.connect(self._take_preferences)
        self.state.recent_changed.connect(self._show_state)
        self.state.recent_changed.connect(self._know_red)
        self.state.seen_changed.connect(self._keep_seen)
        self.state.seen_changed.connect(self._withdraw_seen)
        self.duty.refused.connect(self._refuse_duty)
        self.duty.came.connect(self._hand_over)
        self._ages.timeout.connect(self._show_state)
        self._ages.timeout.connect(self.contents.refresh)
        self._ages.start()
        self.tray.clicked.connect(self._show_peek)
        self.menu.history_chosen.connect(self.show_history)
        self.menu.line_chosen.connect(self._show_line)
        self.menu.duty_chosen.connect(self.duty.switch)
        self.menu.snooze_chosen.connect(self._snooze)
        self._ages.timeout.connect(self._show_snooze)
        self._ages.timeout.connect(self._widen)
        self._show_snooze()
        self.menu.deploy_chosen.connect(self.dialogs.deploy)
        self.menu.running_chosen.connect(self.dialogs.bring_deploy)
        self.dialogs.running_changed.connect(self.contents.show_running)
        self.menu.invite_chosen.connect(self.dialogs.invite)
        self.menu.join_chosen.connect(self.dialogs.join)
        self.menu.team_chosen.connect(self.dialogs.show_team)
        self.menu.status_chosen.connect(self.dialogs.show_status)
        self.menu.settings_chosen.connect(self.dialogs.show_settings)
        self.popups.show_line.connect(self._show_line)
        self.popups.show_history.connect(self.show_history)
        self.popups.claim_chosen.connect(self._claim)
        self.popups.approve_chosen.connect(self.dialogs.approve)

    def _show_state(self) -> None:
        mark, tooltip = mark_and_tooltip(self.state, self.preferences.current.icon)
        self.tray.show_state(mark, tooltip, len(self.state.unseen) if self.state.connected else 0)

    def _keep_seen(self) -> None:
        self.store.keep_seen(self.state.seen)
        self._show_state()

    def _withdraw_seen(self) -> None:
        red = [thing.line for thing in self.state.red]
        self.popups.withdraw_seen([*red, *self.state.recent])

    def _take_preferences(self) -> None:
        self.state.aliases = self.preferences.current.names
        if self.state.searches != self.preferences.current.searches:
            self.state.searches = self.preferences.current.searches
            self.state.changed.emit()
        show_colours(self.preferences.current.colours)
        self.duty.set_hours(self.preferences.current.duty)
        self._show_state()
        self._show_mistake()

    def _change_preferences(self, change: Change) -> None:
        def refused(why: str) -> None:
            self._notify(_("Nothing was changed"), f"{why}.")

        self.preferences.edit(change, refused, owner=self)

    def _show_mistake(self) -> None:
        if self.preferences.mistake:
            said = _("{mistake}. Until it is mended, what it said before counts.")
            said = said.format(mistake=self.preferences.mistake)
            self._notify(_("Your preferences have a mistake"), said)

    def _consider(self, lines: list[Line]) -> None:
        self.popups.consider(lines, self._desk())

    def _know_red(self) -> None:
        self.popups.know(self.state.red)

    def _widen(self) -> None:
        allowed = self.preferences.current.call_off_duty
        self.popups.widen(self.state.red, self._desk(), off_duty=allowed)

    def _desk(self) -> Desk:
        watching = self._window is not None and self._window.watched
        preferences = self.preferences.current
        return Desk(
            person=self.state.person,
            on_duty=self.state.on_duty,
            watching=watching,
            snoozed=self.store.moment(SNOOZED) > now_ms(),
            rules=preferences.rules,
            aliases=preferences.names,
        )

    def _refuse_duty(self, reason: str) -> None:
        # Whatever was pressed has ticked itself already: the panel's entry, the window, the peek.
        self.state.changed.emit()
        self._notify(_("Duty is unchanged"), reason)

    def _hand_over(self, left: int) -> None:
        """Show whoever comes on duty what happened since they left."""
        if left:
            self._history_window().show_hand_over(left)
            self.show_history()

    def _snooze(self, length: Snooze) -> None:
        self.store.set_moment(SNOOZED, snooze_end(length, now_ms()))
        self._show_snooze()

    def _show_snooze(self) -> None:
        until, now = self.store.moment(SNOOZED), now_ms()
        self.menu.show_snooze(coming_time(until, now) if until > now else "")

    def _unlock(self) -> None:
        still = _("The keyring is still locked")
        self._ask(Unlock(), lambda reason: self._notify(still, reason))

    def _claim(self, line: Line) -> None:
        unclaimed = _("It is not claimed")
        self._ask(Claim(entry=line.entry), lambda reason: self._notify(unclaimed, reason))

    def _show_peek(self) -> None:
        # Imported and made when first wanted, as the window is.
        if self._peek is None:
            from devstream_desktop.desktop.peek.peek import Peek

            peek = Peek(self.state, self.menu.deploy, self.menu.snooze)
            peek.line_chosen.connect(self._show_line)
            peek.window_chosen.connect(self.show_history)
            peek.duty_chosen.connect(self.duty.switch)
            peek.claim_chosen.connect(self._claim)
            self._peek = peek
        if self._peek.click(self.tray.place):
            self.show_history()
        elif self._peek.isVisible():
            # At once: they would lie over it.
            self.popups.withdraw_seen(self._peek.model.shown)

    def _show_line(self, line: Line) -> None:
        self.show_history()
        self._history_window().show_line(line)

    def _keep_place(self) -> None:
        # The wall is a state of the day, not the place of the window.
        if self._window is not None and not self._window.isFullScreen():
            self.store.set_note(PLACE, self._window.place())

    def _show_where(self) -> None:
        """Say at the first start where the app lives; an icon alone is overlooked."""
        if not self.store.note(OPENED):
            hint = (
                _("Its icon is in the tray: a click shows what is new, a right click the menu.")
                if self.tray.hosted
                else _(
                    "This desktop has no tray, so there is a window; closing it ends devstream."
                    " Status… says how to get a tray."
                )
            )
            self._notify(_("devstream is running"), hint)
        self.store.set_note(OPENED, b"yes")

    def _history_closed(self) -> None:
        self._keep_place()
        if not self.tray.hosted:
            # Without a tray there would be no way back to an app without a window.
            QTimer.singleShot(0, self, leave)
        elif self._hides_first():
            hint = _("A double click on its icon opens the window again; Quit is in its menu.")
            self._notify(_("devstream is still running in the tray"), hint)

    def _hides_first(self) -> bool:
        """Tell whether no window was hidden since the login."""
        try:
            # The runtime folder is emptied with the session.
            before = self._home.runtime() / "told-hidden"
            before.touch(mode=0o600, exist_ok=False)
        except FileExistsError:
            return False
        except (HomeError, OSError):
            # Where nothing can be noted, it is rather said again.
            return True
        return True

    def _ask(self, request: Request[Done], refuse: Callable[[str], None]) -> None:
        self.client.ask(Question(request, lambda _: None, refuse, self))

    def _notify(self, summary: str, body: str) -> None:
        self.notifier.show_notice(Notice("app", summary, body))
