"""Polling a list of firing alerts. Alertmanager's API has one, and Grafana copied it.

What is gone from the list has resolved. Source:
https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml. Alertmanager forgets its
alerts when it restarts and is told of them again within minutes; in that time nothing counts as
resolved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

import msgspec

from devstream_collectors.contract import Polled, Request, SourceInfo
from devstream_collectors.kit.alert import Alert
from devstream_collectors.kit.decoding import Part, Text, Time
from devstream_collectors.kit.labelled import (
    NEVER_BROKEN,
    Labelled,
    alert_of,
    fires_by_design,
    labelled_event,
)
from devstream_collectors.kit.outcome import Maker
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.polling import Answer, Poller, Step, ask
from devstream_desktop.stream.text import clean

MAX_FOLLOWED = 200
"""Alerts that are waited for to resolve; a cursor has to stay small."""
_CURSOR = 60_000
"""Bytes."""
SETTLING = 5 * 60_000
"""Milliseconds after a restart: Prometheus may not have repeated all alerts."""


class _Followed(msgspec.Struct, frozen=True, array_like=True):
    """An alert as it is remembered until it resolves."""

    started: int
    name: str
    service: str
    environment: str


class _Cursor(msgspec.Struct, frozen=True):
    firing: dict[str, _Followed] = {}
    """By fingerprint."""
    missing: tuple[str, ...] = ()
    """Of these, those that are not listed, and may have resolved."""


class _State(msgspec.Struct, frozen=True):
    state: Text = ""


class _Alert(Labelled, frozen=True, rename="camel"):
    status: Part[_State] = _State()


class _Status(msgspec.Struct, frozen=True):
    uptime: Time = 0
    """Since when it runs, in spite of its name."""


def alert_list(
    scope: str, alerts: str, status: str = "", *, by_design: bool = False
) -> Poller[_Cursor]:
    """Make the poller of one service.

    Args:
        scope: of the alerts' identity.
        alerts: the path of the list, below the source's address.
        status: the path of what says since when the service runs; empty when it keeps its alerts
            over a restart.
        by_design: there may be alerts that fire by design (`labelled.fires_by_design`).

    """
    poller = Poller(_Cursor)

    @poller.begin
    def begin(known: _Cursor, source: SourceInfo, _now: int) -> Iterable[Request]:
        # What is silenced stays in the list, or it would look resolved.
        wanted = dict.fromkeys(("active", "silenced", "inhibited", "unprocessed"), "true")
        if receiver := source.text("receiver"):
            wanted["receiver"] = receiver
        yield ask(alerts, Step("alerts"), query=wanted)
        # Whether what was missing the last time may count as resolved.
        if known.missing:
            yield ask(status, Step("status"))

    @poller.answer("status")
    def status_answer(answer: Answer[_Cursor]) -> Polled:
        # Too early after a restart: what is missing may only not have been said again yet.
        if answer.received - answer.decode(_Status).uptime < SETTLING:
            return answer.polled()
        makers, firing = _ended(answer.known, answer.place(scope))
        return answer.polled(makers, firing=firing, missing=())

    @poller.answer("alerts")
    def alerts_answer(answer: Answer[_Cursor]) -> Polled:
        known, place = answer.known, answer.place(scope)
        listed, dropped = _listed(answer, by_design=by_design)
        told = [alert for alert in listed if _is_news(alert, known)]
        fresh = {alert.identity for alert in told}
        # One that began again between two rounds had ended.
        again = [
            _gone(alert.identity, known, alert.started)
            for alert in told
            if alert.identity in known.firing
        ]
        now = {
            alert.identity: known.firing[alert.identity]
            for alert in listed
            if alert.identity not in fresh
        } | {alert.identity: _follow(alert) for alert in told}
        missing = tuple(identity for identity in known.firing if identity not in now)
        followed = {**{identity: known.firing[identity] for identity in missing}, **now}
        kept = _fitting(followed, missing)
        if len(kept.firing) < len(followed):
            dropped["too-many-to-follow"] += len(followed) - len(kept.firing)
        seen = [_seen(alert, answer) for alert in told]
        makers: list[Maker] = [partial(labelled_event, alert, place) for alert in (*seen, *again)]
        follow = [ask(status, Step("status"))] if missing and status else []
        # The service keeps its alerts over a restart, so what is missing has resolved.
        if missing and not status:
            ended, firing = _ended(kept, place)
            makers += ended
            kept = _Cursor(firing)
        polled = answer.polled(makers, follow, firing=kept.firing, missing=kept.missing)
        return Polled(
            polled.events, polled.cursor, polled.requests, dropped + Counter(polled.dropped)
        )

    return poller


def _is_news(alert: Alert, known: _Cursor) -> bool:
    before = known.firing.get(alert.identity)
    return before is None or before.started != alert.started


def _seen(alert: Alert, answer: Answer[_Cursor]) -> Alert:
    """Date a long-firing alert that was not listed before.

    After a restart a rule engine may give an alert that had ended its first beginning again.
    """
    listed = answer.first or alert.identity in answer.known.firing
    if listed or alert.started > answer.received - SETTLING:
        return alert
    return replace(alert, changed=answer.received)


def _follow(alert: Alert) -> _Followed:
    return _Followed(
        alert.started,
        clean(alert.name, 80),
        clean(alert.service, 100),
        clean(alert.environment, 40),
    )


def _fitting(firing: dict[str, _Followed], missing: tuple[str, ...]) -> _Cursor:
    """As many of the newest as a cursor holds."""
    newest = list(firing.items())[-MAX_FOLLOWED:]
    while len(msgspec.json.encode(_Cursor(dict(newest), missing))) > _CURSOR and newest:
        newest = newest[1 + len(newest) // 20 :]
        missing = tuple(identity for identity in missing if identity in dict(newest))
    return _Cursor(dict(newest), missing)


def _listed(answer: Answer[_Cursor], *, by_design: bool) -> tuple[list[Alert], Counter[str]]:
    """List the firing alerts, oldest first, and count others by reason."""
    alerts: list[Alert] = []
    dropped: Counter[str] = Counter()
    for body in sorted(answer.decode(list[_Alert]), key=lambda body: body.starts_at):
        alert, state = alert_of(body, "firing"), body.status.state
        if by_design and fires_by_design(alert):
            dropped[NEVER_BROKEN] += 1
        # One that was told and is silenced since has not resolved.
        elif state in ("", "active") or not _is_news(alert, answer.known):
            alerts.append(alert)
        else:
            reason = "not-processed-yet" if state == "unprocessed" else "silenced-or-inhibited"
            dropped[reason] += 1
    return alerts, dropped


def _ended(known: _Cursor, place: Place) -> tuple[list[Maker], dict[str, _Followed]]:
    """Tell the alerts that are gone from the list.

    They have resolved since the last round; the API does not say when.
    """
    missing = [identity for identity in known.missing if identity in known.firing]
    gone = [_gone(identity, known, place.received) for identity in missing]
    firing = {name: alert for name, alert in known.firing.items() if name not in known.missing}
    return [partial(labelled_event, alert, place) for alert in gone], firing


def _gone(identity: str, known: _Cursor, at: int) -> Alert:
    was = known.firing[identity]
    return Alert(
        identity=identity,
        state="resolved",
        name=was.name,
        service=was.service,
        environment=was.environment,
        started=was.started,
        changed=at,
    )
