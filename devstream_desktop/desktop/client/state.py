"""What a desk knows of its node: status, targets, and the rows that arrive. The widgets listen here and never ask the node themselves."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from devstream_desktop.control.messages.deploys import GetTargets, Targets
from devstream_desktop.control.messages.status import GetStatus, Status
from devstream_desktop.desktop.client.node_client import NodeClient
from devstream_desktop.history.reader import HistoryUnavailableError, Reader
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.subject import Line

_BATCH = 500
_RECENT = 5
STALE_MS = 3_000
"""Counts and times of the status change with every event, and the node tells of none of them: so it is asked, at most this often."""


class AppState(QObject):
    """The state behind every widget, kept up to date from the link and the history."""

    changed = Signal()
    """Status, targets, connection or trouble is another."""
    arrived = Signal(list)
    """Rows that came since the last time, oldest arrival first."""
    retold = Signal()
    """Rows that were read may be told in another way: the policy changed who is believed."""
    renewed = Signal()
    """The history is another one (a team was joined): whatever was read is void."""

    def __init__(self, client: NodeClient, reader: Reader, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.client = client
        self.reader = reader
        self.status: Status | None = None
        self.targets: Targets = Targets(targets=())
        self.connected = False
        self.trouble = ""
        """The last thing that went wrong with the node, in a sentence; empty once it answers."""
        self.history_error = ""
        self.recent: list[Line] = []
        self._stale = QTimer(self, singleShot=True, interval=STALE_MS)
        self._stale.timeout.connect(self.ask_status)
        self._reading = False
        self._cursor = self._baseline()
        self._refresh_recent()
        client.connected.connect(self._connected)
        client.news.connect(self._news)
        client.status_changed.connect(self._ask)
        client.failed.connect(self.set_trouble)

    @property
    def person(self) -> str:
        return self.status.person if self.status is not None else ""

    @property
    def locked(self) -> str:
        """What the node waits for before it can do anything, a sentence; empty when it has its keys."""
        return self.status.locked if self.status is not None and self.connected else ""

    @property
    def ready(self) -> bool:
        """Whether the node can be asked to do something."""
        return self.connected and self.status is not None and not self.status.locked

    @property
    def on_duty(self) -> bool:
        return self.status is not None and self.status.on_duty

    def set_trouble(self, sentence: str) -> None:
        """Note what went wrong with the node."""
        self.trouble = sentence
        self.changed.emit()

    def _baseline(self) -> int:
        """What was there before this start is not news."""
        try:
            return self.reader.newest()
        except HistoryUnavailableError:
            return 0

    def _connected(self, connected: bool) -> None:
        self.connected = connected
        if connected:
            self.trouble = ""
        self.changed.emit()

    def ask_status(self) -> None:
        """Have the node say anew how it is."""
        if self.connected:
            self.client.request(GetStatus(), self._set_status, self.set_trouble)

    def _ask(self) -> None:
        self.client.request(GetStatus(), self._set_status, self.set_trouble)
        self.client.request(GetTargets(), self._set_targets)

    def _set_status(self, status: Status) -> None:
        before, self.status = self.status, status
        if before is not None and before.team_id != status.team_id:
            self._start_over()
        elif before is not None and before.policy_version != status.policy_version:
            self._refresh_recent()
            self.retold.emit()
        self.changed.emit()

    def _set_targets(self, targets: Targets) -> None:
        self.targets = targets
        self.changed.emit()

    def _news(self, newest: int) -> None:
        if newest < self._cursor:
            self._start_over()
        elif not self._reading:
            self._reading = True
            self._read_on()

    def _start_over(self) -> None:
        self.reader.close()
        self._cursor = self._baseline()
        self._refresh_recent()
        self.renewed.emit()

    def _read_on(self) -> None:
        """One batch a turn of the loop, so that catching up does not freeze the window."""
        self._reading = False
        try:
            lines = self.reader.since(self._cursor, limit=_BATCH)
        except HistoryUnavailableError as error:
            self.history_error = str(error)
            self.changed.emit()
            return
        self.history_error = ""
        if lines:
            self._cursor = lines[-1].arrival
            self._refresh_recent()
            self.arrived.emit(lines)
            if not self._stale.isActive():
                self._stale.start()
        if len(lines) == _BATCH:
            self._reading = True
            QTimer.singleShot(0, self, self._read_on)

    def _refresh_recent(self) -> None:
        try:
            self.recent = self.reader.page(Query(), limit=_RECENT)
        except HistoryUnavailableError:
            self.recent = []
