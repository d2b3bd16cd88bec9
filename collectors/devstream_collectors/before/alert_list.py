"""Alertmanager's API, asked: what fires is listed there, what is gone from the list has resolved. Grafana's own alerts have the same API.

Source: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml. Alertmanager forgets its alerts when it restarts and
is told of them again within minutes; in that time nothing counts as resolved.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode

import msgspec

from devstream_collectors.before.alert import Alert, alert_event
from devstream_collectors.before.decoding import Loose, when, word
from devstream_collectors.before.labelled import Labelled, alert_of
from devstream_collectors.before.outcome import gathered
from devstream_collectors.contract import Polled, Request, Response, SourceInfo
from devstream_desktop.stream.text import clean

MAX_FOLLOWED = 200
"""Alerts that are waited for to resolve; a cursor has to stay small."""
_CURSOR = 60_000
"""Bytes."""
SETTLING = 5 * 60_000
"""Milliseconds after a restart in which Prometheus may not have said again what fires."""


@dataclass(frozen=True)
class Api:
    """Where such an API is, below the source's address."""

    scope: str
    """Of the alerts' identity, see `alert.Alert`."""
    alerts: str
    status: str = ""
    """What says since when the service runs; empty when it keeps its alerts over a restart."""


class _Followed(msgspec.Struct, frozen=True, array_like=True):
    """What must be known of an alert to say that it resolved."""

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
    state: Loose = ""


class _Alert(Labelled, frozen=True, rename="camel"):
    status: _State | None = None


class _Status(msgspec.Struct, frozen=True):
    uptime: Loose = ""
    """Since when it runs, in spite of its name."""


_cursor = msgspec.json.Decoder(_Cursor)


def requests(cursor: bytes, source: SourceInfo, now: int, *, api: Api) -> tuple[Request, ...]:
    """What a round begins with: what is listed, and whether what was missing there the last time may count as resolved."""
    del now
    known = _cursor.decode(cursor) if cursor else _Cursor()
    return (_alerts(source, api), _status(api)) if known.missing else (_alerts(source, api),)


def parse(response: Response, cursor: bytes, source: SourceInfo, *, api: Api) -> Polled:
    """What an answer comes to.

    Raises:
        ValueError: it is not what the API answers.

    """
    known = _cursor.decode(cursor) if cursor else _Cursor()
    if response.request.tag == "status":
        up_since = when(msgspec.json.decode(response.body, type=_Status).uptime)
        return (
            _ended(response, known, source, api)
            if response.received - up_since >= SETTLING
            else Polled(cursor=_write(known))
        )
    listed, dropped = _listed(response, known, api)
    told = [
        alert
        for alert in listed
        if alert.identity not in known.firing
        or known.firing[alert.identity].started != alert.started
    ]
    fresh = {alert.identity for alert in told}
    # One that began again between two rounds had ended.
    again = [
        _gone(alert.identity, known, api, alert.started)
        for alert in told
        if alert.identity in known.firing
    ]
    now = {
        alert.identity: known.firing[alert.identity]
        for alert in listed
        if alert.identity not in fresh
    } | {
        alert.identity: _Followed(
            alert.started,
            clean(alert.name, 80),
            clean(alert.service, 100),
            clean(alert.environment, 40),
        )
        for alert in told
    }
    missing = tuple(identity for identity in known.firing if identity not in now)
    followed = {**{identity: known.firing[identity] for identity in missing}, **now}
    events, invalid, _ = gathered(
        partial(alert_event, alert, source, response.received) for alert in (*told, *again)
    )
    kept = _fitting(followed, missing)
    if len(kept.firing) < len(followed):
        dropped["too-many-to-follow"] += len(followed) - len(kept.firing)
    if missing and not api.status:
        ended = _ended(response, kept, source, api)
        return Polled(events + ended.events, ended.cursor, dropped=dropped + Counter(invalid))
    return Polled(
        events, _write(kept), (_status(api),) if missing else (), dropped + Counter(invalid)
    )


def _fitting(firing: dict[str, _Followed], missing: tuple[str, ...]) -> _Cursor:
    """As many of the newest as a cursor holds."""
    newest = list(firing.items())[-MAX_FOLLOWED:]
    while len(_write(_Cursor(dict(newest), missing))) > _CURSOR and newest:
        newest = newest[1 + len(newest) // 20 :]
        missing = tuple(identity for identity in missing if identity in dict(newest))
    return _Cursor(dict(newest), missing)


def _listed(response: Response, known: _Cursor, api: Api) -> tuple[list[Alert], Counter[str]]:
    """The alerts that fire and are nobody's silence, the oldest first, and why others are not among them."""
    bodies = sorted(
        msgspec.json.decode(response.body, type=list[_Alert]), key=lambda body: when(body.starts_at)
    )
    alerts: list[Alert] = []
    dropped: Counter[str] = Counter()
    for body in bodies:
        alert, state = (
            alert_of(body, "firing", api.scope),
            word(body.status.state) if body.status else "",
        )
        before = known.firing.get(alert.identity)
        # One that was told and is silenced since has not resolved.
        if state in ("", "active") or (before is not None and before.started == alert.started):
            alerts.append(alert)
        else:
            dropped["not-processed-yet" if state == "unprocessed" else "silenced-or-inhibited"] += 1
    return alerts, dropped


def _ended(response: Response, known: _Cursor, source: SourceInfo, api: Api) -> Polled:
    """What is missing has resolved, at some time since the last round: the API does not say when."""
    gone = [
        _gone(identity, known, api, response.received)
        for identity in known.missing
        if identity in known.firing
    ]
    events, dropped, _ = gathered(
        partial(alert_event, alert, source, response.received) for alert in gone
    )
    firing = {
        identity: alert for identity, alert in known.firing.items() if identity not in known.missing
    }
    return Polled(events, _write(_Cursor(firing)), dropped=dropped)


def _gone(identity: str, known: _Cursor, api: Api, at: int) -> Alert:
    was = known.firing[identity]
    return Alert(
        scope=api.scope,
        identity=identity,
        state="resolved",
        name=was.name,
        service=was.service,
        environment=was.environment,
        started=was.started,
        changed=at,
    )


def _status(api: Api) -> Request:
    return Request(api.status, tag="status")


def _alerts(source: SourceInfo, api: Api) -> Request:
    # What is silenced stays in the list, or it would look resolved.
    query = {"active": "true", "silenced": "true", "inhibited": "true", "unprocessed": "true"}
    receiver = source.text("receiver")
    return Request(
        f"{api.alerts}?{urlencode(query | ({'receiver': receiver} if receiver else {}))}",
        tag="alerts",
    )


def _write(cursor: _Cursor) -> bytes:
    return msgspec.json.encode(cursor)
