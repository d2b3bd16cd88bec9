"""Status of a node: does it work, and if not, why."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from devstream_desktop import __version__
from devstream_desktop.clock import now_ms
from devstream_desktop.control.messages.status import RefusedStatus, SourceStatus, Status
from devstream_desktop.control.node_words import (
    CHANGE_TO_SIGN,
    CHANGES_TO_SIGN,
    COME_BACK,
    WAITS_TO_JOIN,
    WAITS_TO_JOIN_AGAIN,
)
from devstream_desktop.control.wording import count, counted
from devstream_desktop.history.reader import Progress, Reader
from devstream_desktop.installation import kind_of_package
from devstream_desktop.mesh.overlay.choice import SMALL_TEAM
from devstream_desktop.node.core import Node
from devstream_desktop.node.duplicate_keys import keys_used_twice
from devstream_desktop.node.executor import policy_trouble
from devstream_desktop.node.outlets import outlets_of
from devstream_desktop.node.presence import on_duty, presences
from devstream_desktop.node.reach import CLOSED
from devstream_desktop.node.team_advice import advice
from devstream_desktop.node.team_requests import roles_of
from devstream_desktop.outlet.status import Serving
from devstream_desktop.stream.words import Role

NAMED_OF_REASON = 5
"""Peers that are named for one reason.

Of addresses that nobody has any more there can be dozens.
"""


@dataclass(frozen=True)
class _Disk:
    events: int
    oldest: int
    newest: int
    size: int
    free: int
    package: str
    """Kind of package."""
    last_words: Mapping[str, int]
    """Time of each device's newest entry, UTC milliseconds."""
    aside: tuple[str, ...]
    """Files that could not be read."""
    refreshing: Progress | None
    """Progress of reading an earlier version's rows again; None when all are read."""


async def describe(node: Node) -> Status:
    """Describe a node. What is on the disk is read in a thread."""
    node.descriptors.look()  # what follows opens files
    disk = await asyncio.to_thread(_disk, node)
    await node.feeds.look()
    outlets, trouble = await asyncio.to_thread(outlets_of, node.home, _serving(node))
    mesh = node.mesh.status()
    policy = node.team.chain.current
    duty = on_duty(
        node.board.duty,
        policy.persons,
        presences(node.device, mesh.peers, disk.last_words, now_ms()),
        now_ms(),
        all_link=len(policy.persons) - 1 <= SMALL_TEAM,
    )
    return Status(
        version=__version__,
        device=node.device,
        person=node.team.person,
        team=node.team.name,
        team_id=node.team.id,
        solo=node.team.solo,
        members=len(policy.people()),
        roles=roles_of(node.team, node.team.person),
        on_duty=node.on_duty,
        duty=tuple(duty),
        duty_since=duty,
        mesh=node.mesh_address,
        addresses=tuple(node.reach.addresses()),
        closed=node.reach.closed,
        intake=node.roles.intake_url,
        metrics=node.metrics_url,
        installation=disk.package,
        discovery=CLOSED if node.reach.closed else mesh.discovery,
        peers=tuple(
            replace(peer, person=policy.person_of(peer.device) or "") for peer in mesh.peers
        ),
        refused=tuple(refused_lines(mesh.refused)),
        sources=await _sources(node),
        outlets=outlets,
        carriers=node.carriers.status(),
        targets=len(node.board.offers),
        events=disk.events,
        feeds=mesh.feeds,
        oldest=disk.oldest,
        newest=disk.newest,
        history_bytes=disk.size,
        disk_free=disk.free,
        missing=mesh.catching_up,
        catch_up_total=mesh.catch_up_total,
        lost=tuple(replace(one, person=policy.persons.get(one.device, "")) for one in mesh.missing),
        pruning_suspended=mesh.pruning_suspended,
        policy_trouble=policy_trouble(node.team.chain, now_ms()),
        can_invite=node.team.admissions.open,
        admins=policy.who_has(Role.ADMIN),
        policy_version=policy.version,
        policy_issued=policy.issued,
        policy_expires=policy.expires,
        certificate_expires=node.team.certificate.expires,
        notices=tuple(_notices(node, (*disk.aside, trouble), mesh.pruning_suspended)),
        advice=tuple(_advice(node, disk.refreshing)),
    )


