"""The history window: what happened, newest first, live.

Closing it hides it; the app goes on in the tray.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from PySide6.QtCore import QByteArray, QDate, QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QVBoxLayout, QWidget

from devstream_desktop.clock import now_ms
from devstream_desktop.desktop.client.state import AppState
from devstream_desktop.desktop.commands import Command, Commands
from devstream_desktop.desktop.platform.front import bring_to_front
from devstream_desktop.desktop.widgets.edge import edge
from devstream_desktop.desktop.widgets.icons import Mark, icon
from devstream_desktop.desktop.widgets.look import duty_text
from devstream_desktop.desktop.widgets.progress import ProgressStrip
from devstream_desktop.desktop.windows.history.arrivals import Arrivals
from devstream_desktop.desktop.windows.history.banners import LockedBanner, WelcomeBanner
from devstream_desktop.desktop.windows.history.browser import Browser
from devstream_desktop.desktop.windows.history.counts import Counts
from devstream_desktop.desktop.windows.history.filters import Filters
from devstream_desktop.desktop.windows.history.line_commands import LineCommands
from devstream_desktop.desktop.windows.history.pages import Page, Pages
from devstream_desktop.desktop.windows.history.saved_searches import SavedSearches
from devstream_desktop.desktop.windows.history.sidebar import Sidebar
from devstream_desktop.desktop.windows.history.status_line import StatusLine
from devstream_desktop.desktop.windows.history.visit import Visit
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.subject import Line

_AGES_MS = 30_000
"""Milliseconds after which ages and days are written anew."""
_NARROW = 760
"""Width below which the sidebar is a menu, in pixels."""


class HistoryWindow(QMainWindow):
    """Search field, rows with details, and the node's status line."""

    duty_chosen = Signal(bool)
    unlock_chosen = Signal()
    deploy_chosen = Signal(object, str)
    """A `TargetStatus`, and empty or `rollback`."""
    invite_chosen = Signal()
    join_chosen = Signal()
    status_chosen = Signal()
    team_chosen = Signal()
    settings_chosen = Signal()
    export_chosen = Signal(object, str)
    """A `Query`, and the words that were typed."""
    preferences_changed = Signal(object)
    """A `Change` of desk.toml."""
    rule_chosen = Signal(object)
    """A line whose rule is to be changed."""
    quit_chosen = Signal()
    approve_chosen = Signal(object)
    """The line of a deploy that waits for a second person."""
    mute_chosen = Signal(object)
    """A line whose thing is to be quiet."""
    note_chosen = Signal(object, bool)
    """A line for a note; true to have somebody take over."""
    closed = Signal()

    def __init__(
        self,
        state: AppState,
        why: Callable[[Line], str],
        *,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        """Make the window; `why` explains why a line was or was not a popup."""
        super().__init__()
        self._state = state
        self._mistake = ""
        self._day = QDate.currentDate()
        self.setWindowTitle("devstream")
        self.setWindowIcon(icon(Mark.APP))
        self.resize(1180, 720)
        self.setMinimumSize(560, 320)
        self.commands = Commands(self)
        self.filters = Filters()
        self.sidebar = Sidebar()
        self.saved = SavedSearches(self)
        self.browser = Browser(state, why)
        self.arrivals = Arrivals(self.browser.view)
        self.visit = Visit(self, self.browser, state, clock)
        self.counts = Counts(self, state, self.browser, self.filters, self.sidebar, self.saved)
        self.pages = Pages(state, self._stream())
        self._line_commands = LineCommands(self.commands, self.pages, self.browser)
        self.progress = ProgressStrip()
        self.status = StatusLine()
        self.welcome = WelcomeBanner()
        self.locked = LockedBanner()
        self._ages = QTimer(self, interval=_AGES_MS)
        self._lay_out()
        self._connect()
        self._make_commands()
        self.show_everything()
        self._refresh()

    def _lay_out(self) -> None:
        foot = QHBoxLayout()
        foot.setContentsMargins(12, 5, 12, 6)
        foot.addWidget(self.status, 1)
        # A window of its own kind: a screen reader takes a bare widget for no window at all.
        whole = QWidget()
        self.setCentralWidget(whole)
        column = QVBoxLayout(whole)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.filters)
        column.addWidget(self.welcome)
        column.addWidget(self.locked)
        column.addWidget(edge())
        column.addLayout(self.pages, 1)
        column.addWidget(edge())
        column.addWidget(self.progress)
        column.addLayout(foot)

    def _stream(self) -> QWidget:
        stream = QWidget()
        row = QHBoxLayout(stream)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.sidebar)
        row.addWidget(edge(upright=True))
        row.addWidget(self.browser, 1)
        return stream

    def _connect(self) -> None:
        self.filters.changed.connect(self._search)
        self.filters.search.textChanged.connect(self.sidebar.mark_query)
        self.sidebar.chosen.connect(self._look_at)
        self.sidebar.save_chosen.connect(self._save_search)
        self.sidebar.rename_chosen.connect(self.saved.rename)
        self.sidebar.remove_chosen.connect(self.saved.remove)
        self.sidebar.move_chosen.connect(self.saved.move)
        self.sidebar.menu_chosen.connect(self.saved.show_menu)
        self.saved.changed.connect(self.preferences_changed)
        self.filters.page_chosen.connect(self.pages.turn_to)
        self.filters.mistaken.connect(self._show_mistake)
        self.filters.duty_chosen.connect(self.duty_chosen)
        self.filters.search.left.connect(self.browser.enter)
        self.filters.search.escaped.connect(self.close)
        self.pages.turned.connect(self.filters.show_page)
        self.pages.turned.connect(self.visit.look)
        self.pages.search_chosen.connect(self._look_at)
        self.pages.line_chosen.connect(self.show_line)
        self.pages.deploy_chosen.connect(self.deploy_chosen)
        self._line_commands.approve_chosen.connect(self.approve_chosen)
        self._line_commands.note_chosen.connect(self.note_chosen)
        self.welcome.invite_chosen.connect(self.invite_chosen)
        self.welcome.join_chosen.connect(self.join_chosen)
        self.locked.unlock_chosen.connect(self.unlock_chosen)
        self.browser.acted.connect(self._act)
        self.browser.escaped.connect(self._escape)
        self.browser.noted.connect(self.status.set_whole)
        self.browser.mute_chosen.connect(self.mute_chosen)
        self.browser.approve_chosen.connect(self.approve_chosen)
        self.browser.rule_chosen.connect(self.rule_chosen)
        self.browser.deploy_chosen.connect(self.deploy_chosen)
        self._state.changed.connect(self._refresh)
        self._state.arrived.connect(self._add_rows)
        self.visit.marked.connect(self.counts.refresh)
        self.counts.saved_changed.connect(self._show_saves)
        self._state.recent_changed.connect(self.counts.show_red)
        self._state.history_replaced.connect(self.show_everything)
        self._state.policy_changed.connect(self._reload)
        self._ages.timeout.connect(self._check_day)
        self._ages.timeout.connect(self.browser.view.viewport().update)

    def _make_commands(self) -> None:
        does: dict[Command, Callable[[], object]] = {
            Command.FIND: self._focus_search,
            Command.SAVE_SEARCH: self._save_search,
            Command.EXPORT: self._export,
            Command.NEWEST: self._go_to_newest,
            Command.SEEN: self.visit.see_all,
            Command.STREAM: lambda: self.pages.turn_to(Page.STREAM),
            Command.BOARD: lambda: self.pages.turn_to(Page.BOARD),
            Command.HAND_OVER: lambda: self.pages.turn_to(Page.HAND_OVER),
            Command.WALL: self._toggle_wall,
            Command.DUTY: lambda: self.duty_chosen.emit(not self._state.on_duty),
            Command.INVITE: self.invite_chosen.emit,
            Command.STATUS: self.status_chosen.emit,
            Command.SETTINGS: self.settings_chosen.emit,
            Command.TEAM: self.team_chosen.emit,
            Command.PALETTE: self._show_palette,
            Command.KEYS: self._show_keys,
            Command.CLOSE: self.close,
            Command.QUIT: self.quit_chosen.emit,
        }
        for command, act in does.items():
            self.commands.bind(command, act)
        for command in Command:
            self.addAction(self.commands.action(command))

    # Palette and sheet are imported and made when first wanted: the stream is what the window
    # opens with.
    def _show_palette(self) -> None:
        from devstream_desktop.desktop.windows.palette import Palette

        Palette(self.commands.usable, self).open()

    def _show_keys(self) -> None:
        from devstream_desktop.desktop.windows.key_sheet import KeySheet

        KeySheet(self.commands.usable, self).open()

    def show_hand_over(self, since_ms: int) -> None:
        """Show what happened since a moment, UTC milliseconds."""
        self.pages.hand_over.begin_at(since_ms)
        self.pages.turn_to(Page.HAND_OVER)

    def _export(self) -> None:
        self.export_chosen.emit(self.browser.model.query, self.filters.search.text().strip())

    def _save_search(self) -> None:
        if self._saves:
            self.saved.save(self.filters.search.text().strip())

    @property
    def _saves(self) -> bool:
        """True where the field holds a valid search that can be saved."""
        return not self._mistake and self.saved.may_save(self.filters.search.text().strip())

    def _show_saves(self) -> None:
        self.counts.show_saves(self.filters.search.text().strip(), possible=self._saves)

    def _search(self, query: Query) -> None:
        self._show_saves()
        query = query.asked_by(self._state.names, self.browser.model.seen)
        self.browser.set_query(query)
        self.visit.look()
        self.counts.count_hits(query)

    def _look_at(self, query: str) -> None:
        self.pages.turn_to(Page.STREAM)
        self.filters.search.setText(query)

    def _go_to_newest(self) -> None:
        self.pages.turn_to(Page.STREAM)
        self.browser.view.to_top()

    def _toggle_wall(self) -> None:
        """Fill the screen with the board, or leave it."""
        wall = not self.isFullScreen()
        self.filters.setVisible(not wall)
        self.status.setVisible(not wall)
        self.pages.board.enlarge(on=wall)
        if wall:
            self.pages.turn_to(Page.BOARD)
            self.showFullScreen()
        else:
            self.showNormal()

    def show_everything(self) -> None:
        """Show the newest rows, without a filter."""
        self.filters.clear()
        self.counts.refresh()
        self.browser.start_over(Query())

    def show_line(self, line: Line) -> None:
        """Show one line, dropping a filter that hides it."""
        self.pages.turn_to(Page.STREAM)
        # A filter may hide the line, or it may only be further down; both end here.
        if self.browser.model.find(line.id) is None:
            self.show_everything()
        self.browser.show_line(line)

    def place(self) -> bytes:
        """Return where the window is and how it is divided, for `restore`."""
        kept = (self.saveGeometry(), self.browser.saveState())
        return msgspec.msgpack.encode([bytes(part.data()) for part in kept])

    def restore(self, place: bytes) -> None:
        """Go to where the window was; what cannot be read changes nothing."""
        try:
            geometry, divided = msgspec.msgpack.decode(place, type=tuple[bytes, bytes])
        except msgspec.DecodeError:
            return
        # Qt checks both, and moves a window that would be off every screen.
        self.restoreGeometry(QByteArray(geometry))
        self.browser.restoreState(QByteArray(divided))

    def bring_up(self) -> None:
        """Show the window in front of the others."""
        # Who left it comes back for what is new, and not for where they were.
        if not self.isVisible():
            self.browser.view.to_top()
        bring_to_front(self)

    @property
    def watched(self) -> bool:
        """True while a person sees the newest rows; popups would repeat them."""
        return self.visit.at_newest

    def changeEvent(self, event: QEvent) -> None:
        """Mark what is new since the last visit, on each visit."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange and self.isActiveWindow():
            self.visit.begin()

    def showEvent(self, event: QShowEvent) -> None:
        """Keep days and ages right while shown."""
        super().showEvent(event)
        self._check_day()
        self._ages.start()
        # Where a hidden window stays the active one, nothing else tells of the visit.
        if self.isActiveWindow():
            self.visit.begin()
        else:
            self.counts.refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fold the sidebar into a menu in a narrow window."""
        super().resizeEvent(event)
        narrow = event.size().width() < _NARROW
        self.sidebar.setHidden(narrow)
        self.filters.offer_places(self.sidebar.menu if narrow else None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave the wall or a page with Esc."""
        if event.key() != Qt.Key.Key_Escape or not self._leave():
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Hide; the owner decides whether that ends the app."""
        self._ages.stop()
        event.accept()
        self.closed.emit()

    def _show_mistake(self, sentence: str) -> None:
        self._mistake = sentence
        self._show_saves()
        self._refresh()

    def _add_rows(self, lines: list[Line]) -> None:
        self.browser.merge(lines)
        if self.isVisible():
            self.arrivals.add(lines)
        self.visit.look()
        # Counted over the whole history, so not for a window that nobody sees.
        if self.isVisible():
            self.counts.refresh()

    def _reload(self) -> None:
        # Rows may be struck out now, or believed again; the details follow.
        self.browser.reload()

    def _refresh(self) -> None:
        state, status = self._state, self._state.status
        duty = duty_text(on=state.on_duty, until=state.duty_until)
        self.filters.set_duty(duty, on=state.on_duty, known=state.ready)
        self.locked.show_locked(state.locked)
        self.welcome.show_wanted(bool(status and status.solo) and not state.locked)
        team = "" if status is None or status.solo or not status.team else f" · {status.team}"
        self.setWindowTitle(f"devstream{team}")
        self.progress.show_status(status if state.connected else None)
        self.status.show_state(state, self._mistake)
        self.counts.show_red()
        self.counts.follow_saved()

    def _check_day(self) -> None:
        # "14:03" of today is "yesterday 14:03" now.
        today = QDate.currentDate()
        if today != self._day:
            self._day = today
            self.browser.model.refresh_times()

    def _focus_search(self) -> None:
        self.filters.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.filters.search.selectAll()

    def _leave(self) -> bool:
        """Leave the wall, else a page beside the stream; tells whether one was open."""
        if self.isFullScreen():
            self._toggle_wall()
        elif self.pages.page is not Page.STREAM:
            self.pages.turn_to(Page.STREAM)
        else:
            return False
        return True

    def _escape(self) -> None:
        if self._leave():
            return
        if self.filters.search.text():
            self.filters.search.clear()
        else:
            self.close()

    def _act(self, name: str) -> None:
        actions = {
            "clear": self.show_everything,
            "invite": self.invite_chosen.emit,
            "join": self.join_chosen.emit,
            "status": self.status_chosen.emit,
        }
        actions[name]()
