"""Alerts, errors and incidents as events: their row, their identity and their severity."""

from __future__ import annotations

from dataclasses import dataclass

from devstream_collectors.kit.place import Place
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.subject import ERROR
from devstream_desktop.stream.words import Kind, Severity

_MINUTE = 60_000
_WORTH_SAYING = 90 * _MINUTE
"""An alert that has fired unheard for so long says so."""
_WORDS = {
    Severity.CRITICAL: "critical crit fatal emergency page p1 sev1 sev-1 disaster blocker 50",
    Severity.ERROR: "error err high major p2 sev2 sev-2 severe 40",
    Severity.WARNING: "warning warn medium minor p3 sev3 sev-3 average ticket 30",
    Severity.NOTICE: "notice low p4 p5 sev4 sev-4 sev5 sev-5",
    Severity.INFO: "info information informational none debug ok 20 10",
}
_SEVERITIES = {word: severity for severity, words in _WORDS.items() for word in words.split()}


@dataclass(frozen=True)
class Alert:
    """One step of an alert. Times are UTC milliseconds, 0 where nobody says."""

    identity: str
    """The name of the alert in every state: a fingerprint, an incident's id."""
    state: str
    """`firing` or `resolved`."""
    name: str
    """The name a person knows it by."""
    service: str = ""
    """The alert's service, for a place that names none."""
    environment: str = ""
    severity: str = ""
    """In the sender's word, see `severity`."""
    number: str = ""
    """The number of this firing among those of its identity; empty: when it began."""
    once: str = ""
    """Tells this step from others of the same state.

    Empty: when the run began, or for want of that the minute it came in.
    """
    started: int = 0
    changed: int = 0
    """The time of this state; 0: when it began, if it fires."""
    actor: str = ""
    reason: str = ""
    url: str = ""
    revision: str = ""
    is_error: bool = False
    """It is a program's error, which does not fire, and no alert."""


def alert_event(alert: Alert, place: Place) -> Event:
    """Make the event of one step of an alert.

    Raises:
        InvalidEventError: as `make_event`.

    """
    resolved = alert.state == "resolved"
    about = place.about(alert.service)
    began = str(alert.started) if alert.started else ""
    time = place.moment(alert.changed or (0 if resolved else alert.started))
    once = alert.once or began or str(place.received // _MINUTE)
    return make_event(
        kind=Kind.INCIDENT,
        state=alert.state,
        service=about,
        environment=alert.environment or place.source.environment,
        subject=f"incident/{about}{ERROR if alert.is_error else '/'}{alert.identity}",
        key=fact_key(place.scope, Kind.INCIDENT, alert.identity, once, alert.state),
        time=time,
        # A resolved alert is no longer severe; its row says how long it was.
        severity=None if resolved else severity(alert.severity),
        number=alert.number or began or alert.identity,
        actor=alert.actor,
        title=alert.name.rstrip(". ") or alert.identity,
        reason=alert.reason,
        url=alert.url,
        revision=alert.revision,
        duration=_duration(alert, time if resolved else place.received),
        source=place.source.name,
        scope=place.scope,
        order=_order(alert, place),
    )


def _order(alert: Alert, place: Place) -> int:
    """Return the place of a step among those of its alert; 0: its time decides."""
    # An alert that comes back says when it first began, and each step when it was.
    if not alert.started or (alert.once and alert.changed):
        return 0
    # The end comes after its own beginning, and before the next one, whenever it is told.
    return min(alert.started, place.received) + (alert.state == "resolved")


def _duration(alert: Alert, now: int) -> int:
    """Return how long an alert has fired; one that has just begun does not say it."""
    lasted = now - alert.started if 0 < alert.started <= now else 0
    return lasted if alert.state == "resolved" or lasted >= _WORTH_SAYING else 0


def severity(word: str) -> Severity | None:
    """Read a sender's word or Rollbar's number; None for the stream's own choice."""
    return _SEVERITIES.get(word.strip().lower())
