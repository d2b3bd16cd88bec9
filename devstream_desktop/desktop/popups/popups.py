"""The popups for lines that arrive, by the rules of stream/attention.py.

Each subject has one popup, which is replaced in place. Lines that a burst holds back become one
digest. `Popups.why` explains later why a line was or was not a popup.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable

from PySide6.QtCore import QObject, QTimer, Signal

from devstream_desktop.desktop.platform.web_links import open_link, safe_link
from devstream_desktop.desktop.popups.notifier import Notice, Notifier, Urgency
from devstream_desktop.desktop.widgets.look import state_look
from devstream_desktop.stream.attention import (
    BURST_WINDOW,
    Decision,
    Desk,
    Recent,
    decide,
)
from devstream_desktop.stream.fact import AuthorClass, author_class, topic_of
from devstream_desktop.stream.line import POPUP_WIDTH, render
from devstream_desktop.stream.rules import Attention
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.words import RED_STATES, Kind

DIGEST = "digest"
_DIGEST_WAIT_MS = 1_000
_REMEMBERED = 2_000


class Popups(QObject):
    """Turns lines into popups, and clicks on popups into signals."""

    show_line = Signal(object)
    """A line (Line) to show in the history."""
    show_history = Signal()

    def __init__(
        self,
        notifier: Notifier,
        *,
        clock: Callable[[], int] | None = None,
        parent: QObject | None = None,
    ) -> None:
        """Show popups by `notifier`; `clock` returns UTC milliseconds."""
        super().__init__(parent)
        self._notifier = notifier
        self._clock = clock if clock is not None else lambda: int(time.time() * 1000)
        self._recent = Recent()
        self._reasons: OrderedDict[int, Decision] = OrderedDict()
        self._shown: OrderedDict[str, Line] = OrderedDict()
        self._held: list[Line] = []
        self._held_at = 0
        self._digest = QTimer(self, singleShot=True, interval=_DIGEST_WAIT_MS)
        self._digest.timeout.connect(self._show_digest)
        notifier.activated.connect(self._activated)
        notifier.closed.connect(self._closed)

    def consider(self, lines: Iterable[Line], desk: Desk) -> None:
        """Decide about lines that have just arrived, and show the popups."""
        now = self._clock()
        for line in lines:
            # Out of order: a popup would replace the one that shows the later state.
            if line.superseded:
                reason = "a later state of the same subject was here already"
                decision = Decision(Attention.QUIET, reason)
            else:
                decision = decide(line, desk, self._recent, now)
            self._remember(line, decision)
            if decision.attention is Attention.POPUP:
                self._show(line, decision)
            elif decision.attention is Attention.DIGEST:
                self._hold(line, now)

    def why(self, line: Line) -> str:
        """Return why `line` was or was not a popup, as a sentence."""
        decision = self._reasons.get(line.id)
        if decision is None:
            return "No popup: it was here before devstream started."
        said = {
            Attention.POPUP: "Popped up",
            Attention.DIGEST: "In the digest",
            Attention.QUIET: "No popup",
        }[decision.attention]
        return f"{said}: {decision.reason}."

    def _remember(self, line: Line, decision: Decision) -> None:
        self._reasons[line.id] = decision
        while len(self._reasons) > _REMEMBERED:
            self._reasons.popitem(last=False)

    def _show(self, line: Line, decision: Decision) -> None:
        key = popup_key(line)
        # Taken out first, so that it moves to the end: the oldest are forgotten first.
        self._shown.pop(key, None)
        self._shown[key] = line
        while len(self._shown) > _REMEMBERED:
            self._shown.popitem(last=False)
        self._notifier.show_notice(line_notice(line, urgent=decision.urgent))

    def _hold(self, line: Line, now: int) -> None:
        # The burst before is over, and its digest was shown; this one starts from nothing.
        if now - self._held_at > BURST_WINDOW and not self._digest.isActive():
            self._held.clear()
        self._held.append(line)
        self._held_at = now
        # Not restarted by each line, or a long burst would show nothing.
        if not self._digest.isActive():
            self._digest.start()

    def _show_digest(self) -> None:
        if self._held:
            summary, actions = f"{len(self._held)} more", (("history", "History"),)
            notice = Notice(DIGEST, summary, digest_text(self._held), actions=actions)
            self._notifier.show_notice(notice)

    def _activated(self, key: str, action: str) -> None:
        line = self._shown.get(key)
        if key == DIGEST:
            self._held.clear()
            self.show_history.emit()
        elif action == "open" and line is not None:
            open_link(line.event.url)
        elif line is not None:
            self.show_line.emit(line)
        else:
            # A popup of an app before this one, or one forgotten since.
            self.show_history.emit()

    def _closed(self, key: str) -> None:
        # `_shown` stays: some servers report that a popup closed before they report its action.
        if key == DIGEST:
            self._held.clear()


def popup_key(line: Line) -> str:
    """Return the key of the popup that a line replaces: the last one of its subject.

    A claim is about the subject of somebody else, and must not hide the alert that it claims.
    """
    event = line.event
    by = event.actor if author_class(event.kind, event.state) is AuthorClass.MEMBER else ""
    return f"{event.kind} {topic_of(event)} {by}".rstrip()


def line_notice(line: Line, *, urgent: bool) -> Notice:
    """Make the popup of one line: service and state, then what happened."""
    event = line.event
    actions = (
        (("open", "Open"), ("history", "History"))
        if safe_link(event.url) is not None
        else (("history", "History"),)
    )
    look = state_look(line)
    place = f" · {event.environment}" if event.environment else ""
    return Notice(
        key=popup_key(line),
        summary=f"{event.service} {look.word}{place}",
        body=render(event, line.transition, width=POPUP_WIDTH, service=False),
        urgency=Urgency.CRITICAL
        if urgent and (event.kind, event.state) in RED_STATES
        else Urgency.NORMAL,
        actions=actions,
    )


_NOUNS = {
    Kind.CHANGE: ("commit", "commits"),
    Kind.DEPLOY: ("deploy", "deploys"),
    Kind.TICKET: ("ticket", "tickets"),
    Kind.INCIDENT: ("incident", "incidents"),
}


def digest_text(lines: Iterable[Line]) -> str:
    """Count lines by kind, worst first: `2 failures, 5 commits`."""
    counts: Counter[tuple[str, str]] = Counter()
    for line in lines:
        event = line.event
        red = (event.kind, event.state) in RED_STATES
        counts[("failure", "failures") if red else _NOUNS.get(event.kind, ("other", "others"))] += 1
    order = [("failure", "failures"), *_NOUNS.values(), ("other", "others")]
    return ", ".join(
        f"{counts[noun]} {noun[0] if counts[noun] == 1 else noun[1]}"
        for noun in order
        if counts[noun]
    )
