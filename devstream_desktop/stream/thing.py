"""Answers about things: their state now, what runs where, what waits, what led where.

The read forms that screens, commands and scripts share; `history.reader` makes them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum

import msgspec

from devstream_desktop.stream.subject import Line, Tone
from devstream_desktop.stream.words import Kind, Severity

MOST_CHANGES = 99
"""Changes that are counted as waiting."""


MOST_NEWS = 50
"""Lines of each part of a hand-over."""


def counted_news(count: int) -> str:
    """Return a number of lines of a hand-over; of the most there may be more."""
    return f"{count}+" if count >= MOST_NEWS else str(count)


def counted_changes(count: int) -> str:
    """Return a number of changes that wait; the highest that is counted stands for more."""
    return f"{count}+" if count >= MOST_CHANGES else str(count)


class Thing(msgspec.Struct, frozen=True):
    """State of a thing, by the lines that say so."""

    id: int
    """Number of the thing in this history."""
    tone: Tone
    line: Line
    """The line that says its state; of a first run under way that run."""
    since: Line
    """The first line of the unbroken past in which it is so."""
    moving: Line | None = None
    """The newest run that is under way."""
    claim: Line | None = None
    """The claim that holds. It ends when the thing is over."""
    suspect: Line | None = None
    """The last deploy there before it broke."""
    seen_by: tuple[str, ...] = ()
    """People on duty who had it on screen, in order; at least these."""

    @property
    def kind(self) -> Kind:
        return self.line.event.kind

    @property
    def service(self) -> str:
        return self.line.event.service

    @property
    def environment(self) -> str:
        return self.line.event.environment

    @property
    def state(self) -> str:
        return self.line.event.state

    @property
    def severity(self) -> Severity:
        return self.line.event.severity

    @property
    def red(self) -> bool:
        """It is broken now."""
        return self.tone is Tone.OPEN and self.kind is not Kind.TICKET

    @property
    def since_ms(self) -> int:
        """The time since when it is so, UTC milliseconds."""
        return self.since.event.time

    @property
    def claimed_by(self) -> str:
        """The person who is on it; empty for nobody."""
        return self.claim.event.actor if self.claim else ""

    @property
    def claimed_at(self) -> int:
        """The time of the claim, UTC milliseconds; 0 for none."""
        return self.claim.event.time if self.claim else 0

    def is_mine(self, names: Collection[str]) -> bool:
        """Tell whether one of these case-folded names broke or claimed it."""
        return bool({self.line.event.actor.casefold(), self.claimed_by.casefold()} & set(names))


class Running(msgspec.Struct, frozen=True):
    """The deploy that runs for a service in an environment."""

    deploy: Line
    """The last deploy there that succeeded."""

    @property
    def service(self) -> str:
        return self.deploy.event.service

    @property
    def environment(self) -> str:
        return self.deploy.event.environment

    @property
    def revision(self) -> str:
        return self.deploy.event.revision

    @property
    def by(self) -> str:
        return self.deploy.event.actor

    @property
    def since_ms(self) -> int:
        return self.deploy.event.time


class Waiting(msgspec.Struct, frozen=True):
    """Changes that wait for an environment, oldest first."""

    service: str
    environment: str
    changes: tuple[Line, ...]
    more: bool = False
    """There are more than were asked for."""
    count: int = 0
    """All of them, at most 99."""

    @property
    def commits(self) -> int:
        """Commits of these changes; one that says no number is one."""
        return sum(line.event.count or 1 for line in self.changes)


class Cell(msgspec.Struct, frozen=True):
    """A service in an environment."""

    service: str
    environment: str
    """Its one name, such as `production`, however a source writes it."""
    running: Running | None = None
    deploy: Thing | None = None
    """State of the deploys there: red when the last one failed, and what is under way."""
    test: Line | None = None
    """The last test, else build, of what runs there."""
    red: tuple[Thing, ...] = ()
    """Open incidents there, the worst first."""
    lock: Line | None = None
    waiting: int = 0
    """Changes that wait, at most 99."""
    mine: int = 0
    """Changes among them that are mine."""


class Board(msgspec.Struct, frozen=True):
    """Services by environments; a place that nothing is known of has no cell."""

    services: tuple[str, ...]
    environments: tuple[str, ...]
    """Production last, as the way to it goes."""
    cells: Mapping[tuple[str, str], Cell]


class Suspect(msgspec.Struct, frozen=True):
    """A deploy that came before an incident, and what it brought."""

    deploy: Line
    changes: tuple[Line, ...] = ()
    """The changes between what ran before and it, newest first."""


class Trail(msgspec.Struct, frozen=True):
    """Everything that is known of a commit, each oldest first."""

    revision: str
    """As whole as it is known."""
    changes: tuple[Line, ...] = ()
    checks: tuple[Line, ...] = ()
    """Its builds and tests."""
    deploys: tuple[Line, ...] = ()
    """Its deploys, and the first of a later commit to each place."""
    incidents: tuple[Line, ...] = ()
    """Incidents that began where it ran, before the next deploy there."""


class Presence(StrEnum):
    """Answer to whether a commit is out."""

    RUNS = "runs"
    INCLUDED = "included"
    """A later commit runs there, which has it."""
    WAITS = "waits"
    UNKNOWN = "unknown"
    """The commit that runs there is none of this branch's known ones."""


class Place(msgspec.Struct, frozen=True):
    """An environment of a commit's service, and whether the commit is there."""

    service: str
    environment: str
    presence: Presence
    running: Running
    brought: Line | None = None
    """The deploy that brought it there."""


class HandOver(msgspec.Struct, frozen=True):
    """News for whoever comes on duty, since a moment (UTC milliseconds)."""

    since_ms: int
    red: tuple[Thing, ...] = ()
    """Everything that is broken now, however long."""
    shipped: tuple[Line, ...] = ()
    """Deploys that succeeded since, newest first; so are the others."""
    failed: tuple[Line, ...] = ()
    fixed: tuple[Line, ...] = ()
    """Results that mended something."""
    tickets: tuple[Line, ...] = ()
    """Tickets opened since that are open."""
    locks: tuple[Line, ...] = ()
    silent: tuple[Thing, ...] = ()
    """Sources that are silent now: what they would tell is a gap."""
    waiting: tuple[Waiting, ...] = ()
    """Changes that wait, where some do."""
    gaps: tuple[Line, ...] = ()
    """Notices of sources that not all was read."""

    @property
    def unclaimed(self) -> tuple[Thing, ...]:
        return tuple(thing for thing in self.red if thing.claim is None)

    @property
    def claimed(self) -> tuple[Thing, ...]:
        return tuple(thing for thing in self.red if thing.claim is not None)
