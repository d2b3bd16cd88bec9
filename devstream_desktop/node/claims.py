"""Claims: somebody says to be on a thing that is broken, or on a ticket."""

from __future__ import annotations

import secrets

from devstream_desktop.control.errors import ControlError
from devstream_desktop.control.messages.stream import Claim, Release
from devstream_desktop.history.reader import Reader
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.subject import Tone
from devstream_desktop.stream.thing import Thing
from devstream_desktop.stream.words import Kind, outcome


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
    claim = make_event(
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
        reason=request.note,
        url=event.url,
        number=event.number,
    )
    return claim, f"{person} {'let go of' if releases else 'is on'} {name}"


def _thing(reader: Reader, entry: str) -> Thing:
    lines = reader.find(entry)
    if len(lines) != 1:
        what = "more than one line" if lines else "no line"
        raise ControlError(f"{what} has the id {entry[:64]!r}; see devstream red --json")
    thing = reader.thing(lines[0].event)
    if thing is None:
        raise ControlError(f"{lines[0].event.subject} has no state that could be claimed")
    return thing