async def _sources(node: Node) -> tuple[SourceStatus, ...]:
    if node.roles.intake is not None:
        return tuple(node.roles.intake.status())
    trouble = node.notices.get("intake", "")
    if not trouble:
        return ()
    # Late, because only a collector whose intake did not start reads them here.
    from devstream_desktop.intake.config.names import SourcesError
    from devstream_desktop.node import source_list

    try:
        found = await asyncio.to_thread(source_list.sources, node.home)
    except SourcesError:
        return ()
    return tuple(replace(one, state="broken", error=trouble) for one in found)


def _disk(node: Node) -> _Disk:
    with Reader(node.home.history) as reader:
        oldest, newest = reader.span()
        return _Disk(
            reader.count(),
            oldest,
            newest,
            node.history.size(),
            shutil.disk_usage(node.home.root).free,
            kind_of_package(),
            reader.last_words(),
            node.home.set_aside(),
            reader.refreshing(),
        )


def refused_lines(refused: Sequence[RefusedStatus]) -> Iterator[RefusedStatus]:
    """List who is not linked and why.

    Of many with one reason come the latest few, and how many more there are.
    """
    by_reason: dict[str, list[RefusedStatus]] = {}
    for peer in refused:
        by_reason.setdefault(peer.reason, []).append(peer)
    for reason, peers in by_reason.items():
        # The latest come first.
        for peer in peers[:NAMED_OF_REASON]:
            yield peer
        if rest := peers[NAMED_OF_REASON:]:
            times, last = sum(peer.count for peer in rest), max(peer.seen for peer in rest)
            yield RefusedStatus(
                address=count(len(rest), "other"), device="", reason=reason, count=times, seen=last
            )


def _serving(node: Node) -> Serving:
    return Serving(
        troubles={**node.sender.troubles, **node.feeds.troubles},
        feeds=node.feeds if node.roles.intake_url else None,
    )


def _notices(node: Node, further: tuple[str, ...], pruning_suspended: str) -> list[str]:
    policy = node.team.chain.current
    found = [
        *node.notices.values(),
        node.descriptors.trouble,
        node.history.reserve.trouble,
        node.history.quarantined,
        *further,
    ]
    if (outside := node.team.gate(node.device)) is not None:
        found.append(f"{outside}; {_come_back(node.team.person)}")
    found += [policy_trouble(node.team.chain, now_ms()), pruning_suspended]
    found += keys_used_twice(node.mesh, policy, now_ms())
    if (deploys := node.executor.status()) is not None:
        found += [deploys.mistake, deploys.trouble, *deploys.notices]
    return list(counted(notice for notice in found if notice))


def _come_back(person: str) -> str:
    return COME_BACK.format(
        invite=f"devstream team invite --for {person}",
        leave="devstream team leave",
        join="devstream team join INVITE",
    )


def _advice(node: Node, refreshing: Progress | None) -> list[str]:
    found = list(advice(node.team.chain.current, now_ms(), is_admin=node.team.is_admin))
    found += [
        (WAITS_TO_JOIN_AGAIN if ask.another else WAITS_TO_JOIN).format(
            person=ask.person, command=f"devstream team approve-join {ask.device[:8]}"
        )
        for ask in node.trust.waiting()
    ]
    waiting = [one for one in node.team.chain.proposals if node.device not in one.signed_by]
    if waiting and node.team.is_admin:
        said = CHANGE_TO_SIGN if len(waiting) == 1 else CHANGES_TO_SIGN
        found.append(said.format(count=len(waiting), command="devstream team policy"))
    if refreshing is not None:
        found.append(refreshing.sentence)
    return list(counted(found))
