"""The popups for lines that arrive, by the rules of stream/attention.py.

Each subject has one popup, which is replaced in place. Lines that a burst holds back become one
digest. `Popups.why` explains later why a line was or was not a popup.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable

from PySide6.QtCore import QObject, QTimer, Signal

from devstream_desktop.desk.store import DeskStore, Reason
from devstream_desktop.desktop.platform.web_links import open_link, safe_link
from devstream_desktop.desktop.popups.digest import Digest
from devstream_desktop.desktop.popups.notifier import REMINDER, Notice, Notifier, Urgency
from devstream_desktop.desktop.widgets.look import state_look
from devstream_desktop.language import N_, _, ngettext
from devstream_desktop.stream.attention import (
    BURST_WINDOW,
    Decision,
    Desk,
    Known,
    Recent,
    Severities,
    decide,
    is_believed,
    is_end,
    popup_key,
    reason_text,
)
from devstream_desktop.stream.fact import is_note, topic_of
from devstream_desktop.stream.line import headline, render
from devstream_desktop.stream.rules import Attention
from devstream_desktop.stream.subject import Line, can_be_approved, can_be_claimed
from devstream_desktop.stream.thing import Thing
from devstream_desktop.stream.widening import Step, is_late, step_of, told_by
from devstream_desktop.stream.words import RED_STATES

DIGEST = "digest"
MUTE_MS = 4 * 3_600_000
_DIGEST_WAIT_MS = 1_000
_REMEMBERED = 2_000
_BODY = 140
"""Characters of a body: two lines of a usual popup."""


class Popups(QObject):
    """Turns lines into popups, and clicks on popups into signals."""

    show_line = Signal(object)
    """A line (Line) to show in the history."""
    show_history = Signal()
    approve_chosen = Signal(object)
    """A line (Line) of a deploy that waits for a second person."""
    claim_chosen = Signal(object)
    """A line (Line) whose thing the person is on."""

    def __init__(
        self,
        notifier: Notifier,
        store: DeskStore,
        *,
        clock: Callable[[], int] | None = None,
        parent: QObject | None = None,
    ) -> None:
        """Show popups by `notifier`, and remember them in `store`.

        `clock` returns UTC milliseconds.
        """
        super().__init__(parent)
        self._notifier = notifier
        self._store = store
        self._clock = clock if clock is not None else lambda: int(time.time() * 1000)
        self._recent = Recent()
        self._severities = Severities()
        self._shown: OrderedDict[str, Line] = OrderedDict()
        self._digest = Digest()
        self._held_at = 0
        self._digest_due = QTimer(self, singleShot=True, interval=_DIGEST_WAIT_MS)
        self._digest_due.timeout.connect(self._show_digest)
        notifier.activated.connect(self._activated)
        notifier.closed.connect(self._closed)

    def consider(self, lines: Iterable[Line], desk: Desk) -> None:
        """Decide about lines that have just arrived, and show the popups."""
        now = self._clock()
        muted = set(self._store.muted(now))
        reasons: list[Reason] = []
        # Those of one popup in their order, so that it ends with what is so now.
        by_key: dict[str, list[Line]] = {}
        for line in sorted(lines, key=lambda line: line.id):
            by_key.setdefault(popup_key(line), []).append(line)
        # The worst first, so that no burst of small news takes its place.
        for key, one in sorted(by_key.items(), key=lambda item: min(map(_worst_first, item[1]))):
            decided = [(line, self._decide(line, desk, now, muted)) for line in one]
            reasons += [Reason(line.entry, how.attention, how.reason) for line, how in decided]
            self._show_last(key, decided)
        self._store.keep_reasons(reasons)

    def widen(self, things: Iterable[Thing], desk: Desk, *, off_duty: bool) -> None:
        """Tell of critical things once more that nobody has seen.

        `off_duty` is whether the person wants to be told of those while off duty.
        """
        now = self._clock()
        muted = self._store.muted(now)
        for thing in things:
            step, began = step_of(thing, now), told_by(thing)
            if (
                step < Step.AGAIN
                or is_late(thing, now)
                or desk.snoozed
                or topic_of(began.event) in muted
            ):
                continue
            if desk.on_duty:
                reason = N_("nobody had seen it after 5 minutes")
            elif step is Step.ALL and off_duty:
                reason = N_("nobody on duty had seen it after 10 minutes")
            else:
                continue
            told = self._store.reason(began.entry)
            # Once, also across a restart.
            if told is None or told.reason != reason:
                self._show(thing.line, Decision(Attention.POPUP, reason, urgent=True))
                self._store.keep_reasons([Reason(began.entry, Attention.POPUP, reason)])

    def why(self, line: Line) -> str:
        """Return why `line` was or was not a popup, as a sentence."""
        found = self._store.reason(line.entry)
        if found is None:
            return _("No popup: it was here before devstream started.")
        said = {
            Attention.POPUP: _("Popped up: {reason}."),
            Attention.DIGEST: _("In the digest: {reason}."),
            Attention.QUIET: _("No popup: {reason}."),
        }[found.attention]
        return said.format(reason=reason_text(found.reason))

    def withdraw_seen(self, lines: Iterable[Line]) -> None:
        """Take popups off the screen whose things a person looks at elsewhere."""
        for key in dict.fromkeys(map(popup_key, lines)):
            if key in self._shown:
                self._notifier.withdraw(key)

    def mute(self, line: Line) -> None:
        """Keep a line's thing quiet for a while; its end is told all the same."""
        self._store.mute(topic_of(line.event), self._clock() + MUTE_MS)

    def know(self, things: Iterable[Thing]) -> None:
        """Take what is broken already; a line that makes it worse is news."""
        self._severities.know(thing.line for thing in things)

    def _decide(self, line: Line, desk: Desk, now: int, muted: set[str]) -> Decision:
        worse = self._severities.rises(line)
        # Out of order: a popup would replace the one that shows the later state.
        if line.superseded:
            reason = N_("a later state of the same subject was here already")
            return Decision(Attention.QUIET, reason)
        key, topic = popup_key(line), topic_of(line.event)
        known = Known(shown_red=self._store.is_red(key), muted=topic in muted, worse=worse)
        decision = decide(line, desk, self._recent, now, known)
        if is_end(line):
            self._store.forget_red(key)
            # What comes after is another story than the one that was muted.
            if topic in muted:
                muted.discard(topic)
                self._store.mute(topic, 0)
        elif decision.attention is Attention.POPUP and _is_red(line):
            self._store.keep_red(key)
        if decision.attention is Attention.DIGEST:
            self._hold(line, now)
        return decision

    def _show_last(self, key: str, decided: list[tuple[Line, Decision]]) -> None:
        """Show the last popup of a key, unless a later line contradicts."""
        last: tuple[Line, Decision] | None = None
        for line, decision in decided:
            if decision.attention is Attention.POPUP:
                last = line, decision
            elif last is not None and _contradicts(line, last[0]):
                last = None
        if last is not None:
            self._show(*last)
            return
        # A popup that stays until it is closed must not outlive what it tells.
        shown = self._shown.get(key)
        now = next((line for line, _ in reversed(decided) if _is_broken(line) is not None), None)
        if shown is not None and now is not None and _contradicts(now, shown):
            self._notifier.withdraw(key)

    def _show(self, line: Line, decision: Decision) -> None:
        key = popup_key(line)
        # Taken out first, so that it moves to the end: the oldest are forgotten first.
        self._shown.pop(key, None)
        self._shown[key] = line
        while len(self._shown) > _REMEMBERED:
            self._shown.popitem(last=False)
        if _is_red(line):
            self._store.keep_red(key)
        self._notifier.show_notice(line_notice(line, urgent=decision.urgent))

    def _hold(self, line: Line, now: int) -> None:
        # The burst before is over, and its digest was shown; this one starts from nothing.
        if now - self._held_at > BURST_WINDOW and not self._digest_due.isActive():
            self._digest.clear()
        self._digest.add(line)
        self._held_at = now
        # Not restarted by each line, or a long burst would show nothing.
        if not self._digest_due.isActive():
            self._digest_due.start()

    def _show_digest(self) -> None:
        held, actions = self._digest.tell(), (("history", _("History")),)
        if held.count:
            summary = ngettext("{count} more", "{count} more", held.count)
            summary = summary.format(count=held.count)
            self._notifier.show_notice(Notice(DIGEST, summary, held.text(), actions=actions))

    def _activated(self, key: str, action: str) -> None:
        line = self._shown.get(key)
        if key == DIGEST:
            self._digest.clear()
            self.show_history.emit()
        elif action == "open" and line is not None:
            open_link(line.event.url)
        elif action == "approve" and line is not None:
            self.approve_chosen.emit(line)
        elif action == "claim" and line is not None:
            self.claim_chosen.emit(line)
        elif action == "mute" and line is not None:
            self.mute(line)
            self._notifier.withdraw(key)
        elif line is not None:
            self.show_line.emit(line)
        elif key != REMINDER or action == "default":
            # A popup of an app before this one, or one forgotten since.
            self.show_history.emit()

    def _closed(self, key: str) -> None:
        # `_shown` stays: some servers report that a popup closed before they report its action.
        if key == DIGEST:
            self._digest.drop_told()


