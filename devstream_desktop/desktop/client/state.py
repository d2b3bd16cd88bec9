"""The state that every window shows: the node's status and targets, and the newest rows."""

from __future__ import annotations

import time
from dataclasses import replace

from PySide6.QtCore import QObject, QTimer, Signal

from devstream_desktop.control.messages.deploys import GetTargets, Targets, TargetStatus
from devstream_desktop.control.messages.status import GetStatus, Status
from devstream_desktop.desktop.client.question import Question
from devstream_desktop.history.reader import HistoryUnavailableError, Reader
from devstream_desktop.stream.environment import environment_name
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.rules import is_mine
from devstream_desktop.stream.seen import Seen
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.thing import Thing

_BATCH = 500
_RECENT = 8
STALE_MS = 3_000
"""The longest that a shown status may be old, in milliseconds.

Its counts and times change with every event, and the node reports none of those changes.
"""


class AppState(QObject):
    """The node's state and the history's newest rows, kept current by signals."""

    asked = Signal(object)
    """A `Question` to send to the node."""
    changed = Signal()
    """Status, targets, connection or trouble changed."""
    arrived = Signal(list)
    """Rows that are new since the last time, oldest arrival first."""
    policy_changed = Signal()
    """The policy changed, and with it perhaps how rows are shown."""
    seen_changed = Signal()
    """The person has seen what arrived until now."""
    history_replaced = Signal()
    """The history is another one (a team was joined): discard all rows."""

    def __init__(
        self, reader: Reader, parent: QObject | None = None, *, stale_ms: int = STALE_MS
    ) -> None:
        super().__init__(parent)
        self.reader = reader
        self.status: Status | None = None
        self.targets: Targets = Targets(targets=())
        self.connected = False
        self.trouble = ""
        """The last failure of the node, as a sentence; empty once it answers."""
        self.aliases: tuple[str, ...] = ()
        """Other names of the person (desk.toml)."""
        self.history_error = ""
        self.popup_trouble = ""
        """The reason why no popup can be shown, as a sentence; empty when one can."""
        self.recent: list[Line] = []
        """The newest rows that matter, newest first."""
        self.red: list[Thing] = []
        """Things that are broken now, the worst first."""
        self.seen = Seen()
        """The mark of the person; until `set_seen` nothing counts as new."""
        self._unseen: list[Line] = []
        self._stale = QTimer(self, singleShot=True, interval=stale_ms)
        self._stale.timeout.connect(self.refresh_status)
        self._reading = False
        self._cursor = self._baseline()
        self._refresh_recent()

    @property
    def person(self) -> str:
        return self.status.person if self.status is not None else ""

    @property
    def names(self) -> frozenset[str]:
        """All names of the person, folded."""
        return frozenset(name.casefold() for name in (self.person, *self.aliases) if name)

    @property
    def unseen(self) -> list[Line]:
        """The unseen rows that matter, newest first, without one's own acts."""
        return [line for line in self._unseen if not is_mine(line.event, self.names)]

    def set_seen(self, seen: Seen) -> None:
        """Go on from what was seen before; a new desk, or another history, begins now."""
        if seen.arrival < 0 or 0 < self._cursor < seen.arrival:
            seen = Seen(self._cursor, int(time.time() * 1000))
        self.seen = seen
        self._refresh_recent()
        self.seen_changed.emit()

    def see(self) -> None:
        """Note that the person has seen all that arrived until now."""
        if 0 <= self.seen.arrival != self._cursor:
            self.seen = replace(self.seen, arrival=self._cursor)
            self._unseen = []
            self.seen_changed.emit()

    def target(self, service: str, environment: str) -> TargetStatus | None:
        """Return the target that deploys a service to an environment."""
        wanted = environment_name(environment)
        for target in self.targets.targets:
            if target.target == service and environment_name(target.environment) == wanted:
                return target
        return None

    @property
    def locked(self) -> str:
        """The reason why the node has no keys yet, as a sentence; empty when it has them."""
        return self.status.locked if self.status is not None and self.connected else ""

    @property
    def ready(self) -> bool:
        """True when the node can carry out commands."""
        return self.connected and self.status is not None and not self.status.locked

    @property
    def on_duty(self) -> bool:
        return self.status is not None and self.status.on_duty

    def set_trouble(self, sentence: str) -> None:
        """Note a failure of the node."""
        self.trouble = sentence
        self.changed.emit()

    def set_popup_trouble(self, reason: str) -> None:
        """Note why no popup can be shown, or that one can."""
        sentence = f"popups cannot be shown: {reason}; see devstream doctor" if reason else ""
        # Each popup that is shown says so.
        if sentence != self.popup_trouble:
            self.popup_trouble = sentence
            self.changed.emit()

    def set_connected(self, connected: bool) -> None:
        """Note that the node answers, or no longer does."""
        self.connected = connected
        if connected:
            self.trouble = ""
        self.changed.emit()

    def refresh_status(self) -> None:
        """Ask the node for its status, if one answers."""
        if self.connected:
            self.asked.emit(Question(GetStatus(), self._set_status, self.set_trouble, self))

    def refresh(self) -> None:
        """Ask the node for its status and its targets."""
        self.asked.emit(Question(GetStatus(), self._set_status, self.set_trouble, self))
        # A failure is shown once, by the status.
        self.asked.emit(Question(GetTargets(), self._set_targets, lambda _: None, self))

    def read_news(self, newest: int) -> None:
        """Read the rows up to arrival number `newest`."""
        # Numbers only grow within one history, so this is another one.
        if newest < self._cursor:
            self._start_over()
        elif not self._reading:
            self._reading = True
            self._read_batch()

    def _baseline(self) -> int:
        """Return the newest arrival number; rows up to it are not news."""
        try:
            return self.reader.newest()
        except HistoryUnavailableError:
            return 0

    def _set_status(self, status: Status) -> None:
        before, self.status = self.status, status
        if before is not None and before.team_id != status.team_id:
            # Joining a team replaces the history of the team of one.
            self._start_over()
        elif before is not None and before.policy_version != status.policy_version:
            self._refresh_recent()
            self.policy_changed.emit()
        self.changed.emit()

    def _set_targets(self, targets: Targets) -> None:
        self.targets = targets
        self.changed.emit()

    def _start_over(self) -> None:
        self.reader.close()
        self._cursor = self._baseline()
        if self.seen.arrival >= 0:
            self.set_seen(Seen())
        self._refresh_recent()
        self.history_replaced.emit()

    def _read_batch(self) -> None:
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
            # Not restarted, or a steady stream would never let it end.
            if not self._stale.isActive():
                self._stale.start()
        if len(lines) == _BATCH:
            # One batch a turn of the event loop, so that catching up does not freeze the window.
            self._reading = True
            QTimer.singleShot(0, self, self._read_batch)

    def _refresh_recent(self) -> None:
        try:
            recent = self.reader.recent(limit=_RECENT)
            # Where nothing matters yet, what there is shows that it works.
            self.recent = recent or self.reader.page(Query(), limit=_RECENT)
            self.red = self.reader.red_now()
            self._unseen = self.reader.unseen(self.seen) if self.seen.arrival >= 0 else []
        except HistoryUnavailableError:
            self.recent, self.red, self._unseen = [], [], []
