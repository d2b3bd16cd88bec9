"""Board of the present: duty, offers, joins, deploys.

It is filled from the history and kept up by news.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from devstream_desktop.address import problem
from devstream_desktop.control.messages.deploys import Offer, Plan
from devstream_desktop.deploy.request import is_sha
from devstream_desktop.errors import DevstreamError
from devstream_desktop.history.reader import Reader
from devstream_desktop.stream.entry import public_key
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.line import render
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.search_text import HEX_INDEXED
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.text import clean, short_ref
from devstream_desktop.stream.words import Kind, Transition
from devstream_desktop.team import MACHINE_LENGTH, changes

_LOOK_BACK = 2_000
_NOTED = ("available", "removed", "asked", "rejected", "issuing", "left")
"""States of a team's words that the board is made of."""
_PLAN_CHANGES = 20
_BUSY_MS = 6 * 3_600_000
"""A deploy that takes longer than this counts as ended."""
_OWED_MS = 2 * 86_400_000
"""A request older than this is owed no answer."""
_OWED_EACH = 20
"""As many as an executor answers one device at once (executor.py: ALLOWED_BURST)."""
_MOST_PAGES = 100
"""Of `_LOOK_BACK` rows: more requests than that in two days are a flood of many devices."""


@dataclass(frozen=True)
class Ask:
    """A device that came with an invite and waits for approval."""

    device: str
    person: str
    at: int
    expires: int
    machine: str = ""
    another: bool = False
    """A further device of a person whom the team knows."""
    replaces: str = ""
    """The device of that person whose place it takes."""

    @property
    def newcomer(self) -> changes.Newcomer:
        """The device as an admin takes it in."""
        return changes.Newcomer(
            device=self.device,
            person=self.person,
            machine=self.machine,
            another=self.another,
            replaces=self.replaces,
        )


def said_where(addresses: Sequence[str]) -> tuple[str, ...]:
    """Return as many addresses as an issuer's word in the stream holds."""
    first, others = tuple(addresses[:1]), list(addresses[1:])
    while others and clean(" ".join(others)) != " ".join(others):
        others.pop()
    return (*first, *others)


