"""The words of the stream: kinds, states, severities, transitions and roles.

Use these and no others. They are data, and stay English in files, databases and searches; those
that a screen shows are marked by `N_`, and the screen translates them.

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

from devstream_desktop.language import N_
from devstream_desktop.stream.environment import PRODUCTION, environment_name


class Kind(StrEnum):
    """Kind of an event."""

    CHANGE = N_("change")
    BUILD = N_("build")
    TEST = N_("test")
    DEPLOY = N_("deploy")
    INCIDENT = N_("incident")
    TICKET = N_("ticket")
    DUTY = N_("duty")
    CLAIM = N_("claim")
    SOURCE = N_("source")
    TEAM = N_("team")


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
        return _SEVERITIES[self]


_SEVERITIES: Mapping[Severity, str] = MappingProxyType(
    {
        Severity.INFO: N_("info"),
        Severity.NOTICE: N_("notice"),
        Severity.WARNING: N_("warning"),
        Severity.ERROR: N_("error"),
        Severity.CRITICAL: N_("critical"),
    }
)


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


_RUN_STATES = (
    N_("queued"),
    N_("running"),
    "succeeded",
    N_("failed"),
    N_("errored"),
    N_("cancelled"),
)

STATES: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {
        Kind.CHANGE: (
            N_("pushed"),
            N_("merged"),
            N_("force-pushed"),
            N_("reset"),
            N_("created"),
            N_("deleted"),
        ),
        Kind.BUILD: _RUN_STATES,
        Kind.TEST: _RUN_STATES,
        Kind.DEPLOY: (
            N_("requested"),
            N_("refused"),
            N_("queued"),
            N_("waiting"),
            "in_progress",
            "success",
            "failure",
            "error",
            N_("cancelled"),
            N_("inactive"),
            N_("unknown"),
            # An executor's answers to what is asked beside a deploy.
            "dry_run",
            N_("approved"),
            N_("locked"),
            N_("unlocked"),
            N_("accepted"),
        ),
        Kind.INCIDENT: (N_("firing"), N_("resolved")),
        Kind.TICKET: (N_("opened"), N_("reopened"), N_("closed")),
        Kind.DUTY: (N_("on"), N_("off")),
        Kind.CLAIM: (N_("claimed"), N_("released")),
        Kind.SOURCE: (N_("silent"), "active"),
        # `available` and `removed` are an executor's word on what it deploys; `asked` is an
        # issuer's on who waits to be let in, `issuing` where it lets people in and renews
        # certificates; `left` is a device's own; the others are the admin's.
        Kind.TEAM: (
            N_("joined"),
            N_("revoked"),
            N_("policy"),
            N_("available"),
            N_("removed"),
            N_("asked"),
            N_("rejected"),
            N_("issuing"),
            N_("left"),
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
        production = environment_name(environment) == PRODUCTION
        return Severity.CRITICAL if production else Severity.ERROR
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
        (Kind.BUILD, "succeeded"): N_("passed"),
        (Kind.TEST, "succeeded"): N_("passed"),
        (Kind.DEPLOY, "success"): N_("deployed"),
        (Kind.DEPLOY, "in_progress"): N_("deploying"),
        (Kind.DEPLOY, "failure"): N_("deploy failed"),
        (Kind.DEPLOY, "error"): N_("deploy errored"),
        (Kind.DEPLOY, "dry_run"): N_("dry run passed"),
        (Kind.SOURCE, "active"): N_("back"),
    }
)


def outcome(kind: Kind, state: str, change: Transition = Transition.NONE) -> str:
    """Say a state in the one word that every screen has.

    `change` is its meaning after the subject's past; without one it is the state alone.
    """
    if kind in (Kind.BUILD, Kind.TEST):
        if change is Transition.FIXED:
            return N_("fixed")
        if change is Transition.STILL_FAILING:
            return N_("still failing")
    if kind is Kind.INCIDENT and change is Transition.REGRESSED:
        return N_("firing again")
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
    if kind in (Kind.BUILD, Kind.TEST):
        return N_("for an older commit")
    return N_("reported late")


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

DISPLACED = "another took its place before it ended"
NO_RESULT = frozenset(
    {DISPLACED, "action required", "neutral", "not built", "not run", "skipped", "stale"}
)
"""Reasons of runs and deploys that ended without a result."""
