"""GitHub's security alerts: secrets, dependencies and code.

Source: https://docs.github.com/en/webhooks/webhook-events-and-payloads#dependabot_alert and
`#secret_scanning_alert`, `#code_scanning_alert`, `#repository_vulnerability_alert`.
"""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.kit.alert import Alert, alert_event
from devstream_collectors.kit.branches import HEADS
from devstream_collectors.kit.decoding import Id, Needed, Part, Text, Time, decode, first
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.place import Place
from devstream_collectors.sources.github.place import Payload, User
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.text import short_ref

_FIRING = frozenset(
    {
        "created",
        "create",
        "reopened",
        "reopen",
        "reopened_by_user",
        "reintroduced",
        "auto_reopened",
    }
)
_RESOLVED = frozenset(
    {
        "resolved",
        "resolve",
        "fixed",
        "dismissed",
        "dismiss",
        "auto_dismissed",
        "closed_by_user",
    }
)


_SEVERITIES = {"moderate": "warning", "note": "info"}
"""Words of GitHub alone."""


class _Package(msgspec.Struct, frozen=True):
    name: Text = ""


class _Dependency(msgspec.Struct, frozen=True):
    package: Part[_Package] = _Package()


class _Advisory(msgspec.Struct, frozen=True):
    summary: Text = ""
    severity: Text = ""


class _Rule(msgspec.Struct, frozen=True):
    id: Text = ""
    description: Text = ""
    severity: Text = ""
    security_severity_level: Text = ""


class SecurityAlert(msgspec.Struct, frozen=True):
    """An alert of any of the four sorts; the secret itself is never read."""

    number: Id = ""
    id: Text = ""
    state: Text = ""
    """In the API: open, or how it ended."""
    html_url: Text = ""
    created_at: Time = 0
    updated_at: Time = 0
    fixed_at: Time = 0
    dismissed_at: Time = 0
    resolved_at: Time = 0
    auto_dismissed_at: Time = 0
    secret_type: Text = ""
    secret_type_display_name: Text = ""
    security_advisory: Part[_Advisory] = _Advisory()
    dependency: Part[_Dependency] = _Dependency()
    affected_package_name: Text = ""
    external_identifier: Text = ""
    external_reference: Text = ""
    severity: Text = ""
    rule: Part[_Rule] = _Rule()

    @property
    def is_open(self) -> bool:
        """True while it fires."""
        return self.state == "open"


class _Payload(Payload, frozen=True):
    alert: SecurityAlert | None = None
    ref: Needed[str | None] = ""


def alert(sort: str, delivery: Delivery, source: SourceInfo) -> Event:
    """Make the event of an alert found or ended.

    Args:
        sort: the sort of alert, for its row: each sort has numbers of its own.
        delivery: its delivery.
        source: for which.

    Raises:
        Dropped: no news, or of a branch that does not count.
        InvalidEventError: as `make_event`.

    """
    said = decode(delivery.body, _Payload)
    found, action = said.alert, said.action or ""
    if found is None:
        raise Dropped("unexpected-shape", "no alert")
    if action not in _FIRING | _RESOLVED:
        raise Dropped("alert-not-news", action)
    place = said.place(source, delivery.received)
    if said.ref:
        # What a pull request would bring is not in the product yet.
        if not said.ref.startswith(HEADS):
            raise Dropped("not-a-branch", said.ref)
        place.check_branch(short_ref(said.ref))
    return alerted(sort, found, action, place, said.sender)


def alerted(sort: str, found: SecurityAlert, action: str, place: Place, sender: User) -> Event:
    """Make the event of a step of an alert.

    Args:
        sort: the sort of alert.
        found: the alert.
        action: the step, in the webhook's word.
        place: the repository's.
        sender: the account that did it.

    Raises:
        InvalidEventError: as `make_event`.

    """
    firing = action in _FIRING
    ends = (found.fixed_at, found.dismissed_at, found.resolved_at, found.auto_dismissed_at)
    ended = next((at for at in ends if at), 0)
    begun = found.created_at if action in ("created", "create") else 0
    at = (begun if firing else ended) or found.updated_at or found.created_at
    number = found.number or found.id
    secret = first(found.secret_type_display_name, found.secret_type)
    package = first(found.dependency.package.name, found.affected_package_name)
    made = Alert(
        identity=f"{sort}/{number}",
        state="firing" if firing else "resolved",
        name=first(
            f"secret in the code: {secret}" if secret else "",
            found.security_advisory.summary,
            found.rule.description,
            found.rule.id,
            f"{package}: {first(found.external_identifier, 'vulnerable')}" if package else "",
            f"{sort} alert {number}",
        ),
        severity=_severity(
            "critical" if secret else "",
            found.rule.security_severity_level,
            found.security_advisory.severity,
            found.severity,
            found.rule.severity,
        ),
        number=number,
        # Asked, GitHub says the time of a step, and not its word.
        once=str(at // 1000) if at else action,
        changed=at,
        actor=sender.login,
        reason=package if found.security_advisory.summary else "",
        url=found.html_url or found.external_reference,
    )
    return alert_event(made, place)


def _severity(*words: str) -> str:
    word = first(*words).lower()
    return _SEVERITIES.get(word, word)
