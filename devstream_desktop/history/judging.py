"""Meaning of results against the results before them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from devstream_desktop.stream.subject import Tone, tone, transition
from devstream_desktop.stream.words import Kind, Transition

PAST = 16
"""Earlier results of a thing that are searched for the newest work."""
_MILLISECONDS = 10**12
"""A place of work below this is a number; from here on it is a time (2001 and later)."""


class Result(NamedTuple):
    """A result of a thing: the parts that judge a later one."""

    work: int
    """Place of its work among the thing's (`place_of_work`)."""
    place: bytes
    run: int
    state: str


class Window:
    """The last `PAST` results of a thing, in order of place."""

    def __init__(self, results: Iterable[Result] = ()) -> None:
        self._results = deque(results, maxlen=PAST)
        self.newest = max(self._results, default=None)
        """The result of the newest work among them."""

    @property
    def full(self) -> bool:
        return len(self._results) == PAST

    @property
    def first(self) -> bytes:
        """Place of the first of them; empty for none."""
        return self._results[0].place if self._results else b""

    def append(self, result: Result) -> None:
        """Go on with the next result."""
        gone = self._results[0] if self.full else None
        self._results.append(result)
        # Nearly always the next result is of the newest work.
        if self.newest is None or result > self.newest:
            self.newest = result
        elif gone is self.newest:
            self.newest = max(self._results)

    def judge(self, kind: Kind, result: Result, said: int) -> tuple[Transition, Tone]:
        """Return the next result's meaning, and what it says of its thing.

        `said` is the work as its author says it; 0 for an author who says none.
        """
        newest = self.newest
        if newest is None:
            return transition(kind, result.state, ""), tone(kind, result.state)
        behind = said > 0 and newest.work > result.work
        # Another attempt of the same run is no older work, but it decides nothing either.
        if behind and newest.run != result.run:
            return Transition.OUTDATED, Tone.NONE
        meaning = transition(kind, result.state, newest.state)
        return meaning, Tone.NONE if behind else tone(kind, result.state)


def place_of_work(kind: str, place: bytes, work: int) -> int:
    """Return the place of a result's work.

    Deploys to one place come from executors, which say no work, and from tools: their time decides.
    """
    if kind == Kind.DEPLOY and work < _MILLISECONDS:
        return int.from_bytes(place[:6], "big")
    return work
