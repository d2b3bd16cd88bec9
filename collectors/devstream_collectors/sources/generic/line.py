"""The event of a rule's match: its row, its identity, and the values read with care."""

from __future__ import annotations

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit import alert, ticket
from devstream_collectors.kit.branches import defaults
from devstream_collectors.kit.decoding import milliseconds, person, whole
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.run import UNDER_WAY
from devstream_collectors.sources.generic.rules import Match, Rule, as_text
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.text import clean, first_line, short_ref
from devstream_desktop.stream.words import STATES, Kind, Severity

_ON_BRANCHES = frozenset({Kind.CHANGE, Kind.BUILD, Kind.TEST})
_NAMED = frozenset({Kind.BUILD, Kind.TEST, Kind.INCIDENT})
"""The kinds whose line begins with a name: for want of a title the row's."""
_OVER = frozenset({"resolved", "closed"})
"""States of what is no longer severe."""
_MINUTE = 60_000
_MAX_ORDER = 1 << 40
"""Of a number; from there on an order is a time."""
_DIGITS = {10: 1000, 13: 1, 16: 0.001, 19: 0.000_001}
"""The factor to milliseconds by a Unix time's number of digits: s, ms, µs, ns."""


def event_of(match: Match, source: SourceInfo, received: int) -> Event:
    """Make the event of a match.

    Raises:
        Dropped: the state is none that the rule or the stream knows, or the branch does not count.
        InvalidEventError: as `make_event`.

    """
    rule, values = match.rule, match.values

    def said(name: str) -> str:
        value = values.get(name)
        # `a && b` is false where there is no a: only a state can be meant so.
        return "" if isinstance(value, bool) and name != "state" else as_text(value).strip()

    kind, state = _state(rule, said("state"))
    place = Place(source, received, default_branches=defaults(said("default_branch")))
    ref = short_ref(said("ref"))
    if ref and kind in _ON_BRANCHES:
        place.check_branch(ref)
    service = place.about(said("service"))
    environment = said("environment") or source.environment
    # The end of an alert may not say where it was: only a deployment's row is one of its place.
    where = environment if kind is Kind.DEPLOY else ""
    row = said("subject") or first_line(said("title")) or rule.name
    started, at = _time(said("started")), _time(said("time"))
    time = place.moment(at or started)
    return make_event(
        kind=kind,
        state=state,
        service=service,
        subject="/".join(part for part in (str(kind), service, where, row) if part),
        key=fact_key(f"rules/{source.name}", kind, _identity(match, kind, received), state),
        time=time,
        severity=None if state in _OVER else _severity(rule, kind, said("severity")),
        environment=environment,
        ref=ref,
        revision=said("revision"),
        actor=person(said("actor")),
        title=said("title") or (said("subject") if kind in _NAMED else ""),
        url=said("url"),
        source=source.name,
        number=said("number") or match.identity[:40],
        previous=said("previous"),
        count=whole(said("count")),
        total=whole(said("total")),
        duration=0
        if state in UNDER_WAY
        else _duration(said("duration"), said("seconds"), started, at),
        reason=said("reason"),
        scope=_scope(source, kind, said("scope") or said("service")),
        order=_order(kind, state, whole(said("order")), min(started, received), at),
    )


def _scope(source: SourceInfo, kind: Kind, repository: str) -> str:
    """Return the scope of a subject: one sender has many repositories with a `main`.

    And many hosts with a full disk. A ticket has a number, and may change its project.
    """
    own = kind is not Kind.TICKET and repository
    return f"rules/{source.name}/{repository}" if own else f"rules/{source.name}"


def _order(kind: Kind, state: str, number: int, started: int, at: int) -> int:
    """Return the place of the work: a number that grows with it, else when it began.

    The end of an alert comes after its own beginning, and before the next one. One that comes back
    may say when it first began, so where a step says when it was, that decides.
    """
    if kind is Kind.INCIDENT:
        return started + (state == "resolved") if started and not at else 0
    if kind in (Kind.BUILD, Kind.TEST):
        return number if 0 < number < _MAX_ORDER else started
    return 0


def _identity(match: Match, kind: Kind, received: int) -> str:
    # An alert that comes again with the same bytes is news, but not at once: senders try again.
    if match.unnamed and kind is Kind.INCIDENT:
        return f"{match.identity}/{received // _MINUTE}"
    return match.identity


def _state(rule: Rule, said: str) -> tuple[Kind, str]:
    if reason := rule.drops.get(said.lower()):
        raise Dropped(reason, f"rule {rule.name}, state {said}")
    state = rule.states.get(said) or rule.states.get(said.lower(), said)
    kind = rule.kind
    if kind is None or state not in STATES[kind]:
        raise Dropped(
            "state-not-mapped",
            f"state {clean(said, 40)!r} is none of {kind}'s; name it under [rule.states]",
        )
    return kind, state


def _severity(rule: Rule, kind: Kind, said: str) -> Severity | None:
    if (mapped := rule.severities.get(said.lower())) is not None:
        return mapped
    # A tracker's usual priority says nothing, an alert's does.
    return ticket.urgency(said) if kind is Kind.TICKET else alert.severity(said)


def _duration(said: str, seconds: str, started: int, at: int) -> int:
    if whole(said):
        return whole(said)
    if whole(seconds.partition(".")[0]):
        return whole(seconds.partition(".")[0]) * 1000
    return at - started if 0 < started <= at else 0


def _time(said: str) -> int:
    """Read ISO 8601, or a Unix time of any unit; else 0."""
    digits = said.partition(".")[0]
    if digits.isascii() and digits.isdigit() and len(digits) < 20:
        return int(int(digits) * _DIGITS.get(len(digits), 0))
    return milliseconds(said)
