"""The genuine part of a damaged database, put into a new one.

Each entry counts by its own signature, and by its author's right to say it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from devstream_desktop.history.log import History
from devstream_desktop.history.quarantine import stored_entry, stored_proof
from devstream_desktop.history.remains import FeedRow, LogRow, Row, rows
from devstream_desktop.stream.entry import KEY_BYTES, Entry, contradict, parse_entry, preamble
from devstream_desktop.stream.log import Arrival

Verify = Callable[[bytes, bytes, bytes], bool]
"""Tells whether `(public key, message, signature)` is right."""
Refusal = Callable[[Entry], str | None]
"""Gives the reason that an entry's author may not publish it; None when it may."""

_PORTION = 512


def salvage(damaged: Path, history: History, team: str, verify: Verify, refusal: Refusal) -> int:
    """Put all that is genuine in `damaged` into `history`; returns how many entries."""
    one = _Salvage(history, preamble(team), verify, refusal)
    before = history.newest()
    for row in rows(damaged, one.is_genuine):
        one.take(row)
    one.store()
    saved = history.newest() - before
    one.settle()
    return saved


class _Salvage:
    def __init__(self, history: History, start: bytes, verify: Verify, refusal: Refusal) -> None:
        self._history = history
        self._start = start
        self._verify = verify
        self._refusal = refusal
        self._found: dict[tuple[bytes, int], Entry] = {}
        self._tips: dict[bytes, Entry] = {}
        self._proofs: dict[bytes, tuple[Entry, Entry]] = {}

    def is_genuine(self, row: Row) -> bool:
        """Tell whether any of its signatures is right."""
        if isinstance(row, FeedRow):
            return any(self._is_signed(entry) for entry in (*_tip(row), *_proof(row)))
        entry = stored_entry(row.body, row.signature)
        return entry is not None and (self._is_known(entry) or self._is_signed(entry))

    def take(self, row: Row) -> None:
        """Keep a genuine row."""
        if isinstance(row, LogRow):
            entry = parse_entry(row.body, row.signature)
            self._found[entry.feed, entry.seq] = entry
            # A damaged file may hold millions of rows.
            if len(self._found) >= _PORTION:
                self.store()
            return
        for tip in _tip(row):
            last = self._tips.get(row.feed)
            if (
                tip.feed == row.feed
                and (last is None or last.seq < tip.seq)
                and self._is_signed(tip)
            ):
                self._tips[row.feed] = tip
        pair = _proof(row)
        # Two entries that agree prove nothing, whoever put them side by side.
        if (
            len(pair) == 2
            and contradict(*pair)
            and all(entry.feed == row.feed and self._is_signed(entry) for entry in pair)
        ):
            self._proofs[row.feed] = (pair[0], pair[1])

    def store(self) -> None:
        """Put what was found into the history."""
        self._history.add(
            [Arrival(entry) for entry in self._found.values() if self._refusal(entry) is None]
        )
        self._found.clear()

    def settle(self) -> None:
        """Let the feeds begin and end where they did."""
        first = {record.feed: record.runs[0][0] for record in self._history.feeds() if record.runs}
        for feed, tip in self._tips.items():
            # What was settled has no rows: a tip above a row that was found is no feed's own.
            if tip.seq < first.get(feed, tip.seq + 1):
                self._history.settle(feed, tip.seq, tip)
        for feed, proof in self._proofs.items():
            self._history.freeze(feed, proof)

    def _is_known(self, entry: Entry) -> bool:
        """Look an entry up, which is cheaper than to check it: most come more than once."""
        held = self._found.get((entry.feed, entry.seq)) or self._history.entry(
            entry.feed, entry.seq
        )
        return held is not None and (held.body, held.signature) == (entry.body, entry.signature)

    def _is_signed(self, entry: Entry) -> bool:
        # Never by the chain: it would vouch for a body whose signature the damage has hit.
        return self._verify(entry.feed[:KEY_BYTES], self._start + entry.body, entry.signature)


def _tip(row: FeedRow) -> list[Entry]:
    tip = stored_entry(row.tip_body, row.tip_signature)
    return [] if tip is None else [tip]


def _proof(row: FeedRow) -> tuple[Entry, ...]:
    return (stored_proof(row.proof) or ()) if row.proof else ()
