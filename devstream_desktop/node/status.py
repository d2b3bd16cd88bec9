"""What `devstream status` tells: is it working, and if not, why."""

from __future__ import annotations

from devstream_desktop import __version__
from devstream_desktop.control.messages import PeerStatus, RefusedStatus, SourceStatus, Status
from devstream_desktop.history.reader import Reader
from devstream_desktop.node.core import Node
from devstream_desktop.node.offline import roles_of


def describe(node: Node) -> Status:
    """Everything about a node that a person may want to know; reads the history, so call it off the loop."""
    mesh = node.mesh.status()
    policy = node.team.chain.current
    with Reader(node.home.history) as reader:
        oldest, newest = reader.span()
        events = reader.count()
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
        duty=node.board.on_duty(),
        mesh=node.mesh_address,
        intake=node.intake_url,
        discovery=mesh.discovery,
        peers=tuple(
            PeerStatus(
                device=peer.device,
                person=policy.person_of(peer.device) or "",
                address=peer.address,
                state=peer.state,
                behind=peer.behind,
                seen=peer.last_seen,
            )
            for peer in mesh.peers
        ),
        refused=tuple(
            RefusedStatus(address=peer.address, device=peer.device, reason=peer.reason, count=peer.count, seen=peer.last)
            for peer in mesh.refused
        ),
        sources=_sources(node),
        targets=len(node.board.offers),
        events=events,
        oldest=oldest,
        newest=newest,
        history_bytes=node.history.size(),
        missing=mesh.catching_up,
        can_invite=node.enrolment is not None,
        notices=tuple(_notices(node, mesh.pruning_suspended)),
    )


def _sources(node: Node) -> tuple[SourceStatus, ...]:
    if node.intake is None:
        return ()
    return tuple(
        SourceStatus(
            name=source.name,
            type=source.type,
            location=source.where,
            state=source.state,
            seen=source.last_seen,
            error=source.last_error,
            events=source.events,
            dropped=sum(source.dropped.values()),
            refused=source.rejected,
        )
        for source in node.intake.status()
    )


def _notices(node: Node, pruning_suspended: str) -> list[str]:
    found = [*node.notices.values(), node.policy_trouble(), pruning_suspended]
    if node.deploys is not None:
        status = node.deploys.status()
        found += [status.mistake, status.trouble]
    return [notice for notice in found if notice]
