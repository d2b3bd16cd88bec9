"""Fixtures of the executor's tests.

A clock that is set, a history that can be waited for, programs that wait, a home for each.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from devstream_desktop.deploy import runlog
from devstream_desktop.deploy.backends import supervisor
from devstream_desktop.deploy.backends.contract import Order
from devstream_desktop.deploy.database import LOGS
from devstream_desktop.deploy.knowledge import Rights
from devstream_desktop.deploy.request import as_given, make_request
from devstream_desktop.deploy.service import Deploys
from devstream_desktop.deploy.targets import Target
from devstream_desktop.home import Home
from devstream_desktop.stream.entry import device_id
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.words import DEPLOY_FINAL, Role

T = TypeVar("T")
DEVICE = device_id(b"e" * 32)
ASKER = device_id(b"a" * 32)
SHA = "4f" * 20
NOW = 1_800_000_000_000


@dataclass
class Clock:
    ms: int = NOW

    def __call__(self) -> int:
        return self.ms


@dataclass
class News:
    """Published events, in order; `broken` makes the history refuse."""

    events: list[Event] = field(default_factory=list)
    broken: str = ""
    _more: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def publish(self, events: list[Event]) -> None:
        if self.broken:
            raise OSError(self.broken)
        async with self._more:
            self.events += events
            self._more.notify_all()

    def states(self, request: str) -> list[str]:
        return [event.state for event in self.events if event.request == request]

    async def final(self, request: str) -> Event:
        """The answer that ends `request`, waited for."""

        def found() -> Event | None:
            return next(
                (e for e in self.events if e.request == request and e.state in DEPLOY_FINAL), None
            )

        return await self.until(found)

    async def until(self, found: Callable[[], T | None]) -> T:
        async with asyncio.timeout(20), self._more:
            await self._more.wait_for(found)
            result = found()
        assert result is not None
        return result


@dataclass
class Room:
    """One executor, its home, and who asks it."""

    home: Home
    clock: Clock
    news: News
    deployers: set[str] = field(default_factory=lambda: {"ana"})
    roles: dict[Role, set[str]] = field(default_factory=dict)
    """Persons with other roles than deployer."""
    policy: int = 1
    devices: dict[str, str] = field(default_factory=lambda: {ASKER: "ana"})
    deploys: Deploys | None = None
    asked: int = 0

    def write(
        self,
        *,
        target: str = "shop",
        environment: str = "production",
        script: str = "true",
        more: str = "",
    ) -> None:
        """One target whose program is a shell script of the operator's."""
        program = self.home.root / f"{target}-{environment}.sh"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o700)
        table = (
            f"[target.{target}.{environment}]\nrun = [{json.dumps('./' + program.name)}]\n{more}\n"
        )
        old = self.home.targets.read_text() if self.home.targets.exists() else ""
        self.home.targets.write_text(old + table)

    async def start(self, **more: Any) -> Deploys:
        self.deploys = Deploys(
            home=self.home,
            device=DEVICE,
            publish=self.news.publish,
            rights=Rights(self.may, self.who_may, self.person_of, lambda: self.policy),
            now=self.clock,
            **{"watch_s": 30.0, **more},
        )
        await self.deploys.start()
        return self.deploys

    def may(self, person: str, role: Role, _target: str, _environment: str) -> bool:
        return person in self.roles.get(role, self.deployers if role is Role.DEPLOYER else ())

    def who_may(self, role: Role, _target: str, _environment: str) -> Sequence[str]:
        return ["ana"] if role is Role.ADMIN else sorted(self.roles.get(role, ()))

    def person_of(self, device: str) -> str:
        return self.devices.get(device, "")

    def request(self, **changes: Any) -> Event:
        # A request is known by what it asks: another reason makes another request at the same time,
        # and the folder one that no other run of the tests ends with its own.
        self.asked += 1
        parts: dict[str, Any] = {
            "device": ASKER,
            "person": "ana",
            "reason": f"ask {self.asked} in {self.home.root}",
            "target": "shop",
            "environment": "production",
            "ref": "main",
            "sha": SHA,
            "executor": DEVICE,
            "now": self.clock(),
            "title": "Fix the login",
        }
        return make_request(**{**parts, **changes})

    async def ask(
        self, event: Event, person: str = "ana", *, fresh: bool = True, device: str = ASKER
    ) -> None:
        assert self.deploys is not None
        await self.deploys.handle(event, device, person, fresh=fresh)

    def log(self, event: Event) -> Path:
        return self.home.root / LOGS / f"{event.key}.log"


@pytest.fixture
def device() -> str:
    return DEVICE


@pytest.fixture
def sha() -> str:
    return SHA


def end_runs(logs: Path) -> None:
    """End the programs that a failed test left running, and their supervisors.

    A supervisor outlives its node on purpose, and the end of the tests too.
    """
    for log in logs.glob("*.log"):
        with suppress(OSError, ValueError, LookupError):
            number = json.loads(runlog.result_of(log).read_text())["supervisor"]
            # The number may have gone to another process since.
            words = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
            if supervisor.__file__.encode() in words:
                os.kill(number, signal.SIGKILL)
        for number, _ in supervisor.processes_of(log.stem):
            with suppress(OSError):
                # Another test of this moment may ask the same, and has a folder of its own.
                if Path(f"/proc/{number}/cwd").resolve().is_relative_to(logs.parent.resolve()):
                    os.kill(number, signal.SIGKILL)


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    home = Home(tmp_path / "home")
    home.create()
    made = Room(home, Clock(), News())
    yield made
    try:
        if made.deploys is not None:
            await made.deploys.stop()
    finally:
        end_runs(home.root / LOGS)


class Gate:
    """Two named pipes: a script says that it is there, and waits to be let on."""

    def __init__(self, folder: Path) -> None:
        self._here, self._go_on = folder / "here", folder / "go-on"
        os.mkfifo(self._here)
        os.mkfifo(self._go_on)
        self.script = f"echo > {self._here}; cat {self._go_on}"

    async def reached(self) -> None:
        async with asyncio.timeout(20):
            await asyncio.to_thread(self._here.read_text)

    async def open(self) -> None:
        async with asyncio.timeout(20):
            await asyncio.to_thread(self._go_on.write_text, "")


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


@pytest.fixture
def order(tmp_path: Path, device: str, sha: str) -> Iterator[Callable[..., Order]]:
    """Makes an order whose program is a shell script of the operator's."""

    def make(script: str, *arguments: str, **target: Any) -> Order:
        program = tmp_path / "deploy.sh"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o700)
        request = as_given(
            make_request(
                device=device,
                person="ana",
                target="shop",
                environment="production",
                ref="main",
                sha=sha,
                executor=device,
                now=1_800_000_000_000,
                # Programs are found by the id of their request: no two tests may share one.
                reason=f"for {tmp_path}",
            )
        )
        made = Target(
            name="shop",
            environment="production",
            run=("./deploy.sh", *arguments),
            cwd=tmp_path,
            **target,
        )
        return Order(request, made, "ana", tmp_path / LOGS / f"{request.id}.log")

    yield make
    end_runs(tmp_path / LOGS)
