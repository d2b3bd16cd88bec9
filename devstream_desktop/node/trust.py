"""Duties of a node for its team: joins, certificates, the policy, its news.

To the mesh it is the exchange of policies (`mesh.policy_parts.PolicyExchange`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from itertools import pairwise

from devstream_desktop.control.errors import ControlError
from devstream_desktop.control.node_words import CHANGE_LOST
from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home
from devstream_desktop.mesh.service import Credentials
from devstream_desktop.node.board import Ask, Board, said_where
from devstream_desktop.node.renewal import Renewing
from devstream_desktop.node.team_events import LEFT, devices_of, events_of, team_event
from devstream_desktop.stream.event import Event, fact_key
from devstream_desktop.stream.words import Kind
from devstream_desktop.team import (
    End,
    Enrolment,
    Team,
    changes,
    is_renewal,
    membership,
    six_words,
)

MAX_TO_ABSORB = 8
TURN_S = 3.0
"""Seconds that each admin leaves the one before it to sign."""
_DAY_MS = 86_400_000
_SAY_AGAIN_MS = 7 * _DAY_MS
"""An issuer's address is published again before history forgets it."""

_log = logging.getLogger(__name__)


class Trust:
    """One node's care for its team. Lives in the node's loop.

    Args:
        home: The node's.
        team: The node's.
        board: What the stream says of now.
        publish: Makes events part of the stream.
        spawn: Runs work beside everything else.
        use: Has the mesh take up credentials.
        notices: What is wrong, by where; kept up to date here under `team` and `enrol`.
        here: Where others reach this node now, HOST:PORT, the best first.
        addresses: Every address at which a peer may be.
        show: Shows peers that other documents are held, and screens that the status changed.
        ends: Ends of a device's feeds, as they are now.
        find: Looks for peers at these addresses, which are issuers'.

    """

    def __init__(
        self,
        *,
        home: Home,
        team: Team,
        board: Board,
        publish: Callable[[Sequence[Event]], Awaitable[None]],
        spawn: Callable[[Coroutine[object, object, None]], None],
        use: Callable[[Credentials], Awaitable[None]],
        notices: dict[str, str],
        here: Callable[[], Sequence[str]],
        addresses: Callable[[], Sequence[str]],
        show: Callable[[], None],
        ends: Callable[[str], Sequence[End]],
        find: Callable[[Sequence[str]], None],
    ) -> None:
        self._home = home
        self._team = team
        self._board = board
        self._publish = publish
        self._spawn = spawn
        self._use = use
        self._notices = notices
        self._ends = ends
        self._find = find
        self._trusted = team.ca_pem
        self._absorbing = asyncio.Lock()
        self._to_absorb = 0
        self._looking = asyncio.Lock()
        self._keeping = asyncio.Lock()
        self._started = False
        """The mesh has credentials, so new ones must be handed to it."""
        self.enrolment = Enrolment(team, addresses=here, ends=ends, on_asked=self._on_asked)
        self.renewing = Renewing(
            team=team,
            addresses=addresses,
            spawn=spawn,
            show=show,
            use=self._show_if_started,
            notices=notices,
        )

    def credentials(self) -> Credentials:
        """Give what this node shows and believes in TLS."""
        self._trusted, self._started = self._team.ca_pem, True
        own = self._team.certificate
        return Credentials(self._trusted, own.pem, own.key_pem)

    async def start(self) -> None:
        """Get a certificate.

        An issuer renews its own before anybody is met; others meet their issuer first.
        """
        if self._team.admissions.open:
            await self.renewing.look()

    async def stop(self) -> None:
        """Let nobody join any more."""
        await self.enrolment.stop()

    def version(self) -> int:
        """Return the policies as the mesh sees them: a number that says what is held.

        Renewals travel with them, and are in its last 12 bits as proposals are.
        """
        return self._team.chain.stamp ^ self._team.renewals.stamp

    def documents(self, after_version: int, *, again: bool = False) -> list[bytes]:
        """List the policies that a peer with this number lacks; `again` as `PolicyExchange`."""
        if after_version == self.version():
            return []
        # An older node takes nothing after a document that it does not know, so policies are first.
        policies = self._team.chain.documents(after_version, again=again)
        return [*policies, *self._team.renewals.documents()]

    def absorb(self, documents: list[bytes]) -> bool:
        """Take policies that a peer sent, soon.

        Checking and syncing them to disk would hold up the loop.

        What comes while many wait already is dropped; whoever has something new says so again.
        """
        # Whoever floods with policies takes no more memory than this.
        if self._to_absorb < MAX_TO_ABSORB:
            self._to_absorb += 1
            self._spawn(self._absorb(documents))
        return False

    async def _absorb(self, documents: list[bytes]) -> None:
        async with self._absorbing:
            try:
                policies = [one for one in documents if not is_renewal(one)]
                if policies:
                    await asyncio.to_thread(self._team.absorb, policies)
                # After them, because who may ask and answer is in them.
                renewals = [one for one in documents if is_renewal(one)]
                if renewals:
                    await self.renewing.absorb(renewals)
            except DevstreamError as error:
                _log.warning("a policy that a peer sent was not taken: %s", error)
            finally:
                self._to_absorb -= 1

    async def policy_changed(self) -> None:
        """Follow the policy: the door, the authorities, the stream.

        Do again what was lost to another admin's change.
        """
        try:
            await asyncio.to_thread(self._team.restore)
        except DevstreamError as error:
            self._notices["team"] = CHANGE_LOST.format(reason=error)
            _log.warning("%s", self._notices["team"])
        await self.renewing.policy_changed()
        await self.look()
        await self.announce()

    async def look(self) -> None:
        """See to everything that is due."""
        async with self._looking:
            await self.renewing.look()
            # A new issuer is believed without a restart.
            if self._team.ca_pem != self._trusted:
                await self._show()
            with suppress(DevstreamError):  # a full disk says so elsewhere; there are weeks left
                await asyncio.to_thread(self._team.renew_policy)
            await self._let_go()
            await self._tend_door()

    async def announce(self) -> None:
        """Say in the stream what this device has signed of late.

        A fact that is known is not said again.
        """
        links, now = self._team.chain.links, self._team.now()
        for before, link in pairwise(links):
            # Each admin reports its own changes, once: others have them too.
            if self._team.device.id in link.signed_by and link.policy.issued > now - _DAY_MS:
                await self._say(events_of(self._team, before.policy, link, self._board.left))

    async def reject(self, ask: Ask) -> None:
        """Turn somebody away who waits to be let in."""
        key = fact_key(self._team.id, Kind.TEAM, "rejected", ask.device, str(ask.at))
        reason = f"by {self._team.person}"
        await self._publish(
            [
                team_event(
                    "rejected",
                    key,
                    self._team.now(),
                    subject=f"member/{ask.device}",
                    actor=ask.person,
                    reason=reason,
                )
            ]
        )

    def note(self, events: Sequence[Event]) -> None:
        """News from the stream: an issuer drops whom an admin rejected, an admin who left."""
        for event in events:
            if event.kind is not Kind.TEAM:
                continue
            if event.state == "rejected" and self._team.admissions.open:
                self._spawn(self._drop(event.subject.removeprefix("member/")))
            elif event.state == "left" and self._team.is_admin:
                self._spawn(self._let_go_in_turn())
        # At once: a laptop may be shut before the next look.
        if any(event.kind is Kind.TEAM and event.state == "issuing" for event in events):
            self._spawn(self._keep_doors())

    async def _drop(self, device: str) -> None:
        with suppress(ValueError):  # a subject that names no device
            await asyncio.to_thread(self._team.admissions.reject, device)

    async def _let_go_in_turn(self) -> None:
        # A turn each, so that not every admin's node signs the same at once.
        turn = self._team.chain.current.active_admins().index(self._team.device.id)
        # Nor before the device has heard that its word came, for this ends its links.
        await asyncio.sleep(TURN_S * (turn + 1))
        await self._let_go()

    async def _let_go(self) -> None:
        """Revoke the devices that left, where this one may."""
        team = self._team
        if not team.is_admin:
            return
        for device in [one for one in self._board.left if team.chain.current.is_member(one)]:
            # What an admin has proposed already, and waits for others.
            proposed = [one for one in team.chain.proposals if device in one.policy.revoked]
            try:
                if not proposed:
                    change = changes.revoke([device], LEFT, team.now(), self._ends(device))
                    await asyncio.to_thread(team.change, change)
                elif all(team.device.id not in one.signed_by for one in proposed):
                    await asyncio.to_thread(team.approve, proposed[0].hash)
            except DevstreamError as error:
                _log.warning("%s cannot be let go: %s", device[:8], error)

    async def leave(self) -> None:
        """Say in the stream that this device goes by its own will.

        Raises:
            PolicyError: the team would be left without an admin; what to do first.
            ControlError, HistoryError: it cannot be said.

        """
        team, now = self._team, self._team.now()
        policy = team.chain.current
        changes.check_leave(policy, team.device.id)
        event = team_event(
            "left",
            fact_key(team.id, Kind.TEAM, "left", team.device.id),
            now,
            subject=f"member/{team.device.id}",
            actor=team.person,
            title=policy.machines.get(team.device.id, ""),
            count=len(policy.devices_of(team.person)) - 1,
        )
        await self._publish([event])

    def waiting(self) -> tuple[Ask, ...]:
        """List who waits for an admin's approval."""
        policy = self._team.chain.current
        return tuple(
            ask for ask in self._board.waiting(self._team.now()) if ask.device not in policy.persons
        )

    async def _show_if_started(self) -> None:
        if self._started:
            await self._show()

    async def _show(self) -> None:
        try:
            await self._use(self.credentials())
        except DevstreamError as error:
            # The mesh tries again by itself; the door must not wait for it.
            _log.warning("%s", error)

    async def _tend_door(self) -> None:
        try:
            await self.enrolment.look()
            self._notices.pop("enrol", None)
        except DevstreamError as error:
            # Nobody can join just now; everything else goes on.
            self._notices["enrol"] = str(error)
            _log.warning("%s", error)
        if self._team.admissions.open:
            await self._say_door(self.enrolment.addresses)
        await self._keep_doors()

    async def _keep_doors(self) -> None:
        """Remember the issuers' own addresses, and have the mesh look there."""
        known = {device: where for device, (_, where) in self._board.doors.items()}
        async with self._keeping:
            with suppress(OSError):
                await asyncio.to_thread(membership.note_doors, self._home, known)
            doors = await asyncio.to_thread(membership.doors, self._home)
        policy, own = self._team.chain.current, self._team.device.id
        issuers = [one for one in doors if one != own and policy.is_issuer(one)]
        self._find([where for one in issuers for where in doors[one]])

    async def _say_door(self, where: Sequence[str]) -> None:
        device, now = self._team.device.id, self._team.now()
        said_at, said = self._board.doors.get(device, (0, ()))
        # Each word is an entry on every disk, so it is not repeated each minute. One that went away
        # does no harm: off every network the last word stays true for others.
        known = not set(said_where(where)) - set(said) and abs(now - said_at) < _SAY_AGAIN_MS
        if not where or known or len(self._team.chain.current.persons) == 1:
            return
        key = fact_key(device, Kind.TEAM, "issuing", str(now))
        first, *others = said_where(where)
        await self._say(
            [
                team_event(
                    "issuing",
                    key,
                    now,
                    subject=f"issuer/{device}",
                    actor=self._team.person,
                    executor=device,
                    # Nodes of before read the first only.
                    reason=first,
                    title=" ".join(others),
                    quiet=True,
                )
            ]
        )

    def _on_asked(self, newcomer: changes.Newcomer, expires: int) -> None:
        device, person = newcomer.device, newcomer.person
        key = fact_key(self._team.id, Kind.TEAM, "asked", device, person, str(expires))
        reason = f"{six_words(device)}: devstream team approve-join {device[:8]}"
        event = team_event(
            "asked",
            key,
            self._team.now(),
            subject=f"member/{device}",
            actor=person,
            reason=reason,
            expires=expires,
            title=newcomer.machine,
            count=devices_of(self._team.chain.current, person) + 1 if newcomer.another else 0,
            previous=newcomer.replaces,
        )
        self._spawn(self._say([event]))

    async def _say(self, events: Sequence[Event]) -> None:
        try:
            await self._publish(events)
        except ControlError as error:
            _log.info("not said: %s", error)
