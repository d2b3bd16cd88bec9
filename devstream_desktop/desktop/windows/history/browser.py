"""The history's rows, and below them the details of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QSplitter, QStackedWidget

from devstream_desktop.control.messages.base import Done, Request
from devstream_desktop.control.messages.stream import Claim, Release
from devstream_desktop.control.wording import on_duty
from devstream_desktop.desktop.client.question import Question
from devstream_desktop.desktop.client.state import AppState
from devstream_desktop.desktop.platform.web_links import open_link, safe_link
from devstream_desktop.desktop.widgets.look import sentence
from devstream_desktop.desktop.windows.history.details import WIDTH, About, Details
from devstream_desktop.desktop.windows.history.empty_page import EmptyPage, empty_state
from devstream_desktop.desktop.windows.history.model import StreamModel
from devstream_desktop.desktop.windows.history.stream_view import StreamView
from devstream_desktop.history.reader import Reader
from devstream_desktop.language import _
from devstream_desktop.stream.fact import topic_of
from devstream_desktop.stream.line import markdown, told
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.thing import Thing, Trail
from devstream_desktop.stream.words import Kind

_WIDE = 860
"""Width from which the details stand beside the list, in pixels."""


class Browser(QSplitter):
    """The list, or the reason why it is empty; and the details of one row."""

    acted = Signal(str)
    """The name of an action that the empty page offers (`empty_page.EmptyState`)."""
    escaped = Signal()
    """Esc was pressed, and no details were open."""
    approve_chosen = Signal(object)
    rule_chosen = Signal(object)
    mute_chosen = Signal(object)
    deploy_chosen = Signal(object, str)
    noted = Signal(str)
    """A sentence about what was just done, for the status line."""

    def __init__(self, state: AppState, why: Callable[[Line], str]) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self._state = state
        self._why = why
        self._read_error = ""
        self._wanted: Line | None = None
        """The line to select once the rows around it are here."""
        self._grown: Line | None = None
        """The line of the details while rows of its thing are merged."""
        self.model = StreamModel(state.history, self)
        self.view = StreamView(self.model)
        self.empty = EmptyPage()
        self.details = Details()
        self._about = About()
        self._meant: tuple[str, ...] = ()
        self._pages = QStackedWidget()
        self._pages.addWidget(self.view)
        self._pages.addWidget(self.empty)
        self.addWidget(self._pages)
        self.addWidget(self.details)
        # A splitter puts what is added later before the rest, and a screen reader reads it so.
        self._pages.lower()
        self.setStretchFactor(0, 1)
        self.setStretchFactor(1, 0)
        self.setCollapsible(0, False)
        self.setHandleWidth(1)
        self.setSizes([2 * WIDTH, WIDTH])
        self.details.hide()
        self._connect()

    def _connect(self) -> None:
        self.view.escaped.connect(self._escape)
        self.view.chosen.connect(self._choose)
        self.view.opened.connect(self.open_link)
        self.details.open_chosen.connect(self.open_link)
        self.details.copy_chosen.connect(self.copy)
        self.details.claim_chosen.connect(self.claim)
        self.details.approve_chosen.connect(self.approve_chosen)
        self.details.rule_chosen.connect(self.rule_chosen)
        self.details.roll_back_chosen.connect(self._roll_back)
        self.empty.acted.connect(self.acted)
        self.model.failed.connect(self._failed)
        self.model.modelReset.connect(self._refresh_page)
        self.model.modelReset.connect(self._select_wanted)
        self.model.merged.connect(self._show_grown)
        self.model.rowsInserted.connect(self._refresh_page)
        self.model.rowsRemoved.connect(self._refresh_page)
        self._state.changed.connect(self.refresh)
        self._state.recent_changed.connect(self._show_red)
        self._state.changed.connect(self._show_red)
        self._show_red()

    @property
    def at_newest(self) -> bool:
        """True while the newest of all rows is in view."""
        return self.view.at_top and self.model.query.everything

    @property
    def shown_line(self) -> Line | None:
        """The line in the details, while they are open."""
        return self.details.line if self.details.isVisible() else None

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the details beside the list, or below a narrow one."""
        super().resizeEvent(event)
        wide = event.size().width() >= _WIDE
        wanted = Qt.Orientation.Horizontal if wide else Qt.Orientation.Vertical
        if wanted is not self.orientation():
            self.setOrientation(wanted)
            room = self.width() if wide else self.height()
            side = WIDTH if wide else room * 2 // 5
            self.setSizes([room - side, side])

    def show_meant(self, filters: Sequence[str]) -> None:
        """Say which filters may be meant where nothing answers."""
        self._meant = tuple(filters)
        self._refresh_page()

    def set_query(self, query: Query) -> None:
        """Show the rows that match `query`; close the details if it is another query."""
        # Clearing the filters reports the query that is shown already.
        if query == self.model.query and (self.model.rowCount() or self.model.loading):
            return
        self.start_over(query)

    def start_over(self, query: Query) -> None:
        """Read the rows that match `query` and close the details."""
        self._wanted, self._meant = None, ()
        self._hide_details()
        self.model.set_query(query)

    def reload(self) -> None:
        """Read the rows again, and stay at the line of the details."""
        shown = self.shown_line
        if shown is None:
            self.model.reload()
        else:
            self._read_around(shown)

    def show_line(self, line: Line) -> None:
        """Select the row of `line`, reading its neighbours if need be."""
        row = self.model.find(line.id)
        # Rows that are on their way take the place of those that are here.
        if row is None or self.model.loading:
            self._read_around(line)
        else:
            self.view.select(row)
        self.view.setFocus()

    def merge(self, lines: list[Line]) -> None:
        """Add rows that have just arrived."""
        shown = self.shown_line
        # The details list the past of their subject, which has just grown.
        if shown is not None and any(one.event.subject == shown.event.subject for one in lines):
            self._grown = shown
        # What was not read would be missing below the new rows.
        if self._read_error:
            self.model.reload()
        else:
            self.model.merge(lines)

    def enter(self) -> None:
        """Move the focus to the rows, selecting the newest if none is."""
        if self.model.rowCount():
            if self.view.current_line() is None:
                self.view.select_first()
            self.view.setFocus()

    def claim(self, line: Line) -> None:
        """Say that one is on the thing of a line."""
        self._ask(Claim(entry=line.entry))

    def release(self, line: Line) -> None:
        """Say that one is on it no more."""
        self._ask(Release(entry=line.entry))

    def mute(self, line: Line) -> None:
        """Keep a thing quiet for a while, on this desk."""
        self.mute_chosen.emit(line)
        self.noted.emit(_("It does not pop up here for 4 hours; its end is told."))

    def open_link(self, line: Line) -> None:
        """Open the link of a line."""
        if not open_link(line.event.url):
            self.noted.emit(_("This line has no link that can be opened."))

    def copy(self, line: Line) -> None:
        """Copy a line."""
        _to_clipboard(told(line))
        self.noted.emit(_("The line is in the clipboard."))

    def copy_markdown(self, line: Line) -> None:
        """Copy a line for a chat, with its link."""
        _to_clipboard(markdown(line))
        self.noted.emit(_("The line is in the clipboard, as Markdown."))

    def copy_link(self, line: Line) -> None:
        """Copy the link of a line."""
        if safe_link(line.event.url) is not None:
            _to_clipboard(line.event.url)
            self.noted.emit(_("The link is in the clipboard."))

    def refresh(self) -> None:
        """Follow the state: try again to read, or give another reason for no rows."""
        if self._read_error and self._state.connected:
            # The node answers, so by now it has made its database.
            self._read_error = ""
            self.model.reload()
        self._refresh_page()

    def _show_red(self) -> None:
        status = self._state.status
        self.model.show_red(self._state.red, on_duty(status) if status is not None else ())
        line = self.shown_line
        # Somebody may be on it by now, or no longer.
        if line is not None and self._thing_of(line) != self._about.thing:
            self._fill_details(line, self._about)

    def _refresh_page(self) -> None:
        if self.model.rowCount():
            self._pages.setCurrentWidget(self.view)
            return
        reason = empty_state(self._state, self.model.query, self._read_error, self._meant)
        self.empty.show_state(reason)
        self._pages.setCurrentWidget(self.empty)

    def _failed(self, sentence: str) -> None:
        if sentence != self._read_error:
            self._read_error = sentence
            self._refresh_page()

    def _escape(self) -> None:
        if self.details.isVisible() or self.view.current_line() is not None:
            self.view.clearSelection()
            # A line that is in no row has details and no selection.
            self._hide_details()
        else:
            self.escaped.emit()

    def _read_around(self, line: Line) -> None:
        self._wanted = line
        self.model.show_around(line.id)

    def _select_wanted(self) -> None:
        line, self._wanted = self._wanted, None
        if line is None:
            return
        row = self.model.find(line.id)
        if row is not None:
            self.view.select(row)
        else:
            # Gone from the history: its details are known all the same.
            self._show_details(line)

    def _show_grown(self) -> None:
        line, self._grown = self._grown, None
        if line is not None:
            self._show_details(self.view.current_line() or line)

    def _choose(self, line: Line | None) -> None:
        if line is None:
            self._hide_details()
        else:
            self._show_details(line)

    def _hide_details(self) -> None:
        self._state.history.drop(self, "details")
        self.details.hide()

    def _show_details(self, line: Line) -> None:
        target = self._state.target(line.event.service, line.event.environment)
        can_roll_back = target is not None and target.allowed

        def fail(reason: str) -> None:
            self._failed(reason)
            self._fill_details(line, About())

        self._state.history.ask(
            lambda reader: read_about(reader, line),
            lambda about: self._fill_details(
                line, msgspec.structs.replace(about, can_roll_back=can_roll_back)
            ),
            owner=self,
            refuse=fail,
            topic="details",
        )

    def _fill_details(self, line: Line, about: About) -> None:
        thing = self._thing_of(line)
        mine = thing is not None and thing.claimed_by.casefold() in self._state.names
        self._about = msgspec.structs.replace(about, why=self._why(line), thing=thing, mine=mine)
        self.details.show_line(line, self._about)
        if not self.details.isVisible():
            self.details.show()
            # The details take height from the list, perhaps where the chosen row is.
            QTimer.singleShot(0, self, self._keep_chosen_in_view)

    def _thing_of(self, line: Line) -> Thing | None:
        """Return what is red now of which a line tells."""
        topic = topic_of(line.event)
        return next((one for one in self._state.red if topic_of(one.line.event) == topic), None)

    def _roll_back(self, deploy: Line) -> None:
        target = self._state.target(deploy.event.service, deploy.event.environment)
        if target is not None:
            self.deploy_chosen.emit(target, "rollback")

    def _keep_chosen_in_view(self) -> None:
        index = self.view.currentIndex()
        if index.isValid():
            self.view.scrollTo(index)

    def _ask(self, request: Request[Done]) -> None:
        def done(reply: Done) -> None:
            self.noted.emit(sentence(reply.text) or _("Done."))

        self._state.asked.emit(Question(request, done, self.noted.emit, self))


def _to_clipboard(text: str) -> None:
    QGuiApplication.clipboard().setText(text)


def read_about(reader: Reader, line: Line) -> About:
    """Read what the details tell beside the line itself.

    Raises:
        HistoryError: there is no history yet, or it cannot be read.
    """
    event = line.event
    suspects = tuple(reader.suspects(line)) if event.kind is Kind.INCIDENT else ()
    # An incident's way begins with the commit that may have broken it.
    revision = event.revision or (suspects[0].deploy.event.revision if suspects else "")
    trail = reader.trail(revision) if revision else None
    return About(
        past=tuple(reader.subject(event, limit=20, until=None)),
        suspects=suspects,
        trail=steps_of(trail) if trail is not None else (),
    )


def steps_of(trail: Trail) -> tuple[Line, ...]:
    """Return the steps of a trail, as they happened."""
    steps = (*trail.changes, *trail.checks, *trail.deploys, *trail.incidents)
    return tuple(sorted(steps, key=lambda line: line.id))
