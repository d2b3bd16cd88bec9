"""A team of six over a year: `python tests/year/year.py SEED [DAYS]` tells one seed's story.

Two admins, an office behind a router with one forwarded port, homes, addresses that change each
week, days with IPv6 alone, holidays of 40 and 100 days, a laptop that is replaced, one that is
stolen, a founder who leaves. Whatever a person does by a command is done by the product's own
code; time is the loop's.
"""

from __future__ import annotations

import asyncio
import os
import random
import ssl
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from judge import Judge
from machine import CALLER, Machine
from places import OUTER, PORT, Kind, Place, World
from virtual_time import VirtualLoop

from devstream_desktop.address import join
from devstream_desktop.node import renewal
from devstream_desktop.stream.words import Role
from devstream_desktop.team import Team, changes
from devstream_desktop.team import enrolment as enrolment_module
from devstream_desktop.team.joining import admissions, client, wire
from devstream_desktop.team.joining.errors import JoinError, Problem

DAY_S = 86_400.0
BEGIN_MS = 1_790_000_000_000
PEOPLE = ("ana", "bo", "cy", "di", "ed", "flo")


class Year:
    """One story: the machines, their networks, and who is meant to be in."""

    def __init__(self, loop: VirtualLoop, folder: Path, seed: int, days: int, work: float) -> None:
        self.loop, self.folder, self.days, self.work = loop, folder, days, work
        self.rng = random.Random(seed)
        self.strangers = 0.015
        """The part of the days on which whoever is out tries to be in."""
        self.office = Place("office", 1)
        self.homes = {person: Place(person, 2 + n) for n, person in enumerate(PEOPLE)}
        self.world = World([self.office, *self.homes.values()])
        self.machines: list[Machine] = []
        self.members: set[Machine] = set()
        """The machines that should be in."""
        self.away: dict[str, tuple[int, int]] = {}
        """By person: first and last day of a holiday."""
        self.stirred = 0.0
        self.judge = Judge(self)
        self.grumbles: list[str] = []
        self._laptops: dict[str, Machine] = {}
        self._desks: list[Machine] = []

    @property
    def seconds(self) -> float:
        return self.loop.now

    def ms(self) -> int:
        return BEGIN_MS + round(self.loop.now * 1000)

    def stir(self) -> None:
        self.stirred = self.seconds

    def grumble(self, machine: Machine, text: str) -> None:
        """Note what a machine said went wrong."""
        self.grumbles.append(f"day {self.seconds / DAY_S:.1f} {machine.name}: {text}")

    async def ask(
        self, address: str, issuer: str, question: wire.Question, context: ssl.SSLContext
    ) -> wire.Answer:
        """Carry a question to a door and its answer back, as `client._ask` does over TLS."""
        other = self.world.at(CALLER.get(), address)
        if not isinstance(other, Machine):
            await asyncio.sleep(self.rng.choice((0.1, client.ANSWER_S)))
            raise JoinError(Problem.UNREACHABLE, f"{address}: no answer in time")
        if other.device != issuer or not other.trust.enrolment.is_open:
            raise JoinError(Problem.UNREACHABLE, f"{address}: it hung up")
        believed = context.get_ca_certs(binary_form=True)
        if context.verify_mode and other.team.admissions.authority().der not in believed:
            raise JoinError(Problem.IMPOSTOR)
        asked = wire.decode_question(wire.encode(question))
        answer = await other.act(other.trust.enrolment._answer(asked))
        return wire.decode_answer(wire.encode(answer))

    # What people do.

    def machine(self, name: str, person: str) -> Machine:
        made = Machine(self, self.folder, name, person, 10 + len(self.machines))
        self.machines.append(made)
        return made

    def enter(self, machine: Machine, place: Place) -> None:
        """Take a machine into a network, with or without its node running."""
        for other in list(machine.links):
            machine.part(other)
        for one in self.world.places:
            if machine in one.guests:
                one.guests.remove(machine)
        place.guests.append(machine)
        machine.since = self.seconds
        self.stir()

    async def found(self) -> Machine:
        desk = self.machine("ana-desk", "ana")
        desk.named = (join(OUTER[0], PORT),)
        self.enter(desk, self.office)
        Team.create(desk.home, desk.vault(), "acme", "ana", now=self.ms)
        await desk.start()
        self.office.forwards = desk.name
        self.members.add(desk)
        self._desks.append(desk)
        return desk

    async def join(
        self, machine: Machine, place: Place, *, owner: str = "", replaces: str = ""
    ) -> None:
        """Let a machine in, by the invite of an admin that is up; it stays up."""
        self.enter(machine, place)
        by = self.admin()
        assert by is not None
        invite = await by.act(
            by.trust.enrolment.invite(86_400, approved=True, owner=owner, replaces=replaces)
        )
        joining = Team.join(machine.home, machine.vault(), str(invite), machine.person, now=self.ms)
        await machine.act(joining)
        await machine.start()
        self.members.add(machine)
        self.stir()

    def admin(self) -> Machine | None:
        """Return a machine of an admin that is up; None where there is none."""
        up = [one for one in (*self._desks, *self._laptops.values()) if one.up]
        return next((one for one in up if one in self.members and one.team.is_admin), None)

    def change(self, change: changes.Change) -> None:
        """Sign a change of the policy; an admin is up."""
        admin = self.admin()
        assert admin is not None
        admin.team.change(change)
        self.stir()

    async def restart(self, machine: Machine) -> None:
        await machine.stop()
        await asyncio.sleep(60)
        await machine.start()
        self.stir()

    async def leave(self, machine: Machine) -> None:
        """Shut a machine, and take it out of its network."""
        if machine.up:
            await machine.stop()
        place = self.world.of(machine)
        if place is not None:
            place.guests.remove(machine)
        self.stir()

    # Days.

    async def live(self) -> None:
        """Play the year."""
        watching = asyncio.ensure_future(self.judge.watch())
        await self.found()
        for person in PEOPLE[1:]:
            laptop = self._laptops[person] = self.machine(f"{person}-laptop", person)
            # Some come in at the office, some by the router's address.
            place = self.rng.choice((self.office, self.homes[person]))
            await self.join(laptop, place)
            await asyncio.sleep(600)
        self.change(changes.grant("bo", Role.ADMIN, "", self.ms()))
        await asyncio.sleep(600)
        self._plan()
        for day in range(1, self.days):
            await asyncio.sleep(day * DAY_S - self.seconds)
            self.night(day)
            days = [self.day(person, day) for person in self._laptops]
            await asyncio.gather(self.news(day), *days)
        watching.cancel()
        for machine in self.machines:
            await self.leave(machine)
        await asyncio.gather(watching, return_exceptions=True)

    def _plan(self) -> None:
        """Say when what happens, in parts of the year."""
        part = self.days / 365

        def on(first: int, last: int) -> int:
            return max(2, round(self.rng.randint(first, last) * part))

        cy, di = on(60, 150), on(120, 240)
        # Holidays are as long as they are: a shorter year has less else.
        self.away = {"cy": (cy, cy + 40), "di": (di, di + 100)}
        self._on = {
            on(30, 50): self._second_desk,
            on(90, 110): self._flo_is_out,
            on(140, 170): self._ed_has_another,
            on(200, 215): self._desk_is_off,
            on(240, 260): self._ana_leaves,
        }
        self._off_until = 0

    def night(self, day: int) -> None:
        """Give the networks of the day: other addresses each week, IPv6 alone on some days."""
        for place in self.world.places:
            place.week = day // 7
            place.kind = self.rng.choices((Kind.BOTH, Kind.FOUR, Kind.SIX), (7, 2, 1))[0]
            for machine in list(place.guests):
                assert isinstance(machine, Machine)
                self.enter(machine, place)
                if machine.up:
                    machine.stir()

    async def news(self, day: int) -> None:
        for desk in self._desks:
            if not desk.up and day > self._off_until:
                await desk.start()
            elif desk.up and day % 7 == 0:
                await self.restart(desk)
        await asyncio.sleep(11 * 3600)
        happening = self._on.get(day)
        if happening is None:
            return
        # What takes an admin waits for one.
        if self.admin() is None or day <= self._off_until:
            self._on[day + 1] = happening
        else:
            await happening(day)

    async def day(self, person: str, day: int) -> None:
        """One person's day: at the office, at home, moving at noon, or off."""
        laptop, (first, last) = self._laptops[person], self.away.get(person, (0, -1))
        if laptop.up:
            await self.leave(laptop)
        # Whoever is out tries now and then.
        often = (
            self.work * (0.95 if day % 7 < 5 else 0.2) if laptop in self.members else self.strangers
        )
        works = self.rng.random() < often
        if first <= day <= last or not works:
            return
        until = day * DAY_S + self.rng.uniform(7, 10) * 3600
        await asyncio.sleep(max(0.0, until - self.seconds))
        self.enter(laptop, self.rng.choice((self.office, self.office, self.homes[person])))
        await laptop.start()
        self.stir()
        await asyncio.sleep(self.rng.uniform(3, 4) * 3600)
        # With the lid shut on the way: it keeps running, in another network.
        if self.rng.random() < 0.2:
            self.enter(laptop, self.rng.choice((self.office, self.homes[person])))
            laptop.stir()
        await asyncio.sleep(self.rng.uniform(3, 4) * 3600)
        await self.leave(laptop)

    async def _second_desk(self, day: int) -> None:
        desk = self.machine("bo-desk", "bo")
        await self.join(desk, self.office, owner="bo")
        self._desks.append(desk)
        # An admin's new device is none of itself.
        self.change(changes.grant("bo", Role.ADMIN, "", self.ms()))

    async def _flo_is_out(self, day: int) -> None:
        flo = self._laptops.pop("flo")
        self.members.discard(flo)
        self.change(changes.revoke([flo.device], "left", self.ms(), ()))
        self._laptops["flo"] = flo  # she goes on trying

    async def _ed_has_another(self, day: int) -> None:
        old, new = self._laptops["ed"], self.machine("ed-laptop-2", "ed")
        self.members.discard(old)
        await self.join(new, self.office, owner="ed", replaces=old.device)
        self._laptops["ed"] = new
        self._laptops["whoever has ed's old one"] = old
        self.homes["whoever has ed's old one"] = self.homes["ed"]

    async def _desk_is_off(self, day: int) -> None:
        """The office has no power for a week and a half."""
        self._off_until = day + 10
        for desk in self._desks:
            await desk.stop()
        self.stir()

    async def _ana_leaves(self, day: int) -> None:
        ana, bo = (next(one for one in self._desks if one.person == who) for who in ("ana", "bo"))
        bo.named, ana.named = ana.named, ()
        self.office.forwards = bo.name
        self.change(changes.grant("cy", Role.ADMIN, "", self.ms()))
        await asyncio.sleep(300)
        await self.leave(ana)
        self.members.discard(ana)
        self._desks.remove(ana)
        self.change(changes.revoke([ana.device], "left", self.ms(), ()))


