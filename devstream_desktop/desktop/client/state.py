"""The state that every window shows: the node's status and targets, and the newest rows."""

from __future__ import annotations

import time

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal

from devstream_desktop.control.messages.deploys import GetTargets, Targets, TargetStatus
from devstream_desktop.control.messages.status import GetStatus, Status
from devstream_desktop.control.node_words import translated
from devstream_desktop.desk.preferences import Search
from devstream_desktop.desktop.client.question import Question
from devstream_desktop.desktop.client.reader_thread import ReaderThread
from devstream_desktop.history.reader import Reader
from devstream_desktop.language import _
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


class _Read(msgspec.Struct, frozen=True):
    """An answer of the history: what is new, what matters, and what is red."""

    lines: list[Line]
    recent: list[Line]
    red: list[Thing]
    seen: Seen
    unseen: list[Line]
    newest: int


class AppState(QObject):
    """The node's state and the history's newest rows, kept current by signals."""

    asked = Signal(object)
    """A `Question` to send to the node."""
    changed = Signal()
    """Status, targets, connection or trouble changed."""
    arrived = Signal(list)
    """Rows that are new since the last time, oldest arrival first."""
    recent_changed = Signal()
    """`recent`, `red` or `unseen` changed."""
    policy_changed = Signal()
    """The policy changed, and with it perhaps how rows are shown."""
    looked = Signal()
    """The person looked at what is red and new."""
    seen_changed = Signal()
    """The person has seen what arrived until now."""
    history_replaced = Signal()
    """The history is another one (a team was joined): discard all rows."""

    def __init__(
        self,
        history: ReaderThread,
        parent: QObject | None = None,
        *,
        seen: Seen | None = None,
        stale_ms: int = STALE_MS,
    ) -> None:
        """Begin to read `history`; `seen` is as for `set_seen`."""
        super().__init__(parent)
        self.history = history
        self.status: Status | None = None
        self.targets: Targets = Targets(targets=())
        self.connected = False
        self.trouble = ""
        """The last failure of the node, as a sentence; empty once it answers."""
        self.aliases: tuple[str, ...] = ()
        """Other names of the person (desk.toml)."""
        self.searches: tuple[Search, ...] = ()
        """The searches that are saved (desk.toml)."""
        self.duty_until = 0
        """The end of this duty by the person's hours, UTC milliseconds; 0 for none."""
        self.history_error = ""
        self.popup_trouble = ""
        """The reason why no popup can be shown, as a sentence; empty when one can."""
        self.recent: list[Line] = []
        """The newest rows that matter, newest first."""
        self.red: list[Thing] = []
        """Things that are broken now, the worst first."""
        self.seen = Seen()
        """The mark of the person; until one is given nothing counts as new."""
        self._unseen: list[Line] = []
        self._last_seen = seen
        """The mark of before, until it is known what there is."""
        self._known = False
        """True once it is known what there was at the start."""
        self._stale = QTimer(self, singleShot=True, interval=stale_ms)
        self._stale.timeout.connect(self.refresh_status)
        self._cursor = 0
        """The newest arrival number that is no news."""
        self._told = 0
        """The newest arrival number that the node told."""
        self._reading = False
        self._begin()

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
        if not self._known:
            self._last_seen = seen
            return
        self._go_on(seen)
        self._refresh_recent()
        self.seen_changed.emit()

    def _go_on(self, seen: Seen) -> None:
        if seen.arrival < 0 or 0 < self._cursor < seen.arrival:
            seen = Seen(self._cursor, int(time.time() * 1000))
        self.seen = seen

    def see(self) -> None:
        """Note that the person has seen all that arrived until now."""
        self.looked.emit()
        if 0 <= self.seen.arrival != self._cursor:
            self.seen = msgspec.structs.replace(self.seen, arrival=self._cursor)
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
        sentence = ""
        if reason:
            sentence = _("popups cannot be shown: {reason}; see {command}")
            sentence = sentence.format(reason=reason, command="devstream doctor")
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
        before, self._told = self._told, newest
        # Numbers only grow within one history, so this is another one.
        if newest < before:
            self._start_over()
        elif not self._reading:
            self._read_batch()

    def _begin(self) -> None:
        """Take what is there now as known."""
        self._reading = True
        self._known = False
        # The mark of before counts as a rule; then nothing is read twice.
        seen = self._last_seen or Seen()
        self.history.ask(
            lambda reader: _read(reader, [], seen),
            self._take_known,
            owner=self,
            refuse=self._begin_empty,
            topic="news",
        )

    def _take_known(self, read: _Read) -> None:
        self._reading = False
        self._cursor = read.newest
        self._known = True
        last, self._last_seen = self._last_seen, None
        if last is not None:
            self._go_on(last)
        self._take_recent(read)
        if last is not None:
            self.seen_changed.emit()
        if self._told > read.newest:
            self._read_batch()
        self._told = max(self._told, read.newest)

    def _begin_empty(self, _: str) -> None:
        # The node makes its history when it starts; all that it then holds is news.
        self._take_known(_Read([], [], [], self.seen, [], 0))

    def _set_status(self, status: Status) -> None:
        status = msgspec.structs.replace(
            status,
            notices=tuple(map(translated, status.notices)),
            locked=translated(status.locked),
            refused=tuple(
                msgspec.structs.replace(one, reason=translated(one.reason))
                for one in status.refused
            ),
        )
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
        self.history.forget()
        self._told = 0
        if self.seen.arrival >= 0:
            self._last_seen = Seen()
        self._begin()
        self.history_replaced.emit()

    def _read_batch(self) -> None:
        """Read one batch; the next is read when the windows have taken it."""
        self._reading = True
        cursor, told, seen = self._cursor, self._told, self.seen
        self.history.ask(
            lambda reader: _read(reader, reader.since(cursor, limit=_BATCH), seen),
            lambda read: self._take_batch(read, told),
            owner=self,
            refuse=self._fail_to_read,
            topic="news",
        )

    def _take_batch(self, read: _Read, told: int) -> None:
        self._reading = False
        self.history_error = ""
        if read.lines:
            self._cursor = read.lines[-1].arrival
        # A sighting changes what is said of a thing, and is no line.
        self._take_recent(read)
        if read.lines:
            self.arrived.emit(read.lines)
            # Not restarted, or a steady stream would never let it end.
            if not self._stale.isActive():
                self._stale.start()
        # Full, or more was told since it was asked for.
        if len(read.lines) == _BATCH or self._told > told:
            self._read_batch()

    def _fail_to_read(self, sentence: str) -> None:
        self._reading = False
        self.history_error = sentence
        self.changed.emit()

    def _refresh_recent(self) -> None:
        seen = self.seen
        self.history.ask(
            lambda reader: _read(reader, [], seen), self._take_recent, owner=self, topic="recent"
        )

    def _take_recent(self, read: _Read) -> None:
        before = self.recent, self.red, self._unseen
        self.recent, self.red = read.recent, read.red
        if read.seen == self.seen:
            self._unseen = read.unseen
        else:
            # The person has looked since it was asked for.
            self._refresh_recent()
        if before != (self.recent, self.red, self._unseen):
            self.recent_changed.emit()


def _read(reader: Reader, lines: list[Line], seen: Seen) -> _Read:
    # Where nothing matters yet, what there is shows that it works.
    recent = reader.recent(limit=_RECENT) or reader.page(Query(), limit=_RECENT)
    unseen = reader.unseen(seen) if seen.arrival >= 0 else []
    return _Read(lines, recent, reader.red_now(), seen, unseen, reader.newest())
