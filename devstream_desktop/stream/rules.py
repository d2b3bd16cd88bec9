"""Rules of attention: an ordered list; the first that fits a line says how loud it is.

A rule has conditions, all of which must hold; one that has none holds for every line. What no
rule speaks of is quiet.
"""

from __future__ import annotations

from datetime import datetime, time
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Literal

import msgspec

from devstream_desktop.language import N_, _
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.subject import BACKLOG, Line
from devstream_desktop.stream.text import clean, short_ref
from devstream_desktop.stream.words import Kind, Severity, Transition, outcome


class Attention(StrEnum):
    """Effect of a line on a person's screen."""

    POPUP = "popup"
    DIGEST = "digest"
    QUIET = "quiet"


_NAMES = N_("a list of names, in which * stands for anything")
Names = Annotated[tuple[str, ...], msgspec.Meta(description=_NAMES)]
HOURS = r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$"
"""Hours of the wall clock, `08:00-18:30`."""
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_Day = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
SeverityWord = Literal["info", "notice", "warning", "error", "critical"]


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule. Its conditions are those that are set."""

    name: Annotated[
        str, msgspec.Meta(min_length=1, max_length=80, description=N_("1 to 80 letters"))
    ]
    """Told as the reason: `rule "Production"`."""
    then: Annotated[Attention, msgspec.Meta(description=N_("popup, digest or quiet"))]
    urgent: bool = False
    """The popup stays until it is closed, and no digest takes it."""
    kind: Annotated[tuple[Kind, ...], msgspec.Meta(description=N_("a list of kinds"))] = ()
    state: Names = ()
    """Words of the screen: `failed`, `fixed`, `firing again`."""
    service: Names = ()
    environment: Names = ()
    branch: Names = ()
    actor: Names = ()
    severity: Annotated[
        SeverityWord | None,
        msgspec.Meta(
            description=N_("info, notice, warning, error or critical: the least that counts")
        ),
    ] = None
    mine: bool | None = None
    """True: only what the desk's person did; false: only what others did."""
    hours: Annotated[
        Annotated[str, msgspec.Meta(pattern=HOURS)] | None,
        msgspec.Meta(description=N_("hours of this machine's clock, such as 08:00-18:30")),
    ] = None
    """From the first minute up to the second; over midnight where the end is the earlier."""
    days: Annotated[tuple[_Day, ...], msgspec.Meta(description=N_("a list of Mon to Sun"))] = ()

    def fits(self, line: Line, names: frozenset[str], at: datetime) -> bool:
        """Tell whether every condition holds.

        Args:
            line: What happened.
            names: All names of the desk's person, folded.
            at: The moment of the decision, in local time.

        """
        event = line.event
        return (
            (not self.kind or event.kind in self.kind)
            and _named(self.state, outcome(event.kind, event.state, line.transition), event.state)
            and _named(self.service, event.service)
            and _named(self.environment, event.environment)
            and _named(self.branch, short_ref(event.ref))
            and _named(self.actor, event.actor)
            and (self.severity is None or event.severity >= Severity[self.severity.upper()])
            and (self.mine is None or self.mine == is_mine(event, names))
            and (not self.days or DAYS[at.weekday()] in self.days)
            and (self.hours is None or _within(self.hours, at.time()))
        )


def is_mine(event: Event, names: frozenset[str]) -> bool:
    """Tell whether somebody of these names (folded) did it."""
    return bool(event.actor) and event.actor.casefold() in names


def first(rules: tuple[Rule, ...], line: Line, names: frozenset[str], at: datetime) -> Rule | None:
    """Return the rule that decides about a line; None where no rule speaks of it."""
    return next((rule for rule in rules if rule.fits(line, names, at)), None)


def _named(patterns: tuple[str, ...], *names: str) -> bool:
    if not patterns:
        return True
    folded = [clean(name).casefold() for name in names if name]
    return any(fnmatchcase(name, pattern.casefold()) for pattern in patterns for name in folded)


def _within(hours: str, at: time) -> bool:
    begin, end = (time.fromisoformat(part) for part in hours.split("-"))
    if begin <= end:
        return begin <= at < end
    return at >= begin or at < end


_RUNS = (Kind.BUILD, Kind.TEST)

DEFAULT: tuple[Rule, ...] = (
    Rule(
        name=N_("Critical, as long as it lasts"),
        then=Attention.POPUP,
        urgent=True,
        severity="critical",
        kind=(Kind.INCIDENT, Kind.DEPLOY),
        state=("firing", "firing again", "deploy failed", "deploy errored", "unknown"),
    ),
    Rule(
        name=N_("Alerts and their end"),
        then=Attention.POPUP,
        kind=(Kind.INCIDENT,),
    ),
    Rule(
        name=N_("Builds and tests that break or are fixed"),
        then=Attention.POPUP,
        kind=_RUNS,
        state=("failed", "errored", "fixed"),
    ),
    Rule(
        name=N_("Deploys, their start and end"),
        then=Attention.POPUP,
        kind=(Kind.DEPLOY,),
        state=("deploying", "deployed", "deploy failed", "deploy errored", "unknown"),
    ),
    Rule(
        name=N_("Deploys that wait for approval, and locks"),
        then=Attention.POPUP,
        kind=(Kind.DEPLOY,),
        state=("waiting", "locked", "unlocked"),
    ),
    Rule(
        name=N_("New tickets"),
        then=Attention.POPUP,
        kind=(Kind.TICKET,),
        state=("opened", "reopened"),
    ),
    Rule(
        name=N_("Somebody is on it"),
        then=Attention.POPUP,
        kind=(Kind.CLAIM,),
    ),
    Rule(
        name=N_("Sources that fall silent or are back"),
        then=Attention.POPUP,
        kind=(Kind.SOURCE,),
    ),
    Rule(
        name=N_("Changes of the team"),
        then=Attention.POPUP,
        kind=(Kind.TEAM,),
        state=("joined", "revoked", "rejected", "policy", "asked", "left"),
    ),
    Rule(
        name=N_("Commits, which are many"),
        then=Attention.QUIET,
        kind=(Kind.CHANGE,),
    ),
)
"""The rules of a desk whose person wrote none."""

_TITLES = frozenset(rule.name for rule in DEFAULT)


def rule_title(name: str) -> str:
    """Say a rule's name in the desk's language; a name that a person gave stays."""
    return _(name) if name in _TITLES else name


REPEATS: frozenset[Kind] = frozenset({Kind.BUILD, Kind.TEST, Kind.INCIDENT, Kind.SOURCE})
"""Kinds in which only a change of state is news."""


def is_repeat(line: Line) -> bool:
    """Tell whether a line only repeats what its subject was before.

    The end of a source's token is no repeat, nor what it has after a while in which it was not
    read, though the source stays active.
    """
    event = line.event
    if event.kind is Kind.SOURCE and (event.expires or event.subject.endswith(BACKLOG)):
        return False
    return event.kind in REPEATS and line.transition in (
        Transition.NONE,
        Transition.STILL_FAILING,
    )
