"""The words of the stream: kinds, states, severities, transitions and roles.

Use these and no others.

Build and test states follow the OpenTelemetry CI/CD conventions, deploy states GitHub's deployment
statuses, incident states Alertmanager's, severity numbers OpenTelemetry's log data model
(https://opentelemetry.io/docs/specs/otel/logs/data-model/).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from itertools import product
from types import MappingProxyType
from typing import NamedTuple


class Kind(StrEnum):
    """Kind of an event."""

    CHANGE = "change"
    BUILD = "build"
    TEST = "test"
    DEPLOY = "deploy"
    INCIDENT = "incident"
    TICKET = "ticket"
    DUTY = "duty"
    CLAIM = "claim"
    SOURCE = "source"
    TEAM = "team"


class Severity(IntEnum):
    """Severity; the numbers are OpenTelemetry's."""

    INFO = 9
    NOTICE = 10
    WARNING = 13
    ERROR = 17
    CRITICAL = 21

    @property
    def word(self) -> str:
        """The word a person reads and types."""
        return self.name.lower()


class Transition(StrEnum):
    """Meaning of a state after its subject's past."""

    NONE = ""
    NEW = "new"
    FAILED = "failed"
    STILL_FAILING = "still failing"
    FIXED = "fixed"
    REGRESSED = "regressed"
    OUTDATED = "outdated"
    """About older work than the subject's last word; it changes nothing."""


class Role(StrEnum):
    """Roles of the policy.

    Deployer, approver and break-glass are persons', the others devices'.
    """

    ADMIN = "admin"
    ISSUER = "issuer"
    COLLECTOR = "collector"
    EXECUTOR = "executor"
    DEPLOYER = "deployer"
    APPROVER = "approver"
    BREAK_GLASS = "break-glass"
    """May deploy outside the hours and without the approvals, with a reason."""


_RUN_STATES = ("queued", "running", "succeeded", "failed", "errored", "cancelled")

STATES: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {
        Kind.CHANGE: ("pushed", "merged", "force-pushed", "reset", "created", "deleted"),
        Kind.BUILD: _RUN_STATES,
        Kind.TEST: _RUN_STATES,
        Kind.DEPLOY: (
            "requested",
            "refused",
            "queued",
            "waiting",
            "in_progress",
            "success",
            "failure",
            "error",
            "cancelled",
            "inactive",
            "unknown",
            # An executor's answers to what is asked beside a deploy.
            "dry_run",
            "approved",
            "locked",
            "unlocked",
            "accepted",
        ),
        Kind.INCIDENT: ("firing", "resolved"),
        Kind.TICKET: ("opened", "reopened", "closed"),
        Kind.DUTY: ("on", "off"),
        Kind.CLAIM: ("claimed", "released"),
        Kind.SOURCE: ("silent", "active"),
        # `available` and `removed` are an executor's word on what it deploys; `asked` is an
        # issuer's on who waits to be let in, `issuing` where it lets people in and renews
        # certificates; `left` is a device's own; the others are the admin's.
        Kind.TEAM: (
            "joined",
            "revoked",
            "policy",
            "available",
            "removed",
            "asked",
            "rejected",
            "issuing",
            "left",
        ),
    }
)
"""The states each kind can be in."""

RED_STATES: frozenset[tuple[Kind, str]] = frozenset(
    {
        (Kind.BUILD, "failed"),
        (Kind.BUILD, "errored"),
        (Kind.TEST, "failed"),
        (Kind.TEST, "errored"),
        (Kind.DEPLOY, "failure"),
        (Kind.DEPLOY, "error"),
        (Kind.DEPLOY, "unknown"),
        (Kind.INCIDENT, "firing"),
        (Kind.SOURCE, "silent"),
    }
)
"""Something is broken now."""

GREEN_STATES: frozenset[tuple[Kind, str]] = frozenset(
    {
        (Kind.BUILD, "succeeded"),
        (Kind.TEST, "succeeded"),
        (Kind.DEPLOY, "success"),
        (Kind.INCIDENT, "resolved"),
        (Kind.SOURCE, "active"),
    }
)
"""Something works, or works again."""

