"""Last bodies that no rule knew, kept to write rules from.

Of each source the last 20 of different forms, without secrets. One a second is looked at, so that
a flood of them costs no other sender anything.
"""

from __future__ import annotations

import hashlib
from collections import Counter

import msgspec

from devstream_desktop.control.messages.sources import UnmatchedBody
from devstream_desktop.intake.notes import Notes
from devstream_desktop.intake.webhook.masking import is_secret, masked, masked_text
from devstream_desktop.intake.webhook.spool import Raw

KEPT = 20
_PAUSE = 1_000
"""Milliseconds of a source between two that are kept."""
_MAX_SEEN = 64 * 1024
"""Bytes of a body that is worth the look."""
REASONS = frozenset(
    {
        "no-rule-matches", "state-not-mapped", "event-not-mapped", "message-not-known",
        "unexpected-shape", "empty-list", "invalid-event", "no-state", "contradicts-itself",
    }
)  # fmt: skip
"""The reasons that rules can change; what is left out on purpose is not kept."""
_MAX_NAMES = 500


class _Kept(msgspec.Struct, frozen=True):
    bodies: list[UnmatchedBody] = []


_decoder = msgspec.json.Decoder(_Kept)


class Unmatched:
    """The bodies of all sources. Lives in one loop."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._last: Counter[str] = Counter()

    async def keep(self, row: Raw, reason: str, detail: str) -> None:
        """Keep a delivery's body, if it is one that rules could change.

        Raises:
            StoreError: it cannot be stored.

        """
        # Counted by the time it came: what waited long is looked at as it would have been.
        if reason not in REASONS or row.received - self._last[row.source] < _PAUSE:
            return
        if len(row.body) > _MAX_SEEN or not (body := masked(row.body)):
            return
        self._last[row.source] = row.received
        one = UnmatchedBody(
            source=row.source,
            received=row.received,
            reason=reason,
            detail=masked_text(detail),
            form=_form(body),
            headers={
                name: masked_text(value)
                for name, value in row.headers.items()
                if name.startswith("x-") and not is_secret(name)
            },
            body=body.decode(),
        )
        # One of each form: a sender repeats its forms far more often than it has new ones.
        known = [kept for kept in await self.of(row.source) if kept.form != one.form]
        await self._write(row.source, [one, *known][:KEPT])

    async def of(self, source: str) -> list[UnmatchedBody]:
        """Return the bodies of a source, the newest first."""
        try:
            return _decoder.decode(await self._notes.read(_note(source)) or b"{}").bodies
        except (ValueError, RecursionError):
            return []

    async def forget(self, source: str) -> None:
        """Forget those of a source.

        Raises:
            StoreError: it cannot be stored.

        """
        await self._notes.write(_note(source), b"")

    async def _write(self, source: str, bodies: list[UnmatchedBody]) -> None:
        await self._notes.write(_note(source), msgspec.json.encode(_Kept(bodies)))


def _note(source: str) -> str:
    return f"unmatched/{source}"


def _form(body: bytes) -> str:
    """Name the form of a body: the names in it, whatever their values are."""
    names: set[str] = set()
    waiting: list[tuple[str, object]] = [("", msgspec.json.decode(body))]
    # Bounded and without recursion: the body is a stranger's.
    while waiting and len(names) < _MAX_NAMES:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(f"{path}.{name}", inner) for name, inner in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{path}[]", inner) for inner in value]
        names.add(path)
    return hashlib.sha256("\n".join(sorted(names)).encode("utf-8", "replace")).hexdigest()[:12]
