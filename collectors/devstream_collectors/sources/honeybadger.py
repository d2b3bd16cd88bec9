"""Honeybadger: errors that are new, back, frequent or resolved, sites and jobs that are down or up, alarms, and deploys.

Source: https://docs.honeybadger.io/guides/integrations/payloads/v2/. V3, a preview, and V1 have the same names where we read.
"""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import Collector, Delivery, Normalised, SecretPath, SourceInfo, Webhook
from devstream_collectors.kit.alert import Alert, alert_event
from devstream_collectors.kit.decoding import Loose, first, iso, person, when, whole, word
from devstream_collectors.kit.deploy import Recorded, recorded_event
from devstream_collectors.kit.outcome import Dropped, tolerant

COLLECTOR = Collector(
    title="Honeybadger's webhook integration",
    setup="""\
In Honeybadger, the project's Settings, Alerts & Integrations, WebHook: as URL the address of your receiver with the path that is printed
behind it, payload version v2. Honeybadger signs nothing, so the path itself is the secret.
Events: occurred for new errors only (not for every one), rate exceeded, resolved, unresolved, deployed, and those of uptime and of
check-ins.""",
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
_MINUTE = 60_000


class _Person(msgspec.Struct, frozen=True):
    name: Loose = ""
    email: Loose = ""


class _Project(msgspec.Struct, frozen=True):
    id: Loose = ""
    name: Loose = ""


class _Fault(msgspec.Struct, frozen=True):
    id: Loose = ""
    project_id: Loose = ""
    klass: Loose = ""
    message: Loose = ""
    component: Loose = ""
    action: Loose = ""
    environment: Loose = ""
    created_at: Loose = ""
    last_notice_at: Loose = ""
    notices_count: Loose = ""
    url: Loose = ""


class _Notice(msgspec.Struct, frozen=True):
    id: Loose = ""
    created_at: Loose = ""
    url: Loose = ""


class _Watched(msgspec.Struct, frozen=True):
    """A site, a check-in or an alarm."""

    id: Loose = ""
    name: Loose = ""
    url: Loose = ""
    last_checked_at: Loose = ""
    reported_at: Loose = ""
    expected_at: Loose = ""
    state_changed_at: Loose = ""
    cert_expires_at: Loose = ""


class _Outage(msgspec.Struct, frozen=True):
    down_at: Loose = ""
    up_at: Loose = ""
    created_at: Loose = ""
    status: Loose = ""
    reason: Loose = ""
    details_url: Loose = ""


class _Deploy(msgspec.Struct, frozen=True):
    id: Loose = ""
    environment: Loose = ""
    revision: Loose = ""
    local_username: Loose = ""
    created_at: Loose = ""
    url: Loose = ""


class _Payload(msgspec.Struct, frozen=True):
    event: Loose = ""
    message: Loose = ""
    """One line, as Honeybadger's own notifications show it."""
    actor: _Person | None = None
    project: _Project | None = None
    fault: _Fault | None = None
    notice: _Notice | None = None
    site: _Watched | None = None
    check_in: _Watched | None = None
    alarm: _Watched | None = None
    outage: _Outage | None = None
    deploy: _Deploy | None = None


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Normalised:
    """The event of one delivery, or the name of why there is none."""
    payload = msgspec.json.decode(delivery.body, type=_Payload)
    name = word(payload.event)
    if name == "deployed" and payload.deploy is not None:
        return Normalised((recorded_event(_deployed(payload, payload.deploy), source, delivery.received),))
    if name in ("assigned", "commented"):
        raise Dropped("error-not-news", name)
    state = _STATES.get(name)
    if state is None:
        raise Dropped("event-not-mapped", name)
    if payload.fault is not None:
        step = _error(payload, payload.fault, name, state, delivery.received)
    else:
        watched = payload.site or payload.check_in or payload.alarm
        if watched is None:
            raise Dropped("event-not-mapped", name)
        step = _outage(payload, watched, name, state, delivery.received)
    return Normalised((alert_event(step, source, delivery.received),))


def sample(source: SourceInfo, now: int) -> Delivery:
    """A new error as Honeybadger posts it."""
    del source
    fault = {"id": 1, "klass": "DevstreamTest", "message": "A test of this source", "environment": "test", "created_at": iso(now)}
    return Delivery({}, msgspec.json.encode({"event": "occurred", "project": {"name": "devstream-test"}, "fault": fault}), now)


def _error(payload: _Payload, fault: _Fault, name: str, state: str, received: int) -> Alert:
    if not word(fault.id):
        raise Dropped("unnamed-error", name)
    notice, actor = payload.notice or _Notice(), payload.actor or _Person()
    began, last, count = when(fault.created_at), when(first(fault.last_notice_at, notice.created_at)), whole(fault.notices_count)
    new = name == "occurred" and count <= 1
    often = f"{count} times" if count else "often"
    why = dict.fromkeys(("rate_exceeded", "rate_escalated", "volume_spike"), often) | dict.fromkeys(_BACK, "reopened")
    return Alert(
        scope=f"honeybadger/{_project_id(payload)}",
        identity=word(fault.id),
        state=state,
        name=": ".join(text for text in (word(fault.klass), word(fault.message)) if text) or word(payload.message) or "error",
        service=word(payload.project.name) if payload.project else "",
        environment=word(fault.environment),
        number=word(fault.id),
        once=f"new/{began}" if new and began else f"{name}/{last}/{count}",
        started=began,
        changed=began if new else received if state == "resolved" or name in _BACK else last,
        actor=person(actor.name, actor.email),
        reason="" if state == "resolved" else why.get(name, "#".join(text for text in (word(fault.component), word(fault.action)) if text)),
        url=first(fault.url, notice.url),
    )


def _outage(payload: _Payload, watched: _Watched, name: str, state: str, received: int) -> Alert:
    """A site, a check-in or an alarm that is red or green again."""
    outage = payload.outage or _Outage()
    sort = "site" if payload.site else "check-in" if payload.check_in else "alarm"
    identity = first(watched.id, watched.name)
    if not identity:
        raise Dropped("unnamed-check", name)
    down, up = when(first(outage.down_at, outage.created_at)), when(outage.up_at)
    said = when(first(watched.state_changed_at, watched.reported_at, watched.expected_at, watched.last_checked_at))
    expiring = name == "cert_will_expire"
    began = down or (when(first(watched.state_changed_at, watched.expected_at, watched.last_checked_at)) if state == "firing" else 0)
    if expiring:
        sort, began = "certificate", when(watched.cert_expires_at) or began
    what = {"check-in": "check-in is missing", "certificate": "certificate will expire", "alarm": "alarm"}.get(sort, "is down")
    code = word(outage.status)
    return Alert(
        scope=f"honeybadger/{_project_id(payload)}",
        identity=f"{sort}-{identity}",
        state=state,
        name=f"{first(watched.name, watched.url, identity)} {what}",
        service=word(payload.project.name) if payload.project else "",
        # A check's own row: it is red or green, and says no run of its own.
        number=identity,
        once=f"{name}/{down or up or said or received // _MINUTE}",
        started=0 if expiring else began,
        changed=up if state == "resolved" else 0,
        reason=""
        if state == "resolved"
        else first(outage.reason, f"status {code}" if code else "", payload.message if payload.alarm else ""),
        url=first(outage.details_url, watched.url),
    )


def _deployed(payload: _Payload, deploy: _Deploy) -> Recorded:
    actor, at = payload.actor or _Person(), when(deploy.created_at)
    return Recorded(
        scope=f"honeybadger/{_project_id(payload)}",
        number=first(deploy.id) or "/".join(text for text in (word(deploy.revision)[:12], str(at) if at else "") if text),
        service=word(payload.project.name) if payload.project else "",
        environment=word(deploy.environment),
        revision=word(deploy.revision),
        actor=person(deploy.local_username, actor.name, actor.email),
        url=word(deploy.url),
        ended=at,
    )


def _project_id(payload: _Payload) -> str:
    project, fault = payload.project, payload.fault
    return first(project.id if project else "", fault.project_id if fault else "", project.name if project else "")