DEPLOY_FINAL: frozenset[str] = frozenset(
    {
        "refused",
        "success",
        "failure",
        "error",
        "cancelled",
        "unknown",
        "dry_run",
        "approved",
        "locked",
        "unlocked",
        "accepted",
    }
)
"""A deploy in one of these will not change any more."""


def default_severity(kind: Kind, state: str, environment: str = "") -> Severity:
    """Choose the severity where the source gave none.

    A failed production deploy is critical, other reds are errors.
    """
    # Customers notice a broken production; elsewhere it can wait for the morning.
    if kind is Kind.DEPLOY and state in ("failure", "error", "unknown"):
        return (
            Severity.CRITICAL if environment.lower() in ("production", "prod") else Severity.ERROR
        )
    if (kind, state) in RED_STATES:
        return Severity.WARNING if kind is Kind.SOURCE else Severity.ERROR
    if (kind, state) in {
        (Kind.CHANGE, "force-pushed"),
        (Kind.CHANGE, "reset"),
        (Kind.DEPLOY, "refused"),
        (Kind.TEAM, "revoked"),
        (Kind.TEAM, "asked"),
    }:
        return Severity.WARNING
    if kind is Kind.TICKET and state in ("opened", "reopened"):
        return Severity.NOTICE
    # Somebody waits for a second person, or nobody can deploy.
    if kind is Kind.DEPLOY and state in ("waiting", "locked", "unlocked"):
        return Severity.NOTICE
    return Severity.INFO


_OUTCOMES: Mapping[tuple[Kind, str], str] = MappingProxyType(
    {
        (Kind.BUILD, "succeeded"): "passed",
        (Kind.TEST, "succeeded"): "passed",
        (Kind.DEPLOY, "success"): "deployed",
        (Kind.DEPLOY, "in_progress"): "deploying",
        (Kind.DEPLOY, "failure"): "deploy failed",
        (Kind.DEPLOY, "error"): "deploy errored",
        (Kind.DEPLOY, "dry_run"): "dry run passed",
        (Kind.SOURCE, "active"): "back",
    }
)


def outcome(kind: Kind, state: str, change: Transition = Transition.NONE) -> str:
    """Say a state in the one word that every screen has.

    `change` is its meaning after the subject's past; without one it is the state alone.
    """
    if kind in (Kind.BUILD, Kind.TEST):
        if change is Transition.FIXED:
            return "fixed"
        if change is Transition.STILL_FAILING:
            return "still failing"
    if kind is Kind.INCIDENT and change is Transition.REGRESSED:
        return "firing again"
    return _OUTCOMES.get((kind, state), state.replace("_", " "))


OUTCOMES = frozenset(
    outcome(kind, state, change)
    for kind, states in STATES.items()
    for state in states
    for change in Transition
)
"""Every word of `outcome`."""


def lateness(kind: Kind) -> str:
    """Say of an outdated line that it is."""
    return "for an older commit" if kind in (Kind.BUILD, Kind.TEST) else "reported late"


class Meaning(NamedTuple):
    """A transition in the kinds whose lines say it by one word."""

    change: Transition
    kinds: tuple[Kind, ...]


def _meanings() -> dict[str, Meaning]:
    said: dict[tuple[str, Transition], dict[Kind, None]] = {}
    for kind, states in STATES.items():
        said.setdefault((lateness(kind), Transition.OUTDATED), {})[kind] = None
        for state, change in product(states, Transition):
            word = outcome(kind, state, change)
            # Where the state says as much, it is found by that.
            if word != outcome(kind, state):
                said.setdefault((word, change), {})[kind] = None
    return {word: Meaning(change, tuple(kinds)) for (word, change), kinds in said.items()}


MEANINGS: Mapping[str, Meaning] = MappingProxyType(_meanings())
"""Words that lines show for a transition: `fixed`, `firing again`. A ticket only is closed."""
