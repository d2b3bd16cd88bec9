"""Policy documents for one peer, in parts that each fit a message."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from devstream_desktop.mesh.wire import MAX_DOCUMENTS

POLICY_BYTES = 512 * 1024
"""Policy documents in one message, half of what a socket receives."""
AGAIN_S, MOST_AGAIN_S = 10.0, 3600.0
"""Seconds until the same documents are sent again, doubled each time; the most."""


class PolicyExchange(Protocol):
    """The chain of signed policies as the mesh sees it.

    It is a number, equal where the same policies are held, and opaque documents.
    """

    def version(self) -> int:
        """Stands for what is held; 0 for nothing."""

    def documents(self, after_version: int, *, again: bool = False) -> list[bytes]:
        """Return the documents that a peer of this version lacks, oldest first.

        With `again` also those that it lacks if it does not know our branch: it has had the others.
        """

    def absorb(self, documents: list[bytes]) -> bool:
        """Accept what is valid and new; True when that is done at once.

        Otherwise `Mesh.policy_changed` reports it soon.
        """


class PolicyParts:
    """The documents for one peer, part after part.

    A peer that shows the same version later has not taken them: its disk may have been full, or it
    may be on a branch that we refuse and that loses to ours. So it gets them again, ever more
    seldom.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pair = (-1, -1)
        """Our version and theirs, of `_rest`."""
        self._rest: list[bytes] = []
        self._begun = 0.0
        self._wait = AGAIN_S

    def due(self, policies: PolicyExchange, theirs: int) -> bool:
        """Return true when a peer of this version has something to get."""
        late = self._clock() - self._begun >= self._wait
        return late or bool(self._rest) or not self.begun(policies, theirs)

    def begun(self, policies: PolicyExchange, theirs: int) -> bool:
        """Return true when a peer of this version has had a part."""
        return (policies.version(), theirs) == self._pair

    def next(self, policies: PolicyExchange, theirs: int) -> list[bytes]:
        """Return the next part for a peer of this version; empty after the last one."""
        pair, now = (policies.version(), theirs), self._clock()
        if pair != self._pair:
            self._pair, self._begun, self._wait = pair, now, AGAIN_S
            self._rest = policies.documents(theirs)
        # The peer that asks decides when it is time. Its clock may have started a little earlier.
        elif not self._rest and now - self._begun >= self._wait / 2:
            self._begun, self._wait = now, min(2 * self._wait, MOST_AGAIN_S)
            self._rest = policies.documents(theirs, again=True)
        part = _fitting(self._rest)
        self._rest = self._rest[len(part) :]
        return part


def _fitting(documents: list[bytes]) -> list[bytes]:
    fitting: list[bytes] = []
    room = POLICY_BYTES
    for document in documents:
        room -= len(document)
        # At least one, or a single large document would never leave.
        # The receiver refuses a larger message, so the rest goes in another one.
        if (room < 0 and fitting) or len(fitting) == MAX_DOCUMENTS:
            break
        fitting.append(document)
    return fitting
