"""The oracle of the year: who should be in is in within a minute, and who should be out never is.

It knows the networks and the roster as they are meant, and asks no part of the product who may
reach whom.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from machine import Machine, trusted

if TYPE_CHECKING:
    from year import Year

PATIENCE_S = 60.0
LOOK_S, REST_S = 20.0, 3600.0
"""Between two looks: after something has changed, and when all is quiet."""


class Judge:
    """Looks at everybody now and then, and collects what is wrong."""

    def __init__(self, year: Year) -> None:
        self.year = year
        self.faults: list[str] = []
        self.looks = self.needed = 0
        """Looks at one machine, and those at which it had to be in."""
        self._out: dict[Machine, float] = {}
        self._near: dict[tuple[Machine, Machine], float] = {}

    async def watch(self) -> None:
        while True:
            busy = self.year.seconds - self.year.stirred < 200
            await asyncio.sleep(LOOK_S if busy else REST_S)
            self.look()

    def look(self) -> None:
        """See who is in now."""
        up = [machine for machine in self.year.machines if machine.up]
        members = [one for one in up if one in self.year.members]
        for one in members:
            self.looks += 1
            helpers = [other for other in members if other is not one and self._helps(one, other)]
            if helpers and not one.links:
                began = self._out.setdefault(one, self.year.seconds)
                # A look may be as much later as it is rare.
                if self.year.seconds - began > PATIENCE_S + LOOK_S:
                    names = ", ".join(other.name for other in helpers)
                    self._fault(f"{one.name} is out, though {names} could link with it")
                    self._out[one] = self.year.seconds
            else:
                self._out.pop(one, None)
            self.needed += bool(helpers)
            self._policy(one)
        for one in up:
            if one not in self.year.members:
                self._stranger(one)

    def _helps(self, one: Machine, other: Machine) -> bool:
        """Return True when `other` alone is enough for `one` to be in."""
        now, reaches = self.year.seconds, self.year.world.reaches
        settled = all(now - machine.since >= PATIENCE_S for machine in (one, other))
        to, fro = reaches(one, other), reaches(other, one)
        if not settled or not (to or fro):
            return False
        known = one.team.gate(other.device) is None and other.team.gate(one.device) is None
        return known and _good(one, other, asks=to) and _good(other, one, asks=fro)

    def _policy(self, one: Machine) -> None:
        """A policy never ends while an admin is linked."""
        policy = one.team.chain.current
        admin = any(policy.has_role(other.device, "admin") for other in one.links)
        if admin and policy.expires < self.year.ms():
            self._fault(f"the policy of {one.name} has ended beside an admin")

    def _stranger(self, one: Machine) -> None:
        """Whoever is out has no link with those who know, nor with those whom they have told."""
        for other in one.links:
            told = [peer for peer in other.links if peer.team.gate(one.device) is not None]
            began = self._near.setdefault((one, other), self.year.seconds) if told else None
            late = began is not None and self.year.seconds - began > PATIENCE_S + LOOK_S
            if other.team.gate(one.device) is not None or late:
                self._fault(f"{one.name}, which is out, is linked with {other.name}")
        gone = [pair for pair in self._near if pair[0] is one and pair[1] not in one.links]
        for pair in gone:
            del self._near[pair]

    def _fault(self, text: str) -> None:
        day, left = divmod(self.year.seconds, 86_400)
        self.faults.append(f"day {day:.0f}, {left / 3600:.2f} h: {text}")


def _good(one: Machine, other: Machine, *, asks: bool) -> bool:
    """True where `one` can show `other` a certificate, or `other` would give it one."""
    pem, policy = one.team.certificate.pem, other.team.chain.current
    lasts = one.team.certificate.expires > one.year.ms()
    return (lasts and trusted(pem, policy)) or (asks and other.issuer)