def line_notice(line: Line, *, urgent: bool) -> Notice:
    """Make the popup of one line: service and state, then what happened."""
    event = line.event
    actions = [("history", _("Details"))]
    if can_be_approved(event):
        actions = [("approve", _("Review")), *actions]
    if can_be_claimed(event) or (is_note(event) and event.about):
        actions = [("claim", _("I'm on it")), *actions, ("mute", _("Mute"))]
    if safe_link(event.url) is not None:
        actions.append(("open", _("Open link")))
    return Notice(
        key=popup_key(line),
        summary=headline(event, line.transition),
        body=render(event, line.transition, width=_BODY, service=False),
        look=state_look(line),
        urgency=Urgency.CRITICAL if urgent and _is_red(line) else Urgency.NORMAL,
        actions=tuple(actions),
    )


def _is_red(line: Line) -> bool:
    return (line.event.kind, line.event.state) in RED_STATES


def _is_broken(line: Line) -> bool | None:
    """Return the state that a line gives its thing; None where it gives none."""
    if line.superseded or not is_believed(line):
        return None
    return True if _is_red(line) else False if is_end(line) else None


def _contradicts(line: Line, shown: Line) -> bool:
    """Tell whether a line ends what a popup says of its thing."""
    said, now = _is_broken(shown), _is_broken(line)
    return None not in (said, now) and said is not now


def _worst_first(line: Line) -> tuple[bool, int, int]:
    return not _is_red(line), -line.severity, line.arrival
