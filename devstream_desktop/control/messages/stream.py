"""The stream itself: what is new in it, and what a person adds to it."""

from __future__ import annotations

from devstream_desktop.control.messages.base import Done, Reply, Request


class News(Reply, frozen=True, tag=True, kw_only=True):
    """Answer: the newest row's arrival number, and the status's revision.

    That changes whenever `Status`, `Targets` or `Members` may have.
    """

    newest: int
    status: int


class Wait(Request[News], frozen=True, tag=True, kw_only=True):
    """Wait for news: another `status`, or a row newer than `newest`.

    Answered with `News` at the latest after `wait_ms`.
    """

    newest: int
    status: int
    wait_ms: int = 25_000


class Emit(Request[Done], frozen=True, tag=True, kw_only=True):
    """Publish an event by the options of `devstream emit`.

    Answered with `Done` (the event's key) once durable.
    """

    kind: str
    state: str
    service: str
    environment: str = ""
    ref: str = ""
    revision: str = ""
    actor: str = ""
    title: str = ""
    url: str = ""
    severity: str = ""
    subject: str = ""
    previous: str = ""
    """The commit that the branch was at before."""
    count: int = 0
    """Commits of a push, failed tests of a run; 0 when nobody says."""
    key: str = ""
    """The script's own name of this happening; without one the state before tells repeats apart."""
    quiet: bool = False
    """Store it without a popup: history that is filled in."""
    time: int = 0
    """Time of the happening by this machine's clock, UTC milliseconds; 0 for now."""


class SetDuty(Request[Done], frozen=True, tag=True, kw_only=True):
    """Go on or off duty; answered with `Done`."""

    on: bool


class Claim(Request[Done], frozen=True, tag=True, kw_only=True):
    """Say that one is on an open thing; answered with `Done`.

    It ends by itself when the thing is over.
    """

    entry: str
    """Id of the entry of any line of the thing (`Line.entry`)."""
    note: str = ""
    """One line for the others."""


class Note(Request[Done], frozen=True, tag=True, kw_only=True):
    """Say one line about a thing, to everybody; answered with `Done`."""

    entry: str
    """Id of the entry of any line of the thing (`Line.entry`)."""
    note: str
    to: str = ""
    """The person who is asked to take over; empty for nobody."""


class Saw(Request[Done], frozen=True, tag=True, kw_only=True):
    """Say that one, on duty, had a critical thing on screen; answered with `Done`.

    Nothing is published where it is known already, or enough others have seen it.
    """

    entry: str


class Release(Request[Done], frozen=True, tag=True, kw_only=True):
    """Say that one is on it no more; answered with `Done`."""

    entry: str
    note: str = ""
