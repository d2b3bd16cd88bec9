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

from devstream_collectors.alert import Alert, alert_event
from devstream_collectors.contract import Polled, Request, Response, SourceInfo
from devstream_collectors.labelled import Labelled, alert_of
from devstream_collectors.loose import Loose, when, word
from devstream_collectors.push import gathered
from devstream_desktop.stream.text import clean

MAX_FOLLOWED = 200
"""Alerts that are waited for to resolve; a cursor has to stay small."""
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
    up_since: int = 0


class _State(msgspec.Struct, frozen=True):
    state: Loose = ""


class _Alert(Labelled, frozen=True, rename="camel"):
    status: _State | None = None


class _Status(msgspec.Struct, frozen=True):
    uptime: Loose = ""
    """Since when it runs, in spite of its name."""


_cursor = msgspec.json.Decoder(_Cursor)


def requests(cursor: bytes, source: SourceInfo, now: int, *, api: Api) -> tuple[Request, ...]:
    """What a round begins with: whether the service was restarted, then its alerts."""
    del cursor, now
    return (Request(api.status, tag="status"),) if api.status else (_alerts(source, api),)


def parse(response: Response, cursor: bytes, source: SourceInfo, *, api: Api) -> Polled:
    """What an answer comes to.

    Raises:
        ValueError: it is not what the API answers.

    """
    known = _cursor.decode(cursor) if cursor else _Cursor()
    if response.request.tag == "status":
        up_since = when(msgspec.json.decode(response.body, type=_Status).uptime)
        return Polled(cursor=_write(msgspec.structs.replace(known, up_since=up_since)), requests=(_alerts(source, api),))
    settled = response.received - known.up_since >= SETTLING
    listed = msgspec.json.decode(response.body, type=list[_Alert])
    told: list[Alert] = []
    dropped: Counter[str] = Counter()
    firing: dict[str, _Followed] = {}
    for body in sorted(listed, key=lambda body: when(body.starts_at)):
        alert = alert_of(body, "firing", api.scope)
        before = known.firing.get(alert.identity)
        if before is not None and before.started == alert.started:
            # One that was told and is silenced since has not resolved.
            firing[alert.identity] = before
            continue
        state = word(body.status.state) if body.status else ""
        if state not in ("", "active"):
            reason = "not-processed-yet" if state == "unprocessed" else "silenced-or-inhibited"
            dropped[reason] += 1
            continue
        told.append(alert)
        firing[alert.identity] = _Followed(alert.started, clean(alert.name, 80), clean(alert.service, 60), clean(alert.environment, 40))
    for identity, gone in known.firing.items():
        still = firing.get(identity)
        if still is None and not settled:
            firing[identity] = gone
        elif still is None or still.started != gone.started:
            told.append(
                Alert(
                    scope=api.scope,
                    identity=identity,
                    state="resolved",
                    name=gone.name,
                    service=gone.service,
                    environment=gone.environment,
                    started=gone.started,
                    # The API does not list what has resolved, so it was at some time since the last round.
                    changed=still.started if still else response.received,
                )
            )
    if len(firing) > MAX_FOLLOWED:
        dropped["too-many-to-follow"] = len(firing) - MAX_FOLLOWED
        firing = dict(list(firing.items())[-MAX_FOLLOWED:])
    events, invalid, _ = gathered(partial(alert_event, alert, source, response.received) for alert in told)
    return Polled(events, _write(msgspec.structs.replace(known, firing=firing)), dropped=dropped + Counter(invalid))


def _alerts(source: SourceInfo, api: Api) -> Request:
    # What is silenced stays in the list, or it would look resolved.
    query = {"active": "true", "silenced": "true", "inhibited": "true", "unprocessed": "true"}
    receiver = source.text("receiver")
    return Request(f"{api.alerts}?{urlencode(query | ({'receiver': receiver} if receiver else {}))}", tag="alerts")


def _write(cursor: _Cursor) -> bytes:
    return msgspec.json.encode(cursor)