@dataclass
class Board:
    """The present, as far as this node knows it."""

    duty: dict[str, tuple[int, bool]] = field(default_factory=dict)
    """Person: when they last said so, and whether they are on duty."""
    offers: dict[tuple[str, str], Offer] = field(default_factory=dict)
    asks: dict[str, Ask] = field(default_factory=dict)
    """By device. Who was let in is not taken out: the policy says who is in."""
    rejected: dict[str, int] = field(default_factory=dict)
    """Devices that were turned away, and when."""
    doors: dict[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    """Issuers' devices: when they last said where they are met, and where (HOST:PORT)."""
    left: set[str] = field(default_factory=set)
    """Devices that went by their own will. The policy says whether they are out by now."""
    _gone: dict[tuple[str, str, str], int] = field(default_factory=dict)
    """Time at which each executor last took a target back."""

    def fill(self, reader: Reader) -> None:
        """Read the present from the history; blocks for some milliseconds."""
        # Each state by itself: no number of words that many may say hides those of few.
        asked = [Query(kind=Kind.DUTY), *(Query(kind=Kind.TEAM, state=one) for one in _NOTED)]
        lines = [line for query in asked for line in believed(reader, query, _LOOK_BACK)]
        self.note(line.event for line in sorted(lines, key=lambda line: line.id))

    def note(self, events: Iterable[Event]) -> bool:
        """Take in news; True when the present changed."""
        changed = False
        for event in events:
            if event.kind is Kind.DUTY and event.actor:
                known = self.duty.get(event.actor)
                # Facts arrive in any order; a person's latest word holds.
                if known is None or event.time >= known[0]:
                    self.duty[event.actor] = (event.time, event.state == "on")
                    changed = True
            elif event.kind is Kind.TEAM and event.state in ("available", "removed"):
                changed |= self._note_offer(event)
            elif event.kind in (Kind.DEPLOY, Kind.TEAM):
                self._note_team(event)
                changed = True
        return changed

    def waiting(self, now: int) -> tuple[Ask, ...]:
        """List the devices that wait to be let in, the latest first.

        Those that are in by now are among them.
        """
        asks = [
            ask
            for ask in self.asks.values()
            if ask.at > self.rejected.get(ask.device, 0) and ask.expires > now
        ]
        return tuple(sorted(asks, key=lambda ask: ask.at, reverse=True))

    def _note_team(self, event: Event) -> None:
        device = event.subject.removeprefix("member/")
        if event.state == "asked":
            with suppress(
                ValueError
            ):  # who is no device cannot be let in, nor has a fingerprint to show
                public_key(device)
                self.asks[device] = Ask(
                    device,
                    event.actor,
                    event.time,
                    event.expires,
                    machine=clean(event.title, MACHINE_LENGTH),
                    another=event.count > 1,
                    replaces=event.previous,
                )
        elif event.state == "left":
            self.left.add(device)
        elif event.state == "rejected":
            self.rejected[device] = max(event.time, self.rejected.get(device, 0))
        elif event.state == "issuing" and event.time >= self.doors.get(event.executor, (0, ()))[0]:
            where = (event.reason, *event.title.split())
            good = tuple(one for one in where if not problem(one))
            self.doors[event.executor] = (event.time, good)

    def _note_offer(self, event: Event) -> bool:
        place = (event.service, event.environment)
        known = self.offers.get(place)
        mine = (*place, event.executor)
        # An executor's older word does not undo its newer one.
        if event.time < max(known.at if known else 0, self._gone.get(mine, 0)):
            return False
        if event.state == "available":
            self.offers[place] = Offer(
                target=event.service,
                environment=event.environment,
                description=event.title,
                ref=event.ref,
                repository=event.reason,
                executor=event.executor,
                at=event.time,
            )
        else:
            self._gone[mine] = event.time
            if known is not None and known.executor == event.executor:
                del self.offers[place]
        return True


class UnknownCommitError(DevstreamError):
    """The history does not know the commit that was asked for; the message says what to do."""


def deployed(reader: Reader, target: str, environment: str) -> str:
    """Find the revision of the last successful deploy there.

    Empty when the history does not know.
    """
    # By its state, so that no number of requests by whoever likes can push it out of the page.
    succeeded = Query(kind=Kind.DEPLOY, state="success", environment=environment, service=target)
    return next((line.event.revision for line in believed(reader, succeeded, 20)), "")


def deploying(reader: Reader, target: str, environment: str, now: int) -> str:
    """Name the person who is deploying there right now; empty for nobody."""
    under_way = Query(
        kind=Kind.DEPLOY, state="in_progress", environment=environment, service=target
    )
    for line in believed(reader, under_way, 10):
        if now - line.received < _BUSY_MS:
            return line.event.actor
    return ""


def unanswered(reader: Reader, executor: str, now: int) -> list[tuple[Event, str]]:
    """List the unanswered requests of the last two days, oldest first.

    Each comes with its author's device. Of one device the newest few are owed an answer, so that
    whoever floods an executor hides nobody else's request.
    """
    owed: list[tuple[Event, str]] = []
    count: Counter[str] = Counter()
    before: int | None = None
    for _ in range(_MOST_PAGES):
        page = reader.page(
            Query(kind=Kind.DEPLOY, state="requested"), before=before, limit=_LOOK_BACK
        )
        for line in page:
            if now - line.received >= _OWED_MS:
                return owed[::-1]
            if (
                line.event.executor == executor
                and not line.struck
                and count[line.device] < _OWED_EACH
            ):
                count[line.device] += 1
                owed.append((line.event, line.device))
        if len(page) < _LOOK_BACK:
            break
        before = page[-1].id
    return owed[::-1]


def shipment(reader: Reader, target: str, environment: str, *, ref: str, sha: str) -> Plan:
    """Plan a deploy of `sha`, else of the newest commit of `ref`.

    Whether it is allowed is left open.

    Raises:
        UnknownCommitError: the history knows no such commit of this target.
    """
    ref = short_ref(ref)
    # A move that was told late is not where the branch is.
    told = [
        line for line in changes_of(reader, target) if line.transition is not Transition.OUTDATED
    ]
    told = [line for line in told if not ref or short_ref(line.event.ref) == ref]
    if ref and not sha and told and told[0].event.state == "deleted":
        raise UnknownCommitError(
            f"{ref} of {target} was deleted; name another branch with --ref, or a commit with --sha"
        )
    changes = [line for line in told if line.event.revision]
    # A whole hash may be of a commit that came by no source.
    start = next(
        (
            i
            for i, line in enumerate(changes)
            if not sha or line.event.revision.startswith(sha.lower())
        ),
        None,
    )
    if start is None and sha:
        changes = _older_changes(reader, target, ref, sha.lower())
        start = 0 if changes else None
    if start is None and not is_sha(sha.lower()):
        what = f"commit {sha}" if sha else f"commit on {ref}"
        raise UnknownCommitError(
            f"no {what} of {target} is known here; wait until it is in the stream, or give all"
            " its digits with --sha"
        )
    chosen = changes[start].event if start is not None else None
    current = deployed(reader, target, environment)
    between: list[str] = []
    for line in changes[start:] if start is not None else []:
        if line.event.revision == current or len(between) == _PLAN_CHANGES:
            break
        between.append(render(line.event, line.transition, service=False))
    full = chosen.revision if chosen else sha.lower()
    return Plan(
        target=target,
        environment=environment,
        sha=full,
        ref=ref or (short_ref(chosen.ref) if chosen else ""),
        title=chosen.title if chosen else "",
        current=current,
        changes=tuple(between),
        checks=tuple(_checks(reader, full)),
    )


def _older_changes(reader: Reader, target: str, ref: str, sha: str) -> list[Line]:
    """Return the changes from a named commit back, however old it is."""
    asked = Query(words=(sha[:HEX_INDEXED],), kind=Kind.CHANGE)
    for line in believed(reader, asked, 200):
        event = line.event
        named = target in (event.service, event.service.rsplit("/", 1)[-1])
        same = event.revision.startswith(sha) and (not ref or short_ref(event.ref) == ref)
        if named and same and line.transition is not Transition.OUTDATED:
            before = reader.page(
                Query(kind=Kind.CHANGE, service=event.service),
                before=line.id,
                limit=200,
                struck=False,
            )
            return [line, *(one for one in before if one.event.revision)]
    return []


def changes_of(reader: Reader, target: str) -> list[Line]:
    """Return the changes of the service a target is named after.

    That is `shop`, or a forge's `acme/shop`.
    """
    found = believed(reader, Query(kind=Kind.CHANGE, service=target), 200)
    if found:
        return found
    named = believed(reader, Query(words=(target,), kind=Kind.CHANGE), 200)
    return [line for line in named if line.event.service.rsplit("/", 1)[-1] == target]


def _checks(reader: Reader, sha: str) -> Iterable[str]:
    """Render what is known of a commit's builds and tests. Only collectors report these kinds."""
    found = [
        line
        for kind in (Kind.BUILD, Kind.TEST)
        for line in believed(reader, Query(words=(sha[:12],), kind=kind), 50)
    ]
    for line in sorted(found, key=lambda line: line.id, reverse=True):
        if line.event.revision == sha:
            yield render(line.event, line.transition, service=False)


def believed(reader: Reader, query: Query, limit: int) -> list[Line]:
    """List the newest rows that answer `query` and are not struck out.

    Nothing is shipped or shown as true by a row that is.
    """
    return reader.page(query, limit=limit, struck=False)
