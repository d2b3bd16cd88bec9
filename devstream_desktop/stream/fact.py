"""A fact as a log tells it: who may tell it, which tellings are the same, and which row it goes on.

A key alone is no identity: every member reads the keys of others and can foresee new ones. So the
identity of a fact is the class of its author, its kind and its key; and where an author speaks for
itself (a member, an executor, an issuer) the device that signed it as well. Two collectors that saw
the same thing still tell one fact. The class follows from kind and state by the table below, which
every receiver enforces (team/policy/authors.py), so no look-up is needed to know it.
"""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache

import msgspec

from devstream_desktop.stream.blake2 import blake2b
from devstream_desktop.stream.entry import Entry, hlc_time
from devstream_desktop.stream.environment import environment_name
from devstream_desktop.stream.event import Event, fact_key
from devstream_desktop.stream.words import Kind

IDENTITY_VERSION = 5
"""Grows when `fact_id`, `run_of`, `topic_of` or `work_of` changes: rows are then made anew."""
FACT_BYTES = 16


class AuthorClass(StrEnum):
    """The classes of authors; the value is the word in a refusal."""

    MEMBER = "member"
    COLLECTOR = "collector"
    EXECUTOR = "executor"
    ISSUER = "issuer"
    ADMIN = "admin"


OWN_WORD = frozenset({AuthorClass.MEMBER, AuthorClass.EXECUTOR, AuthorClass.ISSUER})
"""Classes whose authors speak for themselves: no other device tells the same fact."""

NOTE = "note"
"""Act of a claim that only says something of its thing; its `about` is a person, if to one.

Its state repeats the author's own last word on the thing, for versions that know no notes.
"""
SEEN = "seen"
"""Act of a claim: its author had the thing on screen; its state as a note's."""
_BY_KIND = {
    Kind.CHANGE: AuthorClass.COLLECTOR,
    Kind.BUILD: AuthorClass.COLLECTOR,
    Kind.TEST: AuthorClass.COLLECTOR,
    Kind.INCIDENT: AuthorClass.COLLECTOR,
    Kind.TICKET: AuthorClass.COLLECTOR,
    Kind.SOURCE: AuthorClass.COLLECTOR,
    Kind.DUTY: AuthorClass.MEMBER,
    Kind.CLAIM: AuthorClass.MEMBER,
}
_ANSWERS = frozenset({"dry_run", "approved", "locked", "unlocked", "accepted"})
"""States of a deploy that nobody sees at a deploy tool: an executor alone holds a lock."""
_OBSERVED = frozenset({Kind.CHANGE, Kind.BUILD, Kind.TEST, Kind.DEPLOY, Kind.INCIDENT, Kind.TICKET})
"""Kinds of which others are told, in a scope."""
_TEAM = {
    "asked": AuthorClass.ISSUER,
    "issuing": AuthorClass.ISSUER,
    "joined": AuthorClass.ADMIN,
    "rejected": AuthorClass.ADMIN,
    "revoked": AuthorClass.ADMIN,
    "policy": AuthorClass.ADMIN,
    "available": AuthorClass.EXECUTOR,
    "removed": AuthorClass.EXECUTOR,
    "left": AuthorClass.MEMBER,
}


def author_class(kind: Kind, state: str, request: str = "") -> AuthorClass | None:
    """Return the class of authors that may say this; None when nobody may.

    `request` is the key of the deploy request that a deploy's state answers. Only the executor
    answers one; a deploy that answers none was seen at a deploy tool, by a collector.
    """
    return _author_class(kind, state, bool(request))


@lru_cache(maxsize=256)
def _author_class(kind: Kind, state: str, answers: bool) -> AuthorClass | None:
    # Asking, answering and watching a deploy are three different rights.
    if kind is Kind.DEPLOY:
        if state == "requested":
            return AuthorClass.MEMBER
        if state in _ANSWERS and not answers:
            return None
        return AuthorClass.EXECUTOR if answers else AuthorClass.COLLECTOR
    if kind is Kind.TEAM:
        return _TEAM.get(state)
    return _BY_KIND[kind]


def event_of(entry: Entry) -> Event:
    """Take an entry's event, at the latest at the entry's own stamp.

    A time of the far future would otherwise outrank every later word about the same thing.

    Raises:
        InvalidEventError: its payload is no event that this version understands.
    """
    event = entry.event
    stamped = hlc_time(entry.hlc)
    return msgspec.structs.replace(event, time=stamped) if event.time > stamped else event


def fact_id(event: Event, device: str) -> bytes:
    """Return the identity (16 bytes) of the fact that a device tells.

    Two tellings with the same identity are one row; the earlier one is shown.
    """
    author = author_class(event.kind, event.state, event.request)
    return identity(author, event.kind, event.key, device)


