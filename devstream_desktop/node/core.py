"""One running node: it starts the rooms in order and passes news between them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from devstream_desktop.clock import now_ms
from devstream_desktop.control.errors import ControlError
from devstream_desktop.errors import DevstreamError
from devstream_desktop.history.log import History
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.keys import Vault, verify
from devstream_desktop.mesh.replica.expiry import EVER
from devstream_desktop.mesh.service import Credentials, Identity, Mesh, Network
from devstream_desktop.node import board
from devstream_desktop.node.board import Board
from devstream_desktop.node.carrier_lines import CarrierLines
from devstream_desktop.node.carriers import Carriers
from devstream_desktop.node.deploy_archive import DeployArchive
from devstream_desktop.node.descriptors import Descriptors
from devstream_desktop.node.executor import Executor
from devstream_desktop.node.membership import Membership
from devstream_desktop.node.monitoring.tally import Tally
from devstream_desktop.node.opening import open_history, open_team
from devstream_desktop.node.options import Options
from devstream_desktop.node.ports import load_peers, load_port, save_peers, save_port
from devstream_desktop.node.progress import CatchUpProgress
from devstream_desktop.node.reach import Reach
from devstream_desktop.node.roles import Roles, pages
from devstream_desktop.node.secrets import reader
from devstream_desktop.node.size_limit import SizeLimit
from devstream_desktop.node.tasks import Tasks
from devstream_desktop.node.trust import Trust
from devstream_desktop.node.upkeep import Upkeep
from devstream_desktop.outlet.feeds import Feeds
from devstream_desktop.outlet.sender import Sender
from devstream_desktop.settings import Settings, load_settings
from devstream_desktop.stream.entry import Entry
from devstream_desktop.stream.event import Event, InvalidEventError, encode_event
from devstream_desktop.stream.fact import event_of, fact_id
from devstream_desktop.stream.words import Role
from devstream_desktop.team import End, Team, ends

if TYPE_CHECKING:
    from devstream_desktop.intake.service import Intake

_DAY_MS = 86_400_000
MAX_ENDS = 32
"""Feeds of a revoked device of which the end is named."""

_log = logging.getLogger(__name__)


class Node:
    """The rooms of one home, running. Made by `start`; `stop` ends it."""

    def __init__(
        self,
        home: Home,
        options: Options,
        on_news: Callable[[], None],
        on_damage: Callable[[], None] = lambda: None,
        vault: Vault | None = None,
    ) -> None:
        """Prepare the node.

        Args:
            home: Its home.
            options: Of this run.
            on_news: Called when there is something new to report.
            on_damage: Called when the node must start anew to mend its history.
            vault: The vault, if it is open already.

        """
        self.home = home
        self.options = options
        self._on_news = on_news
        self._on_damage = on_damage
        self.notices: dict[str, str] = {}
        """Faults by place, a sentence each."""
        self.revision = 0
        """Grows whenever something that `status` shows changed."""
        self._tasks = Tasks()
        self.spawn = self._tasks.spawn
        self._vault = vault
        self.board = Board()
        # From here on: set by `start`, in this order; each part's end is registered when it is
        # opened.
        self._ends = AsyncExitStack()
        self._loop: asyncio.AbstractEventLoop
        self.settings: Settings
        self.vault: Vault
        self.team: Team
        self.history: History
        self.trust: Trust
        self.executor: Executor
        self.roles: Roles
        self.archive: DeployArchive
        self.mesh: Mesh
        self.carriers: Carriers
        self.carrier_lines: CarrierLines
        self.sender: Sender
        self.feeds: Feeds
        self.reach: Reach
        self.metrics_url = ""
        """Base URL of the monitoring page; empty where there is none."""
        self.tally = Tally()
        self.descriptors = Descriptors(self.changed)
        self._catching_up = CatchUpProgress(self._missing, self.changed, self.spawn)

    async def start(self) -> None:
        """Open everything and begin to talk.

        Raises:
            NoTeamError: this home belongs to no team.
            VaultError, HistoryError, SettingsError, SourcesError, MeshError, RunsError: each says
                what to do.

        What was opened before the failure is closed again.

        """
        async with AsyncExitStack() as ends:
            await self._open(ends)
            self._ends = ends.pop_all()

    async def _open(self, ends: AsyncExitStack) -> None:
        self._loop = asyncio.get_running_loop()
        ends.callback(self.descriptors.close)
        ends.push_async_callback(self._tasks.end)
        self.spawn(self.descriptors.watch())
        self.settings = await asyncio.to_thread(load_settings, self.home.settings)
        self.vault = (
            self._vault
            if self._vault is not None
            else await asyncio.to_thread(Vault.open, self.home)
        )
        self.team = await asyncio.to_thread(open_team, self.home, self.vault, self.options)
        self.history, mended = await asyncio.to_thread(open_history, self.home, self.team)
        if mended:
            self.notices["history"] = mended
        self.history.on_group = self._on_news
        ends.callback(self.history.close)
        await asyncio.to_thread(self._fill_board)
        self.sender = Sender(self.home, self.vault, now_ms)
        self.feeds = Feeds(self.home, self.vault, self.team.name, now_ms)
        self.reach = await self._make_reach()
        self.trust = self._make_trust()
        self.executor = self._make_executor()
        self.roles = Roles(self.team, self.executor, self._make_intake, self.notices)
        self.archive = DeployArchive(
            self.home.archive, self.team, self.notices, now=self._time_to_forget
        )
        ends.push_async_callback(self.trust.stop)
        await self.trust.start()
        # Before the mesh, which may bring a new policy at once.
        self.team.on_change = self._on_policy
        await self._start_mesh(ends)
        self.carriers = Carriers(self.home, self.vault, self.team, self.mesh)
        self.carrier_lines = CarrierLines(
            self.device, self._is_collector, self._last_word, self.publish
        )
        # Whoever makes events ends before the mesh that takes them away: the executor first.
        ends.push_async_callback(self.trust.stop)
        ends.push_async_callback(self._tasks.end)
        ends.push_async_callback(self.roles.stop_intake)
        ends.push_async_callback(self.executor.stop)
        ends.callback(self._ignore_policies)
        await self.trust.look()
        await self.trust.announce()
        await self.roles.follow()
        fitting = SizeLimit(
            self.history, self.mesh.forget, lambda: self.team.chain.current, self.notices
        )
        care = Upkeep(
            self.history, fit=fitting.look, restart=self._on_damage, minutely=self._minutely
        )
        self.spawn(care.run())
        self.spawn(self.sender.run())
        self.spawn(self.carriers.run())

    async def stop(self) -> None:
        """End every part, those that make events first."""
        await asyncio.to_thread(save_peers, self.home, self.mesh.known_addresses(), now_ms())
        await self._ends.aclose()

    def _ignore_policies(self) -> None:
        self.team.on_change = None

    @property
    def device(self) -> str:
        return self.team.device.id

    @property
    def mesh_address(self) -> str:
        """The best address at which others reach this node now, HOST:PORT."""
        return self.reach.shown

    async def open_to(self, *, joining: bool = False) -> None:
        """Listen for others as far as there may be some; `joining`: somebody is invited now.

        Raises:
            MeshError: the port cannot be listened on.

        """
        if await self.reach.follow(joining=joining):
            await asyncio.to_thread(save_port, self.home, self.reach.port)
            self.changed()

    @property
    def on_duty(self) -> bool:
        """This person's duty; on until they say otherwise."""
        said = self.board.duty.get(self.team.person)
        return said is None or said[1]

    async def publish(self, events: Sequence[Event]) -> None:
        """Make these part of the stream: durable here and on their way when this returns.

        Facts already known are not said again.

        Raises:
            ControlError: this device may not author one of them; nothing of the call was published.
            HistoryError: the disk is full or fails; nothing of the call was published.

        """
        now = now_ms()
        for event in events:
            if refusal := self.team.refusal_of(self.device, event, now):
                raise ControlError(refusal)
        # A collector that starts anew sees much that is published already.
        new = [event for event in events if not self.history.knows(fact_id(event, self.device))]
        if new:
            await self.mesh.publish([encode_event(event) for event in new])

    def changed(self) -> None:
        """Something that `status` shows changed."""
        self.revision += 1
        self._on_news()

    async def _minutely(self) -> None:
        await self.trust.look()
        await self._follow_reach()
        await self.roles.follow()  # what could not begin may do so now
        await self.carrier_lines.look(self.carriers.status(), now_ms())
        await asyncio.to_thread(save_peers, self.home, self.mesh.known_addresses(), now_ms())

    def _is_collector(self) -> bool:
        return self.team.chain.current.has_role(self.device, Role.COLLECTOR)

    def _last_word(self, of: Event) -> Event | None:
        with Reader(self.home.history) as reader:
            thing = reader.thing(of)
        return thing.line.event if thing is not None else None

    def _missing(self) -> tuple[int, int]:
        return self.mesh.catch_up()

    def _fill_board(self) -> None:
        with Reader(self.home.history) as reader:
            self.board.fill(reader)

    async def _start_mesh(self, ends: AsyncExitStack) -> None:
        settings = self.settings.mesh
        self.mesh = Mesh(
            store=self.history,
            identity=Identity(self.device, self.team.id, self.team.device.sign, verify),
            membership=Membership(self.team),
            credentials=self.trust.credentials(),
            policies=self.trust,
            retention_ms=self.team.chain.current.retention_days * _DAY_MS,
            clock=now_ms,
            on_entries=self._on_entries,
            on_catch_up=self._catching_up.begin,
            on_disbelieved=self.trust.renewing.disbelieved,
            on_ask=self._on_ask,
            alone=lambda: self.team.chain.current.of_one_device,
            network=Network(
                listen=self.options.listen or settings.listen,
                peers=(*self.options.peers, *settings.peers),
                hints=(
                    *await asyncio.to_thread(load_peers, self.home),
                    *self.team.peer_hints,
                ),
                discovery=self.options.discovery and settings.discovery,
                services={self.device: self.trust.enrolment.service},
                addresses=self.reach.addresses,
            ),
        )
        # Sockets that are left open with requests parked can abort the process at its exit.
        ends.push_async_callback(self.mesh.stop)
        await self.reach.start(self.mesh.start, self.mesh.move)
        await asyncio.to_thread(save_port, self.home, self.reach.port)

    def _nobody_can_come(self) -> bool:
        return self.team.chain.current.of_one_device and self.team.admissions.open_for() <= 0

    async def _follow_reach(self) -> None:
        try:
            await self.open_to()
        except DevstreamError as error:
            _log.warning("%s", error)

    async def _make_reach(self) -> Reach:
        return Reach(
            self.options.listen or self.settings.mesh.listen,
            await asyncio.to_thread(load_port, self.home),
            named=self.settings.mesh.addresses,
            alone=self._nobody_can_come,
            notices=self.notices,
        )

    def _make_trust(self) -> Trust:
        return Trust(
            home=self.home,
            team=self.team,
            board=self.board,
            publish=self.publish,
            spawn=self.spawn,
            use=self._use_credentials,
            notices=self.notices,
            here=self.reach.addresses,
            addresses=lambda: self.mesh.addresses() if self.reach.bound else [],
            show=self._show_policies,
            ends=self.ends,
            find=lambda places: self.mesh.know(places) if self.reach.bound else None,
        )

    def ends(self, device: str, until: int = 0) -> list[End]:
        """Return the last entry of each of a device's feeds; called in the loop.

        `until` is UTC milliseconds, 0 for all that is held.
        """
        # Not up to now: its clock may be ahead of this one, and what it wrote stays true.
        known = self.mesh.ends(device, until or EVER) if self.reach.bound else []
        # The newest feeds come first, and a policy has room for so many.
        return [End(*end) for end in known[:MAX_ENDS]]

    def _make_executor(self) -> Executor:
        began = now_ms()
        return Executor(
            home=self.home,
            team=self.team,
            publish=self.publish,
            spawn=self.spawn,
            notices=self.notices,
            knows=self.history.knows,
            unanswered=self._unanswered_requests,
            secret=reader(self.vault),
            # What its copy wrote before this start says nothing: whoever ended the copy started
            # this node anew.
            copied=lambda: self.mesh.living_twice().get(self.device, 0) > began,
        )

    def _unanswered_requests(self) -> list[tuple[Event, str]]:
        with Reader(self.home.history) as reader:
            return board.unanswered(reader, self.device, now_ms())

    def _show_policies(self) -> None:
        # An issuer renews its own certificate before the mesh begins.
        if self.reach.bound:
            self.mesh.show_policies()
        self.changed()

    async def _use_credentials(self, credentials: Credentials) -> None:
        await self.mesh.renew(credentials)

    def _make_intake(self) -> Intake:
        # Only in a collector: of three hundred desks one or two.
        from devstream_desktop.intake.service import Intake

        listen = self.options.intake or self.settings.intake.listen
        return Intake(
            self.home,
            self.vault,
            self.publish,
            known=self.history,
            listen=listen or None,
            now=now_ms,
            pages=lambda: pages(self.feeds, self.executor),
        )

    def _time_to_forget(self) -> int | None:
        return self.mesh.time_to_forget()

    def _on_entries(self, entries: list[Entry]) -> None:
        if self.archive.wants(entries):
            self.spawn(self.archive.keep(entries))
        events: list[Event] = []
        for entry in entries:
            with contextlib.suppress(InvalidEventError):
                event = event_of(entry)
                events.append(event)
                self.executor.note(event, entry.device)
        if self.board.note(events):
            self.revision += 1
        self.tally.note(events, intake.names if (intake := self.roles.intake) is not None else ())
        self.trust.note(events)
        self._on_news()

    async def _on_ask(self, device: str, topic: str, body: bytes) -> bytes:
        if topic != "deploy":
            raise ControlError("this node does not know what is asked; update it")
        return await self.executor.answer(device, body)

    def _on_policy(self) -> None:
        # The team changes in worker threads: joins and grants write files.
        self._loop.call_soon_threadsafe(lambda: self.spawn(self._policy_changed()))

    async def _policy_changed(self) -> None:
        policy = self.team.chain.current
        self.history.follow(policy.persons, ends(policy))
        self.mesh.keep_for(policy.retention_days * _DAY_MS)
        # A shorter time counts for what is there; a renewed policy ends what grew old meanwhile.
        await self.archive.keep()
        self.mesh.policy_changed()
        await self._follow_reach()
        await self.roles.follow()
        self.changed()
        await self.trust.policy_changed()
        self.changed()
