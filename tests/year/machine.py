"""One machine of the year: the product's team, trust, doors and overlay over a simulated wire.

What is real: the files of a home, the policies, certificates, invites, joins and renewals, the
care for all of them (`node.trust`, `node.renewal`, `team.enrolment`), the stream's board, the
choice of whom to dial. What is played: the network, TLS (a certificate is judged as TLS does, by
its authority and its dates), and the exchange of documents and events over a link.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import Coroutine, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home
from devstream_desktop.keys import Vault
from devstream_desktop.mesh.address import may_be_named, may_be_said
from devstream_desktop.mesh.overlay.known import Source
from devstream_desktop.mesh.overlay.table import Overlay
from devstream_desktop.node.board import Board
from devstream_desktop.node.ports import load_peers, save_peers
from devstream_desktop.node.trust import Trust
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.fact import fact_id
from devstream_desktop.stream.words import Role
from devstream_desktop.team import Policy, Team
from devstream_desktop.team.certificates import is_trusted, load_certificate

if TYPE_CHECKING:
    from year import Year

CALLER: contextvars.ContextVar[Machine] = contextvars.ContextVar("caller")
"""The machine whose code runs: whoever asks at a door."""
RETENTION_MS = 30 * 86_400_000
HERE = "::"
Said = tuple[Event, str, int]
"""An event, its author's device, and its stamp (UTC milliseconds)."""


@cache
def dates(pem: str) -> tuple[float, float]:
    """Return when a certificate is valid, UTC milliseconds."""
    leaf = load_certificate(pem.encode())
    return tuple(
        1000 * at.timestamp() for at in (leaf.not_valid_before_utc, leaf.not_valid_after_utc)
    )


_trusted: dict[tuple[str, frozenset[str]], bool] = {}


def trusted(pem: str, policy: Policy) -> bool:
    """Return True when an authority of the policy has signed a certificate."""
    key = pem, policy.pins
    if key not in _trusted:
        _trusted[key] = is_trusted(pem, policy)
    return _trusted[key]


