"""Things on the terminal, and how one is named."""

from __future__ import annotations

import time

from devstream_desktop.cli.output import RED, YELLOW, coloured
from devstream_desktop.errors import DevstreamError
from devstream_desktop.history.reader import Reader
from devstream_desktop.stream.line import told
from devstream_desktop.stream.text import clean, roughly, short_revision
from devstream_desktop.stream.thing import Thing

ID_DIGITS = 8
"""Digits of a line's id that are shown. They suffice to name it."""
NAMING = "the id of a line, or words that only one open thing has"
_MOST = 5_000
"""Red things compared with the words, and as many open tickets."""


class UnknownThingError(DevstreamError):
    """Nothing, or more than one thing, is named so."""


def print_thing(thing: Thing) -> None:
    """Print an open thing in one line: what, since when, who is on it, and what came before."""
    now = int(time.time() * 1000)
    mark = coloured("✗", RED) if thing.red else coloured("!", YELLOW)
    parts = [f"since {roughly(now - thing.since_ms)}"]
    parts.append(f"{thing.claimed_by} is on it" if thing.claim else "unclaimed")
    if thing.seen_by:
        parts.append(f"seen by {', '.join(thing.seen_by)}")
    if thing.suspect is not None:
        deploy = thing.suspect.event
        before = roughly(thing.since_ms - deploy.time)
        what = short_revision(deploy.revision) or "a deploy"
        parts.append(f"{what} was deployed by {deploy.actor or 'somebody'} {before} before")
    said = clean("; ".join(parts), 200)
    print(mark, thing.line.entry[:ID_DIGITS], told(thing.line), f"({said})", flush=True)


def named(reader: Reader, words: list[str]) -> Thing:
    """Return the thing of this id, or the one with these words.

    Raises:
        UnknownThingError: there is none, or more than one, or too many to compare them all.
    """
    # As when a script's variable is empty: nothing is named, though every thing has "".
    words = [word for word in words if word.strip()]
    if not words:
        raise UnknownThingError(f"no thing is named; give {NAMING}")
    lines = reader.find(words[0]) if len(words) == 1 else []
    found = [thing for line in lines if (thing := reader.thing(line.event)) is not None]
    unread = False
    if not found:
        wanted = [word.casefold() for word in words]
        # One more than is compared tells that there are more.
        red, tickets = reader.red_now(limit=_MOST + 1), reader.open_tickets(limit=_MOST + 1)
        unread = max(len(red), len(tickets)) > _MOST
        every = [*red[:_MOST], *tickets[:_MOST]]
        found = [one for one in every if all(word in _text(one) for word in wanted)]
    if len(found) == 1 and not unread:
        return found[0]
    asked = clean(" ".join(words), 80)
    # The others may have these words too.
    if unread and len(found) < 2:
        raise UnknownThingError(
            f"more than {_MOST} things are open, too many to tell which one {asked!r} is; name it"
            " by its id: devstream search --json is:open"
        )
    if not found:
        raise UnknownThingError(f"nothing that is open is called {asked!r}; see devstream red")
    ids = ", ".join(one.line.entry[:ID_DIGITS] for one in found[:5])
    raise UnknownThingError(
        f"{len(found)} open things are called {asked!r}; name one by its id: {ids}"
    )


def _text(thing: Thing) -> str:
    event = thing.line.event
    return f"{told(thing.line)} {event.environment} {event.subject} {event.number}".casefold()
