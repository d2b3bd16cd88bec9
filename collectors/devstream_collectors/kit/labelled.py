"""Alerts that are a set of labels, as in Alertmanager and Grafana.

Their identity is the fingerprint of their labels with the time they began to fire, so a repeated
notification, another collector and the other half of a cluster say nothing new. Sources:
https://prometheus.io/docs/alerting/latest/configuration/#webhook_config and the API's definition,
https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from devstream_collectors.kit.alert import Alert, alert_event
from devstream_collectors.kit.decoding import Text, Texts, Time, first, iso
from devstream_collectors.kit.place import Place
from devstream_desktop.stream.environment import environment_name
from devstream_desktop.stream.event import Event

STATES = {
    "firing": "firing",
    "alerting": "firing",
    "active": "firing",
    "resolved": "resolved",
    "ok": "resolved",
    "normal": "resolved",
}
_SERVICES = [
    "service",
    "service_name",
    "app",
    "application",
    "app_kubernetes_io_name",
    "component",
    "deployment",
    "job",
    "namespace",
]
_ENVIRONMENTS = ("environment", "env", "stage", "deployment_environment")
_PLACES = ("instance", "pod", "host", "hostname", "node", "device", "container")
_SAID = {
    "alertname",
    "rulename",
    "grafana_folder",
    "severity",
    "level",
    "priority",
    *_SERVICES,
    *_ENVIRONMENTS,
}
"""Labels that a line shows anyway."""
NEVER_BROKEN = "severity-none"
"""The reason why an alert that fires by design makes no line."""
_UNKNOWN = {"datasourcenodata": "no data", "datasourceerror": "data source error"}
"""Grafana's own alerts, of a rule that it could not evaluate: the rule itself does not fire."""
_MAX_APART = 2
_LONGEST = 64
_OFFSET, _PRIME = 14695981039346656037, 1099511628211


class Labelled(msgspec.Struct, frozen=True, rename="camel"):
    """An alert in a notification, or in an answer of the API."""

    labels: Texts = {}
    annotations: Texts = {}
    starts_at: Time = 0
    ends_at: Time = 0
    """Of one that fires: when it would end by itself."""
    fingerprint: Text = ""
    generator_url: Text = msgspec.field(default="", name="generatorURL")
    """The page of the rule."""


def alert_of(
    body: Labelled,
    state: str,
    *,
    common: Mapping[str, str] | None = None,
    url: str = "",
    reason: str = "",
) -> Alert:
    """Make the alert of a label set in a state.

    Args:
        body: as it was sent.
        state: `firing` or `resolved`.
        common: labels that the whole notification shares; they do not tell its alerts apart.
        url: a better page for it than the rule's.
        reason: what is said when no annotation does.

    """
    labels, notes = _lower(common or {}) | _lower(body.labels), _lower(body.annotations)
    name = first(labels.get("rulename"), labels.get("alertname")) or "alert"
    if (why := _UNKNOWN.get(labels.get("alertname", "").lower())) and "rulename" in labels:
        name = f"{why} for {name}"
    where = _among(labels, _PLACES) or _apart(body.labels, common or {})
    # One that is longer is none of Prometheus', and would make the key as long.
    known = 0 < len(body.fingerprint) <= _LONGEST
    return Alert(
        identity=body.fingerprint if known else fingerprint(body.labels or common or {}),
        state=state,
        # Ten machines with one alert are ten rows, which a person has to tell apart.
        name=f"{name} ({where})" if where and where not in name else name,
        service=_among(labels, _SERVICES),
        environment=_among(labels, _ENVIRONMENTS),
        severity=_among(labels, ("severity", "level", "priority")),
        started=body.starts_at,
        changed=body.ends_at if state == "resolved" else 0,
        reason=_among(notes, ("summary", "description", "message", "title")) or reason,
        url=url or body.generator_url,
    )


def fires_by_design(alert: Alert) -> bool:
    """Tell whether an alert says of itself that nothing is broken.

    kube-prometheus' `Watchdog` always fires, to show that alerts arrive, and `InfoInhibitor` holds
    back others; both have `severity: none`.
    """
    return alert.state == "firing" and alert.severity.strip().lower() == "none"


def labelled_event(alert: Alert, place: Place) -> Event:
    """Make the event of a step of an alert.

    Two clusters may have an alert of the same labels. Where these name no environment, the
    source's tells them apart; the key stays that of the labels.

    Raises:
        InvalidEventError: as `make_event`.

    """
    made, environment = alert_event(alert, place), place.source.environment
    if alert.environment or not environment:
        return made
    return msgspec.structs.replace(made, scope=f"{place.scope}/{environment_name(environment)}")


def sample_alert(now: int) -> dict[str, object]:
    """Make one alert of a notification, for a sample. `now` is UTC milliseconds."""
    return {
        "status": "firing",
        "labels": {"alertname": "DevstreamTest", "severity": "info"},
        "annotations": {"summary": "A test of this source"},
        "startsAt": iso(now),
        "fingerprint": f"{now:016x}",
    }


def fingerprint(labels: Mapping[str, str]) -> str:
    """Compute Prometheus' fingerprint of a label set; some versions do not send it.

    64 bits of FNV-1a over names and values, sorted by name. Source: `labelSetToFingerprint` of
    https://github.com/prometheus/common/blob/main/model/signature.go.
    """
    total = _OFFSET
    for name in sorted(labels):
        for byte in b"%b\xff%b\xff" % (_bytes(name), _bytes(labels[name])):
            total = ((total ^ byte) * _PRIME) & 0xFFFF_FFFF_FFFF_FFFF
    return f"{total:016x}"


def _lower(texts: Mapping[str, str]) -> dict[str, str]:
    """Return texts by names in small letters; people write them as they like."""
    return {name.lower(): text for name, text in texts.items()}


def _apart(labels: Mapping[str, str], common: Mapping[str, str]) -> str:
    """Write the labels that tell an alert from its group's others: `name=nginx`."""
    if not common:
        return ""
    own = [name for name in sorted(labels) if name not in common and name.lower() not in _SAID]
    return ", ".join(f"{name}={labels[name]}" for name in own[:_MAX_APART] if labels[name])


def _among(texts: Mapping[str, str], names: tuple[str, ...] | list[str]) -> str:
    return next((text for name in names if (text := texts.get(name, ""))), "")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
