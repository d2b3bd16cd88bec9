"""Refused links, counted by reason: each kind is logged once, and the status shows the latest."""

from __future__ import annotations

import logging
from collections.abc import Callable

from devstream_desktop.control.messages.status import RefusedStatus

SEVERAL = "several addresses"
MOST = 50
"""Kinds remembered, the latest."""

_log = logging.getLogger(__name__)


class Refusals:
    """Peers that were turned away, or that turned us away.

    Args:
        clock: UTC milliseconds.

    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._seen: dict[tuple[str, str, str], RefusedStatus] = {}

    def note(self, address: str, device: str, reason: str) -> bool:
        """Count one more; True when it is the first of its kind."""
        first = self._count((address, device, reason), address)
        if first:
            named = f" ({device[:8]})" if device else ""
            _log.warning("no link with %s%s: %s", address or "somebody", named, reason)
        return first

    def note_stranger(self, host: str, reason: str) -> bool:
        """Count one more without a certificate of the team; True for the first of its kind.

        There can be any number of strangers, so they are one line for each reason.
        """
        key = ("", "", reason)
        before = self._seen.get(key)
        one = before is None or before.address == host
        first = self._count(key, host if one else SEVERAL)
        if first:
            _log.warning("no link with somebody at %s: %s", host, reason)
        return first

    def all(self) -> tuple[RefusedStatus, ...]:
        """Return the latest first."""
        return tuple(reversed(self._seen.values()))

    def _count(self, key: tuple[str, str, str], address: str) -> bool:
        _, device, reason = key
        # Taken out and put back, so that the dictionary is in the order of the last time.
        before = self._seen.pop(key, None)
        self._seen[key] = RefusedStatus(
            address=address,
            device=device,
            reason=reason,
            count=before.count + 1 if before else 1,
            seen=self._clock(),
        )
        # Devices and addresses are foreign input: the table is bounded.
        while len(self._seen) > MOST:
            del self._seen[next(iter(self._seen))]
        return before is None
