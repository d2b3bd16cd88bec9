"""Honeybadger: errors, sites, scheduled jobs and alarms that are red or green, and deploys.

Source: https://docs.honeybadger.io/guides/integrations/payloads/v2/. V3, a preview, and V1 have the
same names where we read.
"""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import Collector, Delivery, SecretPath, SourceInfo, Webhook
from devstream_collectors.kit.alert import Alert, alert_event
from devstream_collectors.kit.decoding import Part, Text, Time, Whole, decode, iso, person, sha
from devstream_collectors.kit.deploy import Deploy, deploy_event
from devstream_collectors.kit.outcome import Dropped, tolerant
from devstream_collectors.kit.place import Place
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.words import Kind

_SETUP = """\
In Honeybadger, the project's Settings, Alerts & Integrations, WebHook: as URL the address of \
your receiver with the path that is printed behind it, payload version v2. Honeybadger signs \
nothing, so the path itself is the secret.
Events: occurred for new errors only (not for every one), rate exceeded, resolved, unresolved, \
deployed, and those of uptime and of check-ins."""

COLLECTOR = Collector(
    title="Honeybadger's webhook integration",
    setup=_SETUP,
    kinds=(Kind.INCIDENT, Kind.DEPLOY),
    webhook=Webhook(auth=(SecretPath(),)),
)
_STATES = {
    "occurred": "firing",
    "rate_exceeded": "firing",
    "rate_escalated": "firing",
    "volume_spike": "firing",
    "unresolved": "firing",
    "reopened": "firing",
    "resolved": "resolved",
    "down": "firing",
    "up": "resolved",
    "check_in_missing": "firing",
    "check_in_reporting": "resolved",
    "cert_will_expire": "firing",
    "alarm_alert": "firing",
    "alarm_ok": "resolved",
}
_BACK = ("unresolved", "reopened")
_FREQUENT = ("rate_exceeded", "rate_escalated", "volume_spike")
_MINUTE = 60_000


class _Person(msgspec.Struct, frozen=True):
    name: Text = ""
    email: Text = ""


class _Project(msgspec.Struct, frozen=True):
    id: Text = ""
    name: Text = ""


class _Fault(msgspec.Struct, frozen=True):
    id: Text = ""
    project_id: Text = ""
    klass: Text = ""
    message: Text = ""
    component: Text = ""
    action: Text = ""
    environment: Text = ""
    created_at: Time = 0
    last_notice_at: Time = 0
    notices_count: Whole = 0
    url: Text = ""


class _Notice(msgspec.Struct, frozen=True):
    created_at: Time = 0
    url: Text = ""


class _Watched(msgspec.Struct, frozen=True):
    """A site, a check-in or an alarm."""

    id: Text = ""
    name: Text = ""
    url: Text = ""
    last_checked_at: Time = 0
    reported_at: Time = 0
    expected_at: Time = 0
    state_changed_at: Time = 0


class _Outage(msgspec.Struct, frozen=True):
    down_at: Time = 0
    up_at: Time = 0
    created_at: Time = 0
    status: Text = ""
    reason: Text = ""
    details_url: Text = ""


class _Deploy(msgspec.Struct, frozen=True):
    id: Text = ""
    environment: Text = ""
    revision: Text = ""
    local_username: Text = ""
    created_at: Time = 0
    url: Text = ""


class _Payload(msgspec.Struct, frozen=True):
    event: Text = ""
    message: Text = ""
    """One line, as Honeybadger's own notifications show it."""
    actor: Part[_Person] = _Person()
    project: Part[_Project] = _Project()
    fault: _Fault | None = None
    notice: Part[_Notice] = _Notice()
    site: _Watched | None = None
    check_in: _Watched | None = None
    alarm: _Watched | None = None
    outage: Part[_Outage] = _Outage()
    deploy: _Deploy | None = None


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Event:
    """Make the event of one delivery."""
    payload = decode(delivery.body, _Payload)
    name, project, fault = payload.event, payload.project, payload.fault
    number = project.id or (fault.project_id if fault else "") or project.name
    place = Place(source, delivery.received, f"honeybadger/{number}", project.name)
    if name == "deployed" and payload.deploy is not None:
        return _deployed(payload, payload.deploy, place)
    if name in ("assigned", "commented"):
        raise Dropped("error-not-news", name)
    state = _STATES.get(name)
    if state is None:
        raise Dropped("event-not-mapped", name)
    if fault is not None:
        return _error(payload, fault, name, state, place)
    watched = payload.site or payload.check_in or payload.alarm
    if watched is None:
        raise Dropped("event-not-mapped", name)
    return _outage(payload, watched, name, state, place)