class Machine:
    """A home, and its node while that runs."""

    def __init__(self, year: Year, folder: Path, name: str, person: str, number: int) -> None:
        self.year, self.name, self.person, self.number = year, name, person, number
        self.home = Home(folder / name)
        self.named: tuple[str, ...] = ()
        """Addresses of its settings, as of the router before it."""
        self.up = False
        self.since = 0.0
        """Time of coming into the network where it is, seconds."""
        self.links: set[Machine] = set()
        self.said: dict[str, Said] = {}
        """Its history, by fact."""
        self.device = ""
        self.team: Team
        self.trust: Trust
        self._board: Board
        self._overlay: Overlay
        self._context = contextvars.copy_context()
        self._context.run(CALLER.set, self)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stirred = asyncio.Event()
        self._changed = 0.0

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Run `work` as this machine's, while it is up."""
        task = asyncio.get_running_loop().create_task(self._guarded(work), context=self._context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[object, object, None]) -> None:
        try:
            await work
        except DevstreamError as error:
            self.year.grumble(self, str(error))

    async def act(self, work: Coroutine[object, object, object]) -> object:
        """Do something as this machine, as a command of its person."""
        task = asyncio.get_running_loop().create_task(work, context=self._context)
        return await task

    def vault(self) -> Vault:
        return Vault.open(self.home)

    async def start(self) -> None:
        """Start its node where it is."""
        self.up, self.since = True, self.year.seconds
        team = self.team = Team.load(self.home, self.vault(), now=self.year.ms)
        team.renewals._clock = lambda: self.year.seconds
        self.device = team.device.id
        self._board = Board()
        self._overlay = Overlay(self.device, random.Random(self.year.rng.random()))
        for address in (*load_peers(self.home), *team.peer_hints):
            if may_be_named(address, HERE):
                self._overlay.learn(address, Source.HINT)
        now = self.year.ms()
        self.said = {key: one for key, one in self.said.items() if one[2] > now - RETENTION_MS}
        self._board.note([event for event, _, _ in self.said.values()])
        self.trust = Trust(
            home=self.home,
            team=team,
            board=self._board,
            publish=self._publish,
            spawn=self.spawn,
            use=self._use,
            notices={},
            here=self.addresses,
            addresses=self._overlay.addresses,
            show=self._show,
            ends=lambda _: (),
            find=self._find,
        )
        await self.trust.start()
        self.trust.credentials()
        team.on_change = lambda: self.spawn(self._policy_changed())
        self.spawn(self._care())
        self.spawn(self._dial())

    async def stop(self) -> None:
        """Shut it: its links end, and it remembers where peers were."""
        self.up = False
        for other in list(self.links):
            self.part(other)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.trust.stop()
        self.team.on_change = None
        self._remember()

    def addresses(self) -> list[str]:
        place = self.year.world.of(self)
        return [*self.named, *(place.addresses(self) if place else ())]

    @property
    def certified(self) -> bool:
        """True while a certificate of the team that has not ended is here."""
        return self.team.certificate.trusted and self.team.certificate.expires > self.year.ms()

    @property
    def issuer(self) -> bool:
        return self.team.chain.current.has_role(self.device, Role.ISSUER)

    def believes(self, other: Machine) -> bool:
        """Return True when TLS and the gate of this machine let the other in."""
        pem, policy = other.team.certificate.pem, self.team.chain.current
        begins, ends = dates(pem)
        dated = begins <= self.year.ms() <= ends
        return dated and trusted(pem, policy) and self.team.gate(other.device) is None

    def part(self, other: Machine) -> None:
        self.links.discard(other)
        other.links.discard(self)
        self.stir()
        other.stir()

    def stir(self) -> None:
        """Look soon whom to dial."""
        self._changed = self.year.seconds
        self._stirred.set()

    def _remember(self) -> None:
        save_peers(self.home, [one.address for one in self._overlay.good(16)], self.year.ms())

    async def _care(self) -> None:
        """As `Node.start`, and then its housekeeping: each minute, then ever more rarely."""
        await self.trust.look()
        await self.trust.announce()
        pause = 60.0
        while True:
            await asyncio.sleep(pause)
            # A door stays open for an hour, and a real node looks each minute.
            pause = min(2 * pause, 3000.0)
            await self.trust.look()
            self._remember()

    async def _dial(self) -> None:
        while True:
            for other in self.year.world.near(self):
                assert isinstance(other, Machine)
                for address in other.addresses():
                    if address not in other.named:
                        self._overlay.learn(address, Source.DISCOVERED)
            for other in list(self.links):
                if not (self.believes(other) and other.believes(self)):
                    self.part(other)
            linked = {other.device for other in self.links}
            for address in self._overlay.choose([], linked, self.year.ms()):
                self._knock(address)
            # Often after a change, as a real node each second; a link lives an hour, and then shows
            # its certificates anew.
            fresh = self.year.seconds - max(self.since, self._changed) < 180
            self._stirred.clear()
            try:
                # A real node without a link goes on trying each minute.
                async with asyncio.timeout(5 if fresh else 3600 if self.links else 600):
                    await self._stirred.wait()
                    await asyncio.sleep(1)
            except TimeoutError:
                pass

    def _knock(self, address: str) -> None:
        now, other = self.year.ms(), self.year.world.at(self, address)
        if not isinstance(other, Machine):
            self._overlay.lost(address, now)
        elif not (self.believes(other) and other.believes(self)):
            self._overlay.lost(address, now, refused=True)
            # TLS ends before any gate is asked, and says no more than that.
            if not trusted(self.team.certificate.pem, other.team.chain.current):
                self.trust.renewing.disbelieved()
        else:
            self._overlay.linked(address, other.device, now)
            if other not in self.links:
                self.links.add(other)
                other.links.add(self)
                self.spawn(self._level(other))
                other.hear(self, self.addresses())
                self.hear(other, other.addresses())
                for told, device in other._overlay.to_tell(self.device, {}):
                    if may_be_named(told, HERE):
                        self._overlay.learn(told, Source.GOSSIP, device)

    def hear(self, other: Machine, addresses: Sequence[str]) -> None:
        """Learn where a neighbour says that it is."""
        for address in addresses:
            if may_be_named(address, HERE):
                self._overlay.learn(address, Source.GOSSIP, other.device)

    def _find(self, addresses: Sequence[str]) -> None:
        """As `Mesh.know`."""
        for address in addresses:
            if may_be_said(address, HERE) and self._overlay.learn(address, Source.HINT):
                self.stir()

    async def _level(self, other: Machine) -> None:
        """Exchange documents and events until neither lacks any."""
        for _ in range(20):
            if other not in self.links:
                return
            for teller, hearer in ((self, other), (other, self)):
                if teller.trust.version() != hearer.trust.version():
                    hearer.trust.absorb(teller.trust.documents(hearer.trust.version()))
                hearer.take([one for key, one in teller.said.items() if key not in hearer.said])
            await asyncio.sleep(0.2)
            same = self.trust.version() == other.trust.version()
            if same and self.said.keys() == other.said.keys():
                return

    def take(self, told: Sequence[Said]) -> None:
        """Take a peer's events, those that their authors may publish."""
        now = self.year.ms()
        fresh = [one for one in told if one[2] > now - RETENTION_MS]
        news = [one for one in fresh if self.team.refusal_of(one[1], one[0], one[2]) is None]
        self._keep(news)

    async def _publish(self, events: Sequence[Event]) -> None:
        now = self.year.ms()
        self._keep([(event, self.device, now) for event in events])

    def _keep(self, news: Sequence[Said]) -> None:
        new = {fact_id(event, device): (event, device, at) for event, device, at in news}
        new = {str(key): one for key, one in new.items() if str(key) not in self.said}
        if not new:
            return
        self.said.update(new)
        events = [event for event, _, _ in new.values()]
        self._board.note(events)
        self.trust.note(events)
        self._show()

    def _show(self) -> None:
        """Pass on to every neighbour what is new here."""
        for other in self.links:
            self.spawn(self._level(other))

    async def _use(self, _: object) -> None:
        self.stir()

    async def _policy_changed(self) -> None:
        self.year.stir()
        for other in list(self.links):
            if not (self.believes(other) and other.believes(self)):
                self.part(other)
        self._overlay.retry_now()
        self._show()
        self.stir()
        await self.trust.policy_changed()
