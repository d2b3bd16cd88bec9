"""Claims and notes: somebody is on a thing that is broken, or says a line about it."""

from __future__ import annotations

import secrets
from collections.abc import Collection

from devstream_desktop.control.errors import ControlError
from devstream_desktop.control.messages.stream import Claim, Note, Release, Saw
from devstream_desktop.history.reader import Reader
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.fact import NOTE, SEEN
from devstream_desktop.stream.subject import Tone
from devstream_desktop.stream.text import clean
from devstream_desktop.stream.thing import Thing
from devstream_desktop.stream.widening import ENOUGH, is_critical
from devstream_desktop.stream.words import Kind, outcome

_NAMED = 12
"""People who are named to choose from."""


def make_claim(
    reader: Reader, request: Claim | Release, person: str, now: int
) -> tuple[Event, str]:
    """Make a claim's event, or its end's, and the answering sentence.

    `now` is UTC milliseconds. The event names the thing as its last line does, so that it belongs
    to it on every node.

    Raises:
        ControlError: there is no such line, the thing is over, or it is not that person's claim.
    """
    thing = _thing(reader, request.entry)
    event = thing.line.event
    name = event.title or event.subject
    releases = isinstance(request, Release)
    if releases and thing.claimed_by != person:
        who = f"{thing.claimed_by} is on it" if thing.claimed_by else "nobody is on it"
        raise ControlError(f"you are not on {name}: {who}")
    if not releases and thing.tone is not Tone.OPEN:
        word = outcome(event.kind, event.state)
        raise ControlError(f"{name} is {word}, so there is nothing to claim; see devstream red")
    state = "released" if releases else "claimed"
    claim = _about(thing, state, person, now, request.note)
    return claim, f"{person} {'let go of' if releases else 'is on'} {name}"


def make_note(
    reader: Reader, request: Note, person: str, people: Collection[str], now: int
) -> tuple[Event, str]:
    """Make a note's event, and the answering sentence; `people` are those of the team.

    Raises:
        ControlError: there is no such line, nothing is said, or nobody is called so.
    """
    thing = _thing(reader, request.entry)
    name = thing.line.event.title or thing.line.event.subject
    to = request.to.strip()
    if to and to not in people:
        known = ", ".join(sorted(people)[:_NAMED])
        raise ControlError(f"nobody in the team is called {clean(to, 60)!r}; there are {known}")
    if not clean(request.note):
        raise ControlError("a note needs a line of text")
    # Whoever knows no notes takes it for this, which is so already.
    state = "claimed" if thing.claimed_by == person else "released"
    note = _about(thing, state, person, now, request.note, action=NOTE, about=to)
    asked = f", for {to} to take over" if to else ""
    return note, f"everybody can read it beside {name}{asked}"


def make_sighting(reader: Reader, request: Saw, person: str, now: int) -> Event | None:
    """Make the event that somebody saw a critical thing; None where it would say nothing new.

    Raises:
        ControlError: there is no such line.
    """
    thing = _thing(reader, request.entry)
    known = person in thing.seen_by or len(thing.seen_by) >= ENOUGH
    if known or not is_critical(thing):
        return None
    state = "claimed" if thing.claimed_by == person else "released"
    return _about(thing, state, person, now, "", action=SEEN, quiet=True)


def _about(
    thing: Thing,
    state: str,
    person: str,
    now: int,
    note: str,
    *,
    action: str = "",
    about: str = "",
    quiet: bool = False,
) -> Event:
    event = thing.line.event
    return make_event(
        kind=Kind.CLAIM,
        state=state,
        service=event.service,
        environment=event.environment,
        subject=event.subject,
        scope=event.scope,
        key=fact_key("claim", Kind.CLAIM, person, str(now), secrets.token_hex(4)),
        time=now,
        actor=person,
        title=event.title,
        reason=note,
        url=event.url,
        number=event.number,
        action=action,
        about=about,
        quiet=quiet,
    )


def _thing(reader: Reader, entry: str) -> Thing:
    lines = reader.find(entry)
    if len(lines) != 1:
        what = "more than one line" if lines else "no line"
        raise ControlError(f"{what} has the id {entry[:64]!r}; see devstream red --json")
    thing = reader.thing(lines[0].event)
    if thing is None:
        raise ControlError(f"{lines[0].event.subject} is nothing to claim or to write a note on")
    return thing