def sample(source: SourceInfo, now: int) -> Delivery:
    """Make a new error as Honeybadger posts it."""
    fault = {
        "id": 1,
        "klass": "DevstreamTest",
        "message": "A test of this source",
        "environment": "test",
        "created_at": iso(now),
    }
    body = {"event": "occurred", "project": {"name": "devstream-test"}, "fault": fault}
    return Delivery({}, msgspec.json.encode(body), now)


def _error(payload: _Payload, fault: _Fault, name: str, state: str, place: Place) -> Event:
    if not fault.id:
        raise Dropped("unnamed-error", name)
    notice, actor, resolved = payload.notice, payload.actor, state == "resolved"
    began, count = fault.created_at, fault.notices_count
    last = fault.last_notice_at or notice.created_at
    # A project may be set to tell every notice; only the first is the beginning.
    new = name == "occurred" and count <= 1
    reason = "#".join(text for text in (fault.component, fault.action) if text)
    if name in _FREQUENT:
        reason = f"{count} times" if count else "often"
    elif name in _BACK:
        reason = "reopened"
    said = ": ".join(text for text in (fault.klass, fault.message) if text)
    alert = Alert(
        identity=fault.id,
        state=state,
        name=said or payload.message or "error",
        environment=fault.environment,
        number=fault.id,
        once=f"new/{began}" if new and began else f"{name}/{last}/{count}",
        started=began,
        changed=began if new else place.received if resolved or name in _BACK else last,
        actor=person(actor.name, actor.email),
        is_error=True,
        reason="" if resolved else reason,
        url=fault.url or notice.url,
    )
    return alert_event(alert, place)


def _outage(payload: _Payload, watched: _Watched, name: str, state: str, place: Place) -> Event:
    """Make the event of a site, a check-in or an alarm."""
    outage, resolved = payload.outage, state == "resolved"
    sort = "site" if payload.site else "check-in" if payload.check_in else "alarm"
    identity = watched.id or watched.name
    if not identity:
        raise Dropped("unnamed-check", name)
    down, up = outage.down_at or outage.created_at, outage.up_at
    since = watched.state_changed_at or watched.expected_at or watched.last_checked_at
    said = watched.state_changed_at or watched.reported_at or since
    expiring = name == "cert_will_expire"
    began = down or (0 if resolved else since)
    if expiring:
        sort = "certificate"
    matter = {
        "check-in": "check-in is missing",
        "certificate": "certificate will expire",
        "alarm": "alarm",
    }.get(sort, "is down")
    status = f"status {outage.status}" if outage.status else ""
    alert = Alert(
        identity=f"{sort}-{identity}",
        state=state,
        name=f"{watched.name or watched.url or identity} {matter}",
        # A check's own row: it is red or green, and has no run of its own.
        number=identity,
        once=f"{name}/{down or up or said or place.received // _MINUTE}",
        # It does not say since when it will expire.
        started=0 if expiring else began,
        changed=up if resolved else 0,
        reason=""
        if resolved
        else outage.reason or status or (payload.message if payload.alarm else ""),
        url=outage.details_url or watched.url,
    )
    return alert_event(alert, place)


def _deployed(payload: _Payload, deploy: _Deploy, place: Place) -> Event:
    actor, at = payload.actor, deploy.created_at
    marks = (deploy.revision[:12], str(at) if at else "")
    number = deploy.id or "/".join(text for text in marks if text)
    found = Deploy(
        id=number or str(place.moment(at)),
        state="success",
        environment=deploy.environment or place.source.environment,
        revision=sha(deploy.revision),
        actor=person(deploy.local_username, actor.name, actor.email),
        url=deploy.url,
        changed=at,
    )
    return deploy_event(found, place)