def identity(author: AuthorClass | None, kind: Kind, key: str, device: str) -> bytes:
    """Return the identity of a fact that a device tells."""
    # Two collectors that saw the same thing still tell one fact.
    teller = device if author in OWN_WORD else ""
    text = f"{author}\x1f{kind}\x1f{key}\x1f{teller}"
    return blake2b(text.encode(), digest_size=FACT_BYTES).digest()


def is_note(event: Event) -> bool:
    """Tell whether an event is a note, and no claim."""
    return event.kind is Kind.CLAIM and event.action == NOTE


def is_sighting(event: Event) -> bool:
    """Tell whether an event only says that somebody saw its thing."""
    return event.kind is Kind.CLAIM and event.action == SEEN


def shown_state(event: Event) -> str:
    """Return the state that an event is shown and found by."""
    if is_sighting(event):
        return SEEN
    return "noted" if is_note(event) else event.state


def run_of(event: Event) -> str:
    """Return the name of the row that an event goes on.

    A later event of the same run takes its place. The kind is part of it, because a claim is about
    a foreign subject. So is whoever may go on with it: the executor that a deploy is asked of, and
    the person whose duty or claim it is.
    """
    if event.kind is Kind.DEPLOY and event.request:
        number, by = event.request, event.executor
    elif author_class(event.kind, event.state) is AuthorClass.MEMBER:
        number, by = event.number, event.actor
    else:
        number, by = event.number, ""
    # Each stands by itself, and takes the place of no claim.
    if is_note(event) or is_sighting(event):
        number = event.key
    # It says something of the environment, and how the deploy ended stays to be seen.
    if event.kind is Kind.DEPLOY and event.state == "inactive":
        number = f"{number}\x1finactive"
    about = event.subject if event.kind is Kind.CLAIM else _scoped(event)
    return f"{event.kind}\x1f{about}\x1f{number}\x1f{by}"


def topic_of(event: Event) -> str:
    """Return the name of the thing that an event is about.

    It is the subject in its scope; there the service is no part of it, for two sources may call
    one repository by two names. All deploys of a service to an environment are about one thing:
    the next success mends the last failure. A claim is about the thing that it claims.
    """
    if event.kind is Kind.DEPLOY:
        return f"deploy/{event.service}/{environment_name(event.environment)}"
    return _claimed(event) if event.kind is Kind.CLAIM else _scoped(event)


def _scoped(event: Event) -> str:
    if not event.scope or not _is_observed(event):
        return event.subject
    return _in_scope(event, event.kind)


def _in_scope(event: Event, kind: str) -> str:
    named = f"{kind}/{event.service}/"
    return f"{kind}/{event.subject.removeprefix(named)}\x1f{event.scope}"


def _claimed(event: Event) -> str:
    """Name the thing of a claim. It has the claim's subject, service, environment and scope."""
    kind = event.subject.partition("/")[0]
    if kind == Kind.DEPLOY:
        return f"deploy/{event.service}/{environment_name(event.environment)}"
    return _in_scope(event, kind) if event.scope and kind in _OBSERVED else event.subject


def work_of(event: Event) -> int:
    """Return the place of what is told among its subject's work; 0: the order of telling decides.

    Newer news about older work does not win. Only collectors tell what others did.
    """
    return (event.order or event.time) if _is_observed(event) else 0


def _is_observed(event: Event) -> bool:
    author = author_class(event.kind, event.state, event.request)
    return author is AuthorClass.COLLECTOR and event.kind is not Kind.SOURCE


def request_key(event: Event, device: str) -> str:
    """Make the key of the deploy request in `event`, which `device` signs.

    It is a hash of everything that is asked and of the asking device, so that nobody can ask under
    the key of another's request and have that one taken for answered.
    """
    asked = (event.service, event.environment, event.ref, event.revision, event.executor)
    said = (event.actor, event.title, event.reason, str(event.time), str(event.expires))
    more: tuple[str, ...] = (event.action, event.about, event.parameters, event.previous)
    # What an older executor does not know must give it another key: it then refuses the request.
    if any(more) or event.duration or event.override:
        more = (*more, str(event.duration), str(int(event.override)))
    else:
        more = ()
    return fact_key("request", Kind.DEPLOY, device, *asked, *said, *more)


def is_own_deploy(event: Event, device: str) -> bool:
    """Tell whether `device` says this of a request that it executes itself.

    Other systems' deploys are told by collectors, and are no word of an executor.
    """
    return bool(event.request) and event.executor == device


def is_answer(event: Event, device: str, *, request: str, executor: str) -> bool:
    """Tell whether an event answers a request.

    `device` signed `event`; the `request` is addressed to `executor`.
    """
    addressed = device == event.executor == executor
    said = event.kind is Kind.DEPLOY and event.state != "requested"
    return said and event.request == request and addressed
