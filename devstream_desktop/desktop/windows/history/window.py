"""The history window: what happened, newest first, live. Closing it hides it; the desk goes on in the tray."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QDate, QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QCloseEvent, QGuiApplication, QKeySequence, QPalette, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from devstream_desktop.control.wording import catching_up, on_duty
from devstream_desktop.desktop.client.state import AppState
from devstream_desktop.desktop.platform.web_links import open_link
from devstream_desktop.desktop.widgets.icons import Mark, icon
from devstream_desktop.desktop.widgets.look import people, sentence
from devstream_desktop.desktop.widgets.progress import ProgressStrip
from devstream_desktop.desktop.widgets.text import ElidedLabel, PlainLabel
from devstream_desktop.desktop.widgets.theme import Tone, colour, tint
from devstream_desktop.desktop.windows.history.banner import LockedBanner
from devstream_desktop.desktop.windows.history.details import Details
from devstream_desktop.desktop.windows.history.empty_page import EmptyPage, empty_state
from devstream_desktop.desktop.windows.history.filters import Filters
from devstream_desktop.desktop.windows.history.model import HistoryModel
from devstream_desktop.desktop.windows.history.table import HistoryTable
from devstream_desktop.history.reader import HistoryUnavailableError
from devstream_desktop.stream.line import told
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.subject import Line

_DAY_CHECK_MS = 60_000


class HistoryWindow(QWidget):
    """Search, rows, details, and one line below that says how the node is."""

    duty_chosen = Signal(bool)
    unlock_chosen = Signal()
    invite_chosen = Signal()
    join_chosen = Signal()
    status_chosen = Signal()
    quit_chosen = Signal()
    closed = Signal()

    def __init__(self, state: AppState, why: Callable[[Line], str]) -> None:
        """`why` says why a line popped up or did not."""
        super().__init__()
        self._state = state
        self._why = why
        self._mistake = ""
        self._read_error = ""
        self._dismissed = False
        self._day = QDate.currentDate()
        self.setWindowTitle("devstream")
        self.setWindowIcon(icon(Mark.APP))
        self.resize(980, 640)
        self.setMinimumSize(560, 320)
        self.filters = Filters()
        self.model = HistoryModel(state.reader, self)
        self.table = HistoryTable(self.model)
        self.empty = EmptyPage()
        self.details = Details()
        self.progress = ProgressStrip()
        self.status = ElidedLabel()
        self.welcome = self._make_welcome()
        self.locked = LockedBanner()
        self._lay_out()
        self._connect()
        self._make_keys()
        self._repaint_frames()
        self.show_everything()
        self._refresh()

    def _lay_out(self) -> None:
        self._pages = QStackedWidget()
        self._pages.addWidget(self.table)
        self._pages.addWidget(self.empty)
        self._splitter = QSplitter(Qt.Orientation.Vertical)
        self._splitter.addWidget(self._pages)
        self._splitter.addWidget(self.details)
        self._splitter.setStretchFactor(0, 1)
        self._splitter.setStretchFactor(1, 0)
        self._splitter.setCollapsible(0, False)
        self._splitter.setHandleWidth(1)
        self._splitter.setSizes([380, 240])
        self.details.hide()
        foot = QHBoxLayout()
        foot.setContentsMargins(12, 5, 12, 6)
        foot.addWidget(self.status, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.filters)
        column.addWidget(self.welcome)
        column.addWidget(self.locked)
        column.addWidget(self._splitter, 1)
        column.addWidget(self.progress)
        column.addLayout(foot)

    def _make_welcome(self) -> QFrame:
        bar = QFrame()
        bar.setObjectName("welcome")
        bar.setAutoFillBackground(True)
        invite, join, later = QPushButton("Invite…"), QPushButton("Join a team…"), QPushButton("Later")
        invite.clicked.connect(self.invite_chosen)
        join.clicked.connect(self.join_chosen)
        later.clicked.connect(self._dismiss_welcome)
        later.setFlat(True)
        row = QHBoxLayout(bar)
        row.setContentsMargins(12, 7, 12, 7)
        row.addWidget(PlainLabel("You are a team of one. Invite your colleagues, or join their team.", wrap=True), 1)
        for button in (invite, join, later):
            button.setAutoDefault(False)
            row.addWidget(button)
        bar.hide()
        return bar

    def _connect(self) -> None:
        self.filters.changed.connect(self._ask)
        self.filters.mistaken.connect(self._mistaken)
        self.filters.duty_chosen.connect(self.duty_chosen)
        self.locked.unlock_chosen.connect(self.unlock_chosen)
        self.filters.search.left.connect(self._enter_table)
        self.filters.search.escaped.connect(self.close)
        self.table.escaped.connect(self._escape)
        self.table.chosen.connect(self._choose)
        self.table.opened.connect(self._open)
        self.details.open_chosen.connect(self._open)
        self.details.copy_chosen.connect(self._copy)
        self.empty.acted.connect(self._act)
        self.model.failed.connect(self._failed)
        self.model.modelReset.connect(self._refresh_page)
        self.model.rowsInserted.connect(self._refresh_page)
        self.model.rowsRemoved.connect(self._refresh_page)
        self._state.changed.connect(self._refresh)
        self._state.arrived.connect(self._arrived)
        self._state.renewed.connect(self._renewed)
        self._state.retold.connect(self._retold)
        self._midnight = QTimer(self, interval=_DAY_CHECK_MS)
        self._midnight.timeout.connect(self._check_day)

    def _make_keys(self) -> None:
        keys: tuple[tuple[str | QKeySequence.StandardKey, Callable[[], object]], ...] = (
            (QKeySequence.StandardKey.Find, self._focus_search),
            (QKeySequence.StandardKey.Copy, lambda: self._copy(self.table.current_line())),
            ("Ctrl+D", lambda: self.duty_chosen.emit(not self._state.on_duty)),
            (QKeySequence.StandardKey.Quit, self.quit_chosen.emit),
            (QKeySequence.StandardKey.Close, self.close),
        )
        for key, act in keys:
            action = QAction(self)
            action.setShortcut(QKeySequence(key))
            action.triggered.connect(lambda _=False, act=act: act())
            self.addAction(action)

    def show_everything(self) -> None:
        """The newest rows, no filter."""
        self.filters.clear()
        self._refresh_facets()
        self.model.set_query(Query())

    def show_line(self, line: Line) -> None:
        """Show one line, whatever was searched for."""
        if self.model.find(line.id) is None:
            self.show_everything()
        row = self.model.find(line.id)
        for _ in range(20):
            if row is not None or not self.model.canFetchMore(self.model.index(-1, -1)):
                break
            self.model.fetchMore(self.model.index(-1, -1))
            row = self.model.find(line.id)
        if row is not None:
            self.table.select(row)
        else:
            self._show_details(line)
        self.table.setFocus()

    def bring_up(self) -> None:
        """Show the window in front of the others."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    @property
    def watched(self) -> bool:
        """Whether a person has the newest rows before their eyes, so that a popup would repeat them."""
        return self.isVisible() and self.isActiveWindow() and not self.isMinimized() and self.table.at_top and self.model.query.everything

    def showEvent(self, event: QShowEvent) -> None:
        """Look at the calendar while shown."""
        super().showEvent(event)
        self._check_day()
        self._midnight.start()
        self._refresh_facets()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Hide; whoever owns the window decides whether that ends the state."""
        self._midnight.stop()
        event.accept()
        self.closed.emit()

    def changeEvent(self, event: QEvent) -> None:
        """Another palette: colours are made from it."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._repaint_frames()

    def _ask(self, query: Query) -> None:
        if query != self.model.query or not self.model.rowCount():
            self.model.set_query(query)
        self.details.hide()

    def _mistaken(self, sentence: str) -> None:
        self._mistake = sentence
        self._refresh()

    def _failed(self, sentence: str) -> None:
        if sentence != self._read_error:
            self._read_error = sentence
            self._refresh()

    def _arrived(self, lines: list[Line]) -> None:
        if self._read_error:
            self.model.reload()
        else:
            self.model.merge(lines)
        if self.isVisible():
            self._refresh_facets()
        shown = self.details.line
        if shown is not None and self.details.isVisible() and any(line.event.subject == shown.event.subject for line in lines):
            self._show_details(self.table.current_line() or shown)

    def _renewed(self) -> None:
        self.details.hide()
        self.show_everything()

    def _retold(self) -> None:
        self.model.reload()
        shown = self.details.line
        if shown is not None and self.details.isVisible():
            self.show_line(shown)

    def _refresh_facets(self) -> None:
        try:
            self.filters.set_facets(self._state.reader.facets())
        except HistoryUnavailableError:
            return

    def _refresh(self) -> None:
        status = self._state.status
        self.filters.set_duty(on=self._state.on_duty, known=self._state.ready)
        self.locked.show_locked(self._state.locked)
        self.welcome.setVisible(bool(status and status.solo) and not self._dismissed and not self._state.locked)
        team = "" if status is None or status.solo or not status.team else f" · {status.team}"
        self.setWindowTitle(f"devstream{team}")
        self.progress.show_status(status if self._state.connected else None)
        text, tone = status_text(self._state)
        if self._mistake:
            text, tone = self._mistake, Tone.AMBER
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.WindowText, colour(tone, palette))
        self.status.setPalette(palette)
        self.status.set_whole(text)
        if self._read_error and self._state.connected:
            # The node answers, so its database is there by now.
            self._read_error = ""
            self.model.reload()
        self._refresh_page()

    def _refresh_page(self) -> None:
        if self.model.rowCount():
            self._pages.setCurrentWidget(self.table)
            return
        self.empty.show_state(empty_state(self._state, self.model.query, self._read_error))
        self._pages.setCurrentWidget(self.empty)

    def _check_day(self) -> None:
        today = QDate.currentDate()
        if today != self._day:
            self._day = today
            self.model.retell_times()

    def _focus_search(self) -> None:
        self.filters.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.filters.search.selectAll()

    def _enter_table(self) -> None:
        if self.model.rowCount():
            if self.table.current_line() is None:
                self.table.selectRow(0)
            self.table.setFocus()

    def _escape(self) -> None:
        if self.details.isVisible():
            self.table.clearSelection()
        elif self.filters.search.text():
            self.filters.search.clear()
        else:
            self.close()

    def _choose(self, line: Line | None) -> None:
        if line is None:
            self.details.hide()
        else:
            self._show_details(line)

    def _show_details(self, line: Line) -> None:
        try:
            past = self._state.reader.subject(line.event.subject, limit=20)
        except HistoryUnavailableError as error:
            self._failed(str(error))
            past = []
        self.details.show_line(line, past, self._why(line))
        if not self.details.isVisible():
            self.details.show()
            # The pane takes room from the table, perhaps where the chosen row is.
            QTimer.singleShot(0, self, self._keep_chosen_in_view)

    def _keep_chosen_in_view(self) -> None:
        index = self.table.currentIndex()
        if index.isValid():
            self.table.scrollTo(index)

    def _open(self, line: Line | None) -> None:
        if line is not None and not open_link(line.event.url):
            self.status.set_whole("This line has no link that can be opened.")

    def _copy(self, line: Line | None) -> None:
        if line is not None:
            QGuiApplication.clipboard().setText(told(line))
            self.status.set_whole("The line is in the clipboard.")

    def _act(self, name: str) -> None:
        act = {
            "clear": self.show_everything,
            "invite": self.invite_chosen.emit,
            "join": self.join_chosen.emit,
            "status": self.status_chosen.emit,
        }
        act[name]()

    def _dismiss_welcome(self) -> None:
        self._dismissed = True
        self.welcome.hide()

    def _repaint_frames(self) -> None:
        palette = QPalette(QGuiApplication.palette())
        palette.setColor(QPalette.ColorRole.Window, tint(Tone.BLUE, palette))
        self.welcome.setPalette(palette)


def status_text(state: AppState) -> tuple[str, Tone]:
    """How the node is, in one line."""
    status = state.status
    if not state.connected:
        return state.trouble or ("The node is restarting…" if status is not None else "The node is starting…"), Tone.AMBER
    if status is None:
        return "Asking the node…", Tone.MUTED
    if status.locked:
        return "Locked: the node waits for the keyring", Tone.AMBER
    if status.missing:
        return f"{sentence(catching_up(status))}. The newest came first.", Tone.BLUE
    if status.notices:
        return f"! {status.notices[0]}", Tone.AMBER
    there = sum(1 for peer in status.peers if peer.state in ("live", "syncing"))
    peers = "no peers" if not status.peers else f"{there} of {len(status.peers)} peers"
    team = "team of one" if status.solo else f"{status.team}, {people(status.members)}"
    duty = f"on duty: {', '.join(on_duty(status))}" if on_duty(status) else "nobody is on duty"
    return f"{team} · {status.person} · {peers} · {duty} · {status.events:,} events", Tone.MUTED
