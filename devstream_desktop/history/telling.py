"""Tellings of a fact, and the order that elects its row."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import msgspec

from devstream_desktop.stream.blake2 import blake2b
from devstream_desktop.stream.entry import VERSION, Entry
from devstream_desktop.stream.environment import environment_name
from devstream_desktop.stream.event import Event, InvalidEventError
from devstream_desktop.stream.fact import event_of, fact_id, run_of, shown_state, topic_of, work_of
from devstream_desktop.stream.subject import is_terminal, rank, tone
from devstream_desktop.stream.words import Kind

TIE_BYTES = 4
"""Of an entry's hash, at the end of a place."""
_REVISION = 12


class Row(NamedTuple):
    """A row of `lines` as it is written; what it means is judged afterwards (things.py)."""

    id: int
    place: bytes
    """Decides which of two rows is the later: by clock, and where those tie by hash.

    Sorts as bytes do.
    """
    lsn: int
    key: bytes
    subject: int
    plain: int
    """Hash of the subject without its scope; 0 where that is the same.

    Of a deploy it is the one deployment, of a claim the thing that it claims.
    """
    run: int
    rank: int
    terminal: bool
    state: str
    work: int
    kind: str
    service: str
    environment: str
    actor: str
    revision: str
    severity: int
    tone: int


class Telling(msgspec.Struct, frozen=True):
    """An event in the log, by what elects the row."""

    lsn: int
    entry: Entry
    event: Event
    fact: bytes
    """Its identity (`stream.fact.fact_id`)."""
    struck: bool

    @property
    def order(self) -> tuple[bool, int, bytes, int]:
        return (self.struck, self.entry.hlc, self.entry.feed, self.entry.seq)

    def row(self, row_id: int) -> Row:
        """Return the row that shows it."""
        event, struck = self.event, self.struck
        kind, state = event.kind, event.state
        subject = subject_of(event)
        terminal = not struck and is_terminal(kind, state)
        return Row(
            id=row_id,
            place=self.entry.hlc.to_bytes(8, "big") + self.entry.hash[:TIE_BYTES],
            lsn=self.lsn,
            key=self.fact,
            subject=subject,
            plain=_plain(event, subject),
            run=-self.lsn if struck else run_hash(event),
            rank=rank(kind, state),
            terminal=terminal,
            # No word on who is on the thing (things.py).
            state=shown_state(event),
            work=work_of(event),
            kind=kind.value,
            service=event.service,
            environment=environment_name(event.environment),
            actor=event.actor,
            revision=revision_key(event.revision),
            severity=int(event.severity),
            tone=int(tone(kind, state)) if terminal else 0,
        )


def told_by(lsn: int, entry: Entry, end: int | None) -> Telling | None:
    """Return an entry's telling; None where a later version wrote it, or it holds no event.

    `end` is the last number of its feed that is vouched for; None for no end.
    """
    if entry.version != VERSION:
        return None
    try:
        event = event_of(entry)
    except InvalidEventError:
        return None
    fact = fact_id(event, entry.device)
    return Telling(lsn, entry, event, fact, struck=end is not None and entry.seq > end)


@lru_cache(maxsize=1024)
def subject_hash(subject: str) -> int:
    """Return a 63-bit number for a subject, for a small index."""
    return _hash(subject)


def subject_of(event: Event) -> int:
    """Return the number that the rows of a thing share; the claims of it have one of their own."""
    thing = subject_hash(topic_of(event))
    # So no number of claims lies between a thing's own rows.
    return claims_of(thing) if event.kind is Kind.CLAIM else thing


def claims_of(thing: int) -> int:
    """Return the number that the claims of a thing share."""
    return _hash(f"claims of {thing}")


def _plain(event: Event, subject: int) -> int:
    if event.kind is Kind.CLAIM:
        return subject_hash(topic_of(event))
    # All deploys to a place are one thing; this tells one of them.
    if event.kind is Kind.DEPLOY:
        return subject_hash(f"{event.subject}\x1f{event.number}")
    plain = subject_hash(event.subject)
    return plain if plain != subject else 0


def run_hash(event: Event) -> int:
    """Return a 63-bit number for the run that an event is of."""
    return _hash(run_of(event))


def revision_key(revision: str) -> str:
    """Return the beginning of a revision, kept to find it by; git abbreviates no further."""
    return revision[:_REVISION].casefold()


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
