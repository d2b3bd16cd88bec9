"""One real node (Mesh and History, wired as in node/core.py) as a program that tells when each
event was committed in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
from memory import unique_memory, written_bytes
from messages import Answer, Command, NodeJob, Publish, Ready, Report, Until
from party import Wiring, now_ms
from sample import DAY_MS, events, feed

from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.log import History
from devstream_desktop.keys.device_key import DeviceKey, verify
from devstream_desktop.mesh.carrier.nats import Access, NatsBroker, Wanted
from devstream_desktop.mesh.replica.outcome import Outcome
from devstream_desktop.mesh.service import Credentials, Identity, Mesh, Network
from devstream_desktop.mesh.wire import SignedEntry
from devstream_desktop.stream.entry import Entry
from devstream_desktop.stream.event import encode_event
from devstream_desktop.stream.log import Arrival
from devstream_desktop.team.policy.chain import PolicyChain

FILL_BATCH = 5_000
RETENTION_MS = 30 * DAY_MS


class Node:
    def __init__(self, job: NodeJob) -> None:
        home = Path(job.home)
        self.device = DeviceKey.from_seed(job.seed)
        self.chain = PolicyChain.from_documents(job.policies)
        self.wiring = Wiring(self.chain)
        self.history = History(
            home / "history.sqlite",
            FeedMirror(home / "feed.json"),
            self.device.public,
            self.chain.team,
        )
        if job.fill:
            self._fill(job.fill)
        self.times: dict[int, int] = {}
        self.foreign = 0
        self.began = self.seen = 0
        self.changed = asyncio.Event()
        self.mesh = Mesh(
            store=self.history,
            identity=Identity(self.device.id, self.chain.team, self.device.sign, verify),
            membership=self.wiring,
            credentials=Credentials(job.ca, job.certificate, job.key),
            policies=self.wiring,
            retention_ms=RETENTION_MS,
            clock=now_ms,
            on_entries=self._on_entries,
            network=Network("127.0.0.1:0", job.peers, job.hints, discovery=False),
        )
        self.copies = 0
        self.longest = 0.0
        """CPU seconds of the longest turn of the loop."""
        take = self.mesh._core.take

        def counted(batch: Sequence[SignedEntry], sender: str, *, later: bool = False) -> Outcome:
            self.copies += len(batch)
            return take(batch, sender, later=later)

        self.mesh._core.take = counted
        broker = NatsBroker(self.chain.team, Access([job.carrier]), Wanted(RETENTION_MS // 1000))
        self.carrier = (
            self.mesh.carrier("nats", broker, home / "carrier.json") if job.carrier else None
        )

    def _fill(self, count: int) -> None:
        first = now_ms() - 20 * DAY_MS
        facts = events(count, first_ms=first, step_ms=19 * DAY_MS / count)
        entries = feed(self.device, self.history.epoch, self.chain.team, facts)
        while batch := list(itertools.islice(entries, FILL_BATCH)):
            self.history.add([Arrival(entry, "", verified=True) for entry in batch])
        self.history.checkpoint()

    def _on_entries(self, entries: list[Entry]) -> None:
        now = time.monotonic_ns()
        for entry in entries:
            self.times[entry.seq] = now
            self.foreign += entry.feed[:32] != self.device.public
        self.wiring.note(entries)
        self.changed.set()

    async def publish(self, command: Publish) -> Report:
        self.times.clear()
        loop = asyncio.get_running_loop()
        due = loop.time()
        for event in events(command.count, first_ms=now_ms(), step_ms=1, seed=time.time_ns()):
            await self.mesh.publish([encode_event(event)])
            due += command.every
            await asyncio.sleep(max(0.0, due - loop.time()))
        return self.report()

    async def until(self, command: Until) -> Report:
        async with asyncio.timeout(command.seconds):
            while (
                self.foreign < command.events
                or self._links() < command.links
                or (command.carried and not self._carried())
                or self.history.unread
            ):
                self.changed.clear()
                # Nobody is told when lines were made.
                pause = 0.01 if self.history.unread else 0.25
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self.changed.wait()
        self.seen = time.monotonic_ns()
        return self.report(memory=command.memory)

    def _carried(self) -> bool:
        status = self.carrier.status() if self.carrier is not None else None
        return status is not None and status.state == "live" and not status.unsent

    def _links(self) -> int:
        return len({peer.device for peer in self.mesh.status().peers if peer.state == "live"})

    def report(self, *, memory: bool = False) -> Report:
        cpu, used = time.process_time(), unique_memory() if memory else 0
        return Report(
            dict(self.times),
            cpu,
            self.foreign,
            self.began,
            self.copies,
            used,
            written_bytes(),
            self.longest * 1000,
            self.seen,
        )

    def watch_turns(self) -> None:
        """Time every turn of the loop from now on."""
        run = asyncio.Handle._run  # type: ignore[attr-defined]

        def timed(handle: asyncio.Handle) -> None:
            began = time.thread_time()
            run(handle)
            self.longest = max(self.longest, time.thread_time() - began)

        asyncio.Handle._run = timed  # type: ignore[attr-defined]


def say(answer: Answer) -> None:
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
    sys.stdout.flush()


async def main() -> None:
    node = Node(msgspec.json.decode(sys.stdin.readline(), type=NodeJob))
    node.watch_turns()
    node.began = time.monotonic_ns()
    say(Ready(await node.mesh.start()))
    carrying = None if node.carrier is None else asyncio.create_task(node.carrier.run())
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    try:
        while line := await reader.readline():
            command = msgspec.json.decode(line, type=Command)
            say(
                await (
                    node.publish(command) if isinstance(command, Publish) else node.until(command)
                )
            )
    finally:
        if carrying is not None:
            carrying.cancel()
            await asyncio.gather(carrying, return_exceptions=True)
        await node.mesh.stop()
        node.history.close()


if __name__ == "__main__":
    logging.disable(
        logging.WARNING
    )  # rounds before this one left addresses at which nobody is any more
    asyncio.run(main())