@contextmanager
def played(year: Callable[[], Year], folder: Path) -> Iterator[None]:
    """Let the product's code run by the loop's time, over the year's wire, without a slow disk."""
    steady = SimpleNamespace(monotonic=lambda: year().seconds)

    async def ask(*given: object) -> wire.Answer:
        return await year().ask(*given)  # type: ignore[arg-type]

    with (
        mock.patch.dict(os.environ, {"DEVSTREAM_KEY_FILE": str(folder / "key")}),
        mock.patch.object(client, "_ask", ask),
        mock.patch.object(enrolment_module, "time", steady),
        mock.patch.object(admissions, "time", steady),
        mock.patch.object(renewal, "monotonic", steady.monotonic),
        mock.patch.object(os, "fsync", return_value=None),
    ):
        yield


def play(
    folder: Path, seed: int, days: int = 365, work: float = 1.0, strangers: float = 0.015
) -> Year:
    """Tell the story of a seed; what is wrong is in its judge's faults.

    `work` is the part of the working days on which people work.
    """
    loop = VirtualLoop()
    year = Year(loop, folder, seed, days, work)
    year.strangers = strangers
    with played(lambda: year, folder), asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(year.live())
    return year


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        told = play(Path(folder), int(sys.argv[1]), int((*sys.argv[2:], "365")[0]))
    judge = told.judge
    said = [*judge.faults, f"{judge.looks} looks, {judge.needed} at who had to be in"]
    sys.stdout.write("\n".join(said) + "\n")
    sys.exit(bool(judge.faults))
