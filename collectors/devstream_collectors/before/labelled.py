"""Alerts that are a set of labels: what Alertmanager and Grafana post, and what both answer when they are asked, are the same alerts.

Their identity is the fingerprint of their labels with the time they began to fire, so a repeated notification, another collector and
the other half of a cluster say nothing new. Sources: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config and the
API's definition, https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from devstream_collectors.before.alert import Alert
from devstream_collectors.before.decoding import Loose, first, iso, when, word

STATES = {
    "firing": "firing",
    "alerting": "firing",
    "active": "firing",
    "resolved": "resolved",
    "ok": "resolved",
    "normal": "resolved",
}
_SERVICES = (
    "service",
    "service_name",
    "app",
    "application",
    "app_kubernetes_io_name",
    "component",
    "deployment",
    "job",
    "namespace",
)
_ENVIRONMENTS = ("environment", "env", "stage", "deployment_environment")
_PLACES = ("instance", "pod", "host", "hostname", "node", "device", "container")
_LONGEST = 64
_OFFSET, _PRIME = 14695981039346656037, 1099511628211

Labels = Mapping[str, Loose]


class Labelled(msgspec.Struct, frozen=True, rename="camel"):
    """What an alert is in a notification and in an answer of the API."""

    labels: dict[str, Loose] | None = None
    annotations: dict[str, Loose] | None = None
    starts_at: Loose = ""
    ends_at: Loose = ""
    """Of one that fires: when it would end by itself."""
    fingerprint: Loose = ""
    generator_url: Loose = msgspec.field(default="", name="generatorURL")
    """Where the rule can be looked at."""


def alert_of(
    body: Labelled,
    state: str,
    scope: str,
    *,
    common: Labels | None = None,
    url: str = "",
    reason: str = "",
) -> Alert:
    """An alert in a state.

    Args:
        body: as it was sent.
        state: `firing` or `resolved`.
        scope: see `alert.Alert`.
        common: labels that the whole notification shares, for an alert that says none.
        url: a better place to look at it than where the rule is.
        reason: what is said when no annotation does.

    """
    labels = body.labels or common or {}
    notes = body.annotations or {}
    name = first(labels.get("rulename"), labels.get("alertname")) or "alert"
    why = first(
        notes.get("summary"),
        notes.get("description"),
        notes.get("message"),
        notes.get("title"),
        reason,
    )
    place = first(*(labels.get(key) for key in _PLACES))
    said = word(body.fingerprint)
    ended = when(body.ends_at) if state == "resolved" else 0
    return Alert(
        scope=scope,
        identity=said if 0 < len(said) <= _LONGEST else fingerprint(labels),
        state=state,
        # Ten machines with one alert are ten rows, which a person has to tell apart.
        name=f"{name} ({place})" if place and place not in name else name,
        service=first(*(labels.get(key) for key in _SERVICES)),
        environment=first(*(labels.get(key) for key in _ENVIRONMENTS)),
        severity=first(labels.get("severity"), labels.get("level"), labels.get("priority")),
        started=when(body.starts_at),
        changed=ended,
        reason=why,
        url=url or word(body.generator_url),
    )


def sample_alert(now: int) -> dict[str, object]:
    """One alert as it stands in a notification, for a test of the way it takes. `now` is UTC milliseconds."""
    return {
        "status": "firing",
        "labels": {"alertname": "DevstreamTest", "severity": "info"},
        "annotations": {"summary": "A test of this source"},
        "startsAt": iso(now),
        "fingerprint": f"{now:016x}",
    }


def fingerprint(labels: Labels) -> str:
    """Prometheus' fingerprint of a label set, for the versions that do not send it: 64 bits of FNV-1a over names and values, sorted.

    Source: `labelSetToFingerprint` of https://github.com/prometheus/common/blob/main/model/signature.go.
    """
    total = _OFFSET
    for name in sorted(labels):
        for byte in b"%b\xff%b\xff" % (_bytes(name), _bytes(word(labels[name]))):
            total = ((total ^ byte) * _PRIME) & 0xFFFF_FFFF_FFFF_FFFF
    return f"{total:016x}"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
