"""An alert, an error or an incident as an event: one place for its row, its identity and its severity, for all that watch a system."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from devstream_collectors.before.outcome import gathered
from devstream_collectors.before.place import moment
from devstream_collectors.contract import SourceInfo
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.words import Kind, Severity

_MINUTE = 60_000
_WORDS = {
    Severity.CRITICAL: (
        "critical",
        "crit",
        "fatal",
        "emergency",
        "page",
        "high",
        "p1",
        "sev1",
        "sev-1",
        "disaster",
        "blocker",
        "50",
    ),
    Severity.ERROR: ("error", "err", "major", "p2", "sev2", "sev-2", "severe", "40"),
    Severity.WARNING: (
        "warning",
        "warn",
        "medium",
        "minor",
        "p3",
        "sev3",
        "sev-3",
        "average",
        "ticket",
        "30",
    ),
    Severity.NOTICE: ("notice", "low", "p4", "p5", "sev4", "sev-4", "sev5", "sev-5"),
    Severity.INFO: ("info", "information", "informational", "none", "debug", "ok", "20", "10"),
}
_SEVERITIES = {word: severity for severity, words in _WORDS.items() for word in words}


@dataclass(frozen=True)
class Alert:
    """One step of an alert. Times are UTC milliseconds, 0 where nobody says.

    `scope` and `identity` must be the same by webhook and by poll: the scope is where the identity is true, the identity what stays
    while the alert fires and resolves (a fingerprint, an incident's id).
    """

    scope: str
    identity: str
    state: str
    """`firing` or `resolved`."""
    name: str
    """What a person calls it."""
    service: str = ""
    """What it is about, when the source names no service."""
    environment: str = ""
    severity: str = ""
    """In the sender's word, see `severity`."""
    number: str = ""
    """Which run of the identity it is; empty: when it began."""
    once: str = ""
    """What tells this step from others of the same state; empty: when the run began, or for want of that the minute it came in."""
    started: int = 0
    changed: int = 0
    """When it came into this state; empty: when it began, if it fires."""
    actor: str = ""
    reason: str = ""
    url: str = ""
    revision: str = ""


def alert_event(alert: Alert, source: SourceInfo, received: int) -> Event:
    """The event of one step of an alert.

    Args:
        alert: what happened.
        source: whose line it is.
        received: when it came in, UTC milliseconds.

    Raises:
        InvalidEventError: as `make_event`.

    """
    resolved = alert.state == "resolved"
    service = source.service or alert.service or source.name
    began = str(alert.started) if alert.started else ""
    time, late = moment(alert.changed or (0 if resolved else alert.started), received)
    return make_event(
        kind=Kind.INCIDENT,
        state=alert.state,
        service=service,
        environment=alert.environment or source.environment,
        subject=f"incident/{service}/{alert.identity}",
        key=fact_key(
            alert.scope,
            Kind.INCIDENT,
            alert.identity,
            alert.once or began or str(received // _MINUTE),
            alert.state,
        ),
        time=time,
        # A resolved alert is no longer severe; its row says how long it was.
        severity=None if resolved else severity(alert.severity),
        number=alert.number or began or alert.identity,
        actor=alert.actor,
        title=alert.name.rstrip(". ") or alert.identity,
        reason=alert.reason,
        url=alert.url,
        revision=alert.revision,
        duration=time - alert.started if resolved and 0 < alert.started <= time else 0,
        source=source.name,
        quiet=late,
    )


def alerts(
    makers: Iterable[Callable[[], Alert]], source: SourceInfo, received: int
) -> tuple[tuple[Event, ...], dict[str, int]]:
    """What a poller's answer comes to: the events that can be made, and why and how often others cannot."""

    def event_of(make: Callable[[], Alert]) -> Callable[[], Event]:
        return lambda: alert_event(make(), source, received)

    events, dropped, _ = gathered(map(event_of, makers))
    return events, dropped


def severity(word: str) -> Severity | None:
    """The severity that a sender's word or Rollbar's number means; None, for the stream's own choice, when it is not known."""
    return _SEVERITIES.get(word.strip().lower())
