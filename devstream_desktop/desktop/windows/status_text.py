"""The node's status in words: a paragraph, and the cells of the status window's tables."""

from __future__ import annotations

from collections.abc import Sequence

from devstream_desktop.control.messages.status import (
    OutletStatus,
    PeerStatus,
    RefusedStatus,
    SourceStatus,
    Status,
)
from devstream_desktop.control.wording import (
    catching_up,
    clock,
    count,
    ends,
    heard,
    offset,
    outlet_told,
    outlet_untold,
    reach,
    untold,
)
from devstream_desktop.desktop.widgets.look import ago, people, sentence
from devstream_desktop.stream.text import clean
from devstream_desktop.stream.thing import Thing

PEER_COLUMNS = ("Person", "Device", "Address", "Link", "To get / to give", "Clock", "Last heard")
SOURCE_COLUMNS = ("Source", "Type", "State", "Last heard", "Events", "Not published", "Token")
OUTLET_COLUMNS = ("Outlet", "Form", "To", "State", "Last success", "Posted", "Not posted")
_WIDTH = 300


def summary_text(status: Status, notices: list[str], *, locked: bool) -> str:
    """Return the one line that answers whether devstream works."""
    if locked:
        return "Locked"
    if notices:
        return "Needs attention"
    return sentence(catching_up(status)) or "devstream works"


def production_text(red: Sequence[Thing]) -> str:
    """Return how production is, which is not how devstream is."""
    if not red:
        return "Of what devstream watches, nothing is red now."
    unclaimed = sum(not thing.claimed_by for thing in red)
    are = "1 thing is" if len(red) == 1 else f"{len(red)} things are"
    whom = "it" if len(red) == 1 else "them" if unclaimed == len(red) else f"{unclaimed} of them"
    nobody = f", and nobody is on {whom}" if unclaimed else ""
    return f"Of what devstream watches, {are} red now{nobody}; the window shows them."


def node_text(status: Status, now: int) -> str:
    """Return the node in five lines; in one while it is locked and knows no more."""
    if status.locked:
        known = (status.person, status.team, status.device[:8], f"devstream {status.version}")
        return clean(" · ".join(filter(None, known)), _WIDTH)
    team = "a team of one" if status.solo else f"{status.team}, {people(status.members)}"
    roles = ", ".join(status.roles) or "none"
    size = f"{status.history_bytes / 1e6:.1f} MB, {status.disk_free / 1e9:.1f} GB free"
    span = f"oldest {ago(status.oldest, now)}, newest {ago(status.newest, now)}"
    policy = f"policy version {status.policy_version} {ends(status.policy_expires, now)}"
    certificate = f"certificate {ends(status.certificate_expires, now)}"
    intake = f"intake {status.intake or 'off'}"
    events = f"{count(status.events, 'event')} of {count(status.feeds, 'feed')}"
    lines = (
        f"{status.person} in {team} · device {status.device[:8]} · roles: {roles}",
        f"mesh {reach(status) or 'off'} · discovery {status.discovery or 'off'} · {intake}",
        " · ".join((events, size, *((span,) if status.events else ()))),
        f"clock {clock(status)} · {policy} · {certificate}",
        f"{count(status.targets, 'deploy target')} · devstream {status.version}",
    )
    return "\n".join(clean(line, _WIDTH) for line in lines)


def peer_cells(peer: PeerStatus, now: int) -> tuple[str, ...]:
    """Return the cells of `PEER_COLUMNS`."""
    return (
        peer.person,
        peer.device[:8],
        peer.address,
        ", ".join(part for part in (peer.state, peer.direction) if part),
        f"{peer.behind:,} / {peer.lag:,}" if peer.behind or peer.lag else "",
        # Before the first answer nothing is known of its clock.
        offset(peer.clock_offset) if peer.device else "",
        ago(peer.seen, now),
    )


def source_cells(source: SourceStatus, now: int) -> tuple[str, ...]:
    """Return the cells of `SOURCE_COLUMNS`."""
    return (
        source.name,
        source.type,
        source.state,
        heard(source, now),
        f"{source.events:,}",
        untold(source, now),
        ends(source.token_ends, now) if source.token_ends else "",
    )


def outlet_cells(outlet: OutletStatus, now: int) -> tuple[str, ...]:
    """Return the cells of `OUTLET_COLUMNS`."""
    return (
        outlet.name,
        outlet.form,
        outlet.location,
        outlet.state,
        ago(outlet.seen, now),
        outlet_told(outlet),
        outlet_untold(outlet),
    )


def refusal_text(peer: RefusedStatus, now: int) -> str:
    """Return the line about a peer that the node rejected."""
    who = peer.address or peer.device[:8]
    return f"Rejected: {who}, {count(peer.count, 'time')}, {ago(peer.seen, now)}: {peer.reason}"
