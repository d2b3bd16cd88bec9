"""From the press of Deploy to `in_progress` on every desk: three real nodes over loopback.

The request is signed and stored at the asker's node, judged and begun by the executor, and its word
is stored by all. The floor is a bare start of the interpreter that supervises the program.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median

from figures import Row, percentile

from devstream_desktop.control.client import Client
from devstream_desktop.control.messages.deploys import GetTargets, RequestDeploy
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.stream.query import Query

GOAL_MS = 150.0
PEOPLE = ("ana", "bo", "cy")
EACH = 16
"""Presses of each person: an executor answers 20 of a device at once."""
_SHA = "4f" * 20
_PATIENCE_S = 30.0


class Desk:
    """One person's home and node."""

    def __init__(self, folder: Path, person: str) -> None:
        self.person = person
        self.home = Home(folder / person)
        self.environment = os.environ | {
            "DEVSTREAM_KEY_FILE": str(folder / f"{person}.key"),
            "XDG_RUNTIME_DIR": str(folder / "run"),
        }

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "devstream_desktop", "--home", str(self.home.root), *words]

    def run(self, *words: str) -> str:
        """The output of one command."""
        done = subprocess.run(
            self.command(*words),
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return done.stdout.strip()

    @asynccontextmanager
    async def node(self) -> AsyncIterator[None]:
        """Run its node for the block."""
        process = await asyncio.create_subprocess_exec(
            *self.command("node", "--no-discovery", "--listen", "127.0.0.1:0"),
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await process.stdout.readline()
            yield
        finally:
            process.terminate()
            await process.wait()

    def offers(self) -> bool:
        with Client(self.home.control_url()) as client:
            return bool(client.ask(GetTargets()).targets)

    def heard(self, request: str, state: str) -> int:
        """The time at which it stored a state of a request, UTC milliseconds; 0 for not yet."""
        with Reader(self.home.history) as reader:
            lines = reader.page(Query(), limit=20, superseded=True)
        found = (one for one in lines if (one.event.request, one.event.state) == (request, state))
        return next((one.received for one in found), 0)


async def measure(folder: Path, *, quick: bool) -> list[Row]:
    """Presses of three people in turn, and the floor between them."""
    (folder / "run").mkdir(mode=0o700)
    ana, *others = desks = [Desk(folder, person) for person in PEOPLE]
    await asyncio.to_thread(ana.run, "team", "create", "bench", "--person", "ana")
    ana.home.targets.write_text('[target.shop.live]\nrun = ["true"]\n')
    async with ana.node():
        for other in others:
            invite = await asyncio.to_thread(ana.run, "team", "invite", "--pre-approved")
            join = ("team", "join", invite, "--person", other.person)
            await asyncio.to_thread(other.run, *join)
        for person in PEOPLE:
            grant = ("team", "grant", person, "deployer", "shop/*")
            await asyncio.to_thread(ana.run, *grant)
        async with others[0].node(), others[1].node():
            for desk in desks:
                await _until(desk.offers)
            # The first of each pays for what is made once.
            for desk in desks:
                await _pressed(desk, desks, 0)
            times, bare = list[float](), list[float]()
            for number in range(1, 2 if quick else EACH):
                times += [await _pressed(desk, desks, number) for desk in desks]
                bare.append(await asyncio.to_thread(_interpreter))
    p50, p99, least = percentile(times, 0.5), percentile(times, 0.99), median(bare)
    return [
        Row(
            f"press to in_progress, {len(desks)} desks",
            f"p50 {p50:.0f} p99 {p99:.0f} ms",
            f"p50 {least:.0f} ms",
            p50 / least,
            f"p99 < {GOAL_MS:.0f} ms",
            p99 < GOAL_MS,
        )
    ]


async def _pressed(desk: Desk, desks: list[Desk], number: int) -> float:
    """Milliseconds from one press until the last desk has stored that it began."""
    request = RequestDeploy(
        target="shop", environment="live", sha=_SHA, reason=f"{desk.person} {number}"
    )

    def press() -> tuple[int, str]:
        with Client(desk.home.control_url()) as client:
            began = time.time_ns()
            return began, client.ask(request).text

    began, key = await asyncio.to_thread(press)
    for one in desks:
        # The next press must not find this one running.
        await _until(lambda one=one: one.heard(key, "success"))
    return max(one.heard(key, "in_progress") for one in desks) - began / 1e6


async def _until(look: Callable[[], object]) -> None:
    async with asyncio.timeout(_PATIENCE_S):
        while not await asyncio.to_thread(look):  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.02)


def _interpreter() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-S", "-c", ""], check=True)
    return (time.perf_counter() - began) * 1000
