"""Requests reach the executor at a rate for each device.

What a crash left unanswered is answered and never run.
"""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from devstream_desktop.deploy.request import make_request
from devstream_desktop.home import Home
from devstream_desktop.node.executor import ALLOWED_BURST, REFUSED_BURST, REFUSED_RATE, Executor
from devstream_desktop.stream.entry import device_id
from devstream_desktop.stream.words import Role

pytestmark = pytest.mark.process

NOW = 1_800_000_000_000
ME, ANA, MAL = (device_id(letter * 32) for letter in (b"e", b"a", b"m"))
PERSONS = {ANA: "ana", MAL: "mal"}


class Policy:
    expires = NOW * 2
    version = 1

    def person_of(self, device):
        return PERSONS.get(device)

    name_of = person_of

    def may(self, person, role, target, environment):
        return (person, role, target, environment) == ("ana", Role.DEPLOYER, "shop", "production")

    def who_has(self, _):
        return ("ana",)


class Room:
    def __init__(self, home: Home) -> None:
        self.home, self.seconds, self.owed = home, 0.0, []
        self.published, self.tasks, self.notices = [], set(), {}
        self.more = asyncio.Condition()
        chain = SimpleNamespace(current=Policy(), forked=False)
        team = SimpleNamespace(device=SimpleNamespace(id=ME), chain=chain, now=lambda: NOW)
        self.executor = Executor(
            home=home,
            team=team,
            publish=self.publish,
            spawn=self.spawn,
            notices=self.notices,
            knows=lambda _: False,
            copied=lambda: False,
            unanswered=lambda: self.owed,
            steady=lambda: self.seconds,
        )

    async def publish(self, events) -> None:
        async with self.more:
            self.published += events
            self.more.notify_all()

    def spawn(self, work) -> None:
        self.tasks.add(asyncio.ensure_future(work))

    async def said(self, state: str) -> list:
        """The answers, after all that came is judged and every run over."""
        while self.tasks:
            await self.tasks.pop()
        async with asyncio.timeout(20), self.more:
            await self.more.wait_for(lambda: self._ran("in_progress") == self._ran("success"))
        return [event for event in self.published if event.state == state]

    def _ran(self, state: str) -> int:
        return sum(event.state == state for event in self.published)


@pytest.fixture
async def room(tmp_path):
    home = Home(tmp_path / "home")
    home.create()
    script = home.root / "deploy.sh"
    script.write_text("#!/bin/sh\ntrue\n")
    script.chmod(0o700)
    home.targets.write_text('[target.shop.production]\nrun = ["./deploy.sh"]\n')
    made = Room(home)
    yield made
    await made.executor.stop()


def request(number: int, device: str = ANA, *, now: int = NOW, target: str = "shop"):
    return make_request(
        device=device,
        person=PERSONS[device],
        target=target,
        environment="production",
        ref="main",
        sha="4f" * 20,
        executor=ME,
        now=now,
        reason=str(number),
    )


async def test_who_may_not_deploy_is_refused_a_few_times_and_then_only_counted(room) -> None:
    await room.executor.start()
    for number in range(500):
        room.executor.note(request(number, MAL), MAL)
    room.executor.note(request(0), ANA)
    assert len(await room.said("refused")) == REFUSED_BURST + 1
    assert len(await room.said("success")) == 1
    assert "mal (496)" in room.notices["deploy requests"]
    room.seconds = 2 / REFUSED_RATE
    room.executor.note(request(501, MAL), MAL)
    assert len(await room.said("refused")) == REFUSED_BURST + 2, "who stops is heard again"


async def test_who_may_deploy_is_bounded_too(room) -> None:
    await room.executor.start()
    for number in range(100):
        room.executor.note(request(number), ANA)
    await room.said("refused")
    answered = {event.request for event in room.published if event.request}
    assert len(answered) == ALLOWED_BURST + 1


async def test_what_came_before_the_start_keeps_its_place_from_a_flood(room) -> None:
    room.executor.note(request(1), ANA)
    for number in range(500):
        room.executor.note(request(number, MAL), MAL)
    await room.executor.start()
    assert len(await room.said("success")) == 1


async def test_what_a_crash_left_unanswered_is_answered_and_nothing_of_it_runs(room) -> None:
    early = request(2)
    room.owed = [(request(1, now=NOW - 30_000), ANA), (early, ANA)]
    room.executor.note(early, ANA)
    await room.executor.start()
    (refused,) = await room.said("refused")
    assert refused.request == room.owed[0][0].key
    assert "expired" in refused.reason
    assert "nothing ran" in refused.reason
    (ran,) = await room.said("success")
    assert ran.request == early.key
