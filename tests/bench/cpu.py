"""Row 2: the CPU that a received event costs a desk, by process time: decode the message, verify,
judge, store, index, tell the node.

Single events are what comes live, one message and one commit each, into a history that holds some
already. The floor of the same: one signature check and the ready rows put into the same tables, one
commit each.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from figures import Row, percentile
from floors import Bare, ready_rows
from party import Party, Wiring, now_ms
from sample import DAY_MS, events, feed

from devstream_desktop.history.epoch import FeedMirror, new_epoch
from devstream_desktop.history.log import History
from devstream_desktop.keys.device_key import verify
from devstream_desktop.mesh.core import Core
from devstream_desktop.mesh.replica.identity import Identity
from devstream_desktop.mesh.replica.replica import Replica
from devstream_desktop.mesh.wire import News, SignedEntry, decode_reply, encode
from devstream_desktop.stream.entry import KEY_BYTES, Entry, preamble

GOAL_MS = 0.5
BATCH = 500


@dataclass(frozen=True)
class Costs:
    """CPU milliseconds an event, one value an event or a batch."""

    single: list[float]
    batch: list[float]


class Desk:
    """A desk's receiving half: what a session does with the frames that come in."""

    def __init__(self, folder: Path, party: Party) -> None:
        folder.mkdir()
        self.path = folder / "history.sqlite"
        device, chain = party.desks[0].device, party.chain
        wiring = Wiring(chain)
        self._history = History(
            self.path, FeedMirror(folder / "feed.json"), device.public, chain.team
        )
        identity = Identity(device.id, chain.team, device.sign, verify)
        replica = Replica(
            store=self._history,
            identity=identity,
            authors=wiring,
            retention_ms=30 * DAY_MS,
        )
        self._sender = party.collector.device.id
        self._core = Core(
            identity=identity,
            gate=wiring.gate,
            replica=replica,
            policies=wiring,
            clock=now_ms,
            on_entries=wiring.note,
            rng=random.Random(1),
        )

    def receive(self, frame: bytes, expected: int) -> None:
        """One answer of a peer, as it came."""
        news = decode_reply(frame)
        assert isinstance(news, News)
        assert len(self._core.take(news.entries, self._sender).stored) == expected

    def close(self) -> None:
        """Close the history."""
        self._history.close()


def product(
    folder: Path, party: Party, entries: Sequence[Entry], preload: int, singles: int
) -> Costs:
    """One run: `preload` events are there, `singles` come one by one, the rest in batches."""
    desk = Desk(folder, party)
    frames = _frames(entries, preload, singles)
    costs = Costs([], [])
    for size, kind, frame in frames:
        began = time.process_time()
        desk.receive(frame, size)
        cost = (time.process_time() - began) * 1000 / size
        if kind is not None:
            getattr(costs, kind).append(cost)
    desk.close()
    return costs


def floor(
    folder: Path, party: Party, entries: Sequence[Entry], filled: Path, preload: int, singles: int
) -> Costs:
    """The same rows and signatures, bare."""
    folder.mkdir()
    bare = Bare(folder / "history.sqlite", ready_rows(filled))
    start = preamble(party.chain.team)
    costs = Costs([], [])
    for first, last, kind in _steps(len(entries), preload, singles):
        entry = entries[last - 1]
        began = time.process_time()
        assert verify(entry.feed[:KEY_BYTES], start + entry.body, entry.signature)
        bare.put(first, last)
        cost = (time.process_time() - began) * 1000 / (last - first)
        if kind is not None:
            getattr(costs, kind).append(cost)
    bare.close()
    return costs


def _steps(count: int, preload: int, singles: int) -> list[tuple[int, int, str | None]]:
    """First and last place of each message, and what it counts as."""
    steps: list[tuple[int, int, str | None]] = [
        (n, min(n + BATCH, preload), None) for n in range(0, preload, BATCH)
    ]
    steps += [(n, n + 1, "single") for n in range(preload, preload + singles)]
    return steps + [
        (n, min(n + BATCH, count), "batch") for n in range(preload + singles, count, BATCH)
    ]


def _frames(
    entries: Sequence[Entry], preload: int, singles: int
) -> list[tuple[int, str | None, bytes]]:
    frames = []
    for first, last, kind in _steps(len(entries), preload, singles):
        signed = [SignedEntry(entry.body, entry.signature) for entry in entries[first:last]]
        frames.append(
            (last - first, kind, encode(News(bytes(16), last, signed, bytes(8), 2, resync=False)))
        )
    return frames


def measure(folder: Path, *, quick: bool) -> list[Row]:
    """Rounds of both, in turn.

    The medians of the means, because what an event costs includes its share of every checkpoint.
    """
    rounds, preload, singles, batched = (1, 200, 50, 500) if quick else (3, 20_000, 1_000, 10_000)
    party = Party(1)
    total = preload + singles + batched
    facts = events(total, first_ms=now_ms() - DAY_MS, step_ms=DAY_MS / total / 2)
    entries = list(feed(party.collector.device, new_epoch(), party.chain.team, facts))
    ours: list[Costs] = []
    bare: list[Costs] = []
    for number in range(rounds):
        home = folder / f"cpu{number}"
        ours.append(product(home, party, entries, preload, singles))
        bare.append(
            floor(
                folder / f"cpu-floor{number}",
                party,
                entries,
                home / "history.sqlite",
                preload,
                singles,
            )
        )
    return [
        _row(
            "CPU an event, one by one", [one.single for one in ours], [one.single for one in bare]
        ),
        _row(
            f"CPU an event, in batches of {BATCH}",
            [one.batch for one in ours],
            [one.batch for one in bare],
        ),
    ]


def _row(name: str, ours: list[list[float]], bare: list[list[float]]) -> Row:
    figure, least = median(map(mean, ours)), median(map(mean, bare))
    p99 = median(percentile(costs, 0.99) for costs in ours)
    return Row(
        name,
        f"{figure:.3f} ms (p99 {p99:.2f})",
        f"{least:.3f} ms",
        figure / least,
        f"< {GOAL_MS} ms",
        figure < GOAL_MS,
    )
