"""The node's status in words: a paragraph, and the cells of the status window's tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from devstream_desktop.control.messages.status import (
    CarrierStatus,
    OutletStatus,
    PeerStatus,
    RefusedStatus,
    SourceStatus,
    Status,
)
from devstream_desktop.control.wording import (
    carrier_lag,
    catching_up,
    clock,
    ends,
    heard,
    link_word,
    offset,
    outlet_told,
    outlet_untold,
    reach,
    untold,
)
from devstream_desktop.desktop.widgets.look import ago, people, sentence
from devstream_desktop.desktop.windows.team.roles import role_text
from devstream_desktop.language import _, ngettext, number, pgettext
from devstream_desktop.stream.text import clean
from devstream_desktop.stream.thing import Thing

_WIDTH = 300


def summary_text(status: Status, notices: list[str], *, locked: bool) -> str:
    """Return the one line that answers whether devstream works."""
    if locked:
        return _("Locked")
    if notices:
        return _("Needs attention")
    return sentence(catching_up(status)) or _("devstream works")


def production_text(red: Sequence[Thing]) -> str:
    """Return how production is, which is not how devstream is."""
    if not red:
        return _("Of what devstream watches, nothing is red now.")
    unclaimed = sum(not thing.claimed_by for thing in red)
    if not unclaimed:
        said = ngettext(
            "Of what devstream watches, {count} thing is red now; the window shows them.",
            "Of what devstream watches, {count} things are red now; the window shows them.",
            len(red),
        )
    elif unclaimed == len(red):
        said = ngettext(
            "Of what devstream watches, {count} thing is red now, and nobody is on it; the window"
            " shows them.",
            "Of what devstream watches, {count} things are red now, and nobody is on them; the"
            " window shows them.",
            len(red),
        )
    else:
        said = _(
            "Of what devstream watches, {count} things are red now, and nobody is on {unclaimed}"
            " of them; the window shows them."
        )
    return said.format(count=number(len(red)), unclaimed=number(unclaimed))


def node_text(status: Status, now: int) -> str:
    """Return the node in five lines; in one while it is locked and knows no more."""
    if status.locked:
        known = (status.person, status.team, status.device[:8], f"devstream {status.version}")
        return clean(" · ".join(filter(None, known)), _WIDTH)
    lines = (_who(status), _where(status), _kept(status, now), _valid(status, now))
    targets = ngettext("{count} deploy target", "{count} deploy targets", status.targets)
    last = (targets.format(count=number(status.targets)), f"devstream {status.version}")
    return "\n".join(clean(" · ".join(line), _WIDTH) for line in (*lines, last))


def _who(status: Status) -> Iterator[str]:
    if status.solo:
        yield _("{person} in a team of one").format(person=status.person)
    else:
        size = people(status.members)
        said = _("{person} in {team}, {people}")
        yield said.format(person=status.person, team=status.team, people=size)
    yield _("device {device}").format(device=status.device[:8])
    roles = ", ".join(role_text(role) for role in status.roles)
    yield _("roles: {roles}").format(roles=roles) if roles else _("roles: none")


def _where(status: Status) -> Iterator[str]:
    address = reach(status)
    yield _("mesh {address}").format(address=address) if address else _("mesh off")
    if status.discovery in ("", "off"):
        yield _("discovery off")
    else:
        # The node's own words, which it marks where they can be known.
        state = _(status.discovery) if status.closed else status.discovery
        yield _("discovery {state}").format(state=state)
    intake = status.intake
    yield _("intake {address}").format(address=intake) if intake else _("intake off")


def _kept(status: Status, now: int) -> Iterator[str]:
    feeds = ngettext("{count} feed", "{count} feeds", status.feeds)
    yield ngettext("{count} event of {feeds}", "{count} events of {feeds}", status.events).format(
        count=number(status.events), feeds=feeds.format(count=number(status.feeds))
    )
    yield _("{size} MB, {free} GB free").format(
        size=number(status.history_bytes / 1e6, 1), free=number(status.disk_free / 1e9, 1)
    )
    if status.events:
        yield _("oldest {oldest}, newest {newest}").format(
            oldest=ago(status.oldest, now), newest=ago(status.newest, now)
        )


def _valid(status: Status, now: int) -> Iterator[str]:
    yield _("clock {clock}").format(clock=clock(status))
    yield _("policy version {version} {end}").format(
        version=status.policy_version, end=ends(status.policy_expires, now)
    )
    yield _("certificate {end}").format(end=ends(status.certificate_expires, now))


def peer_columns() -> tuple[str, ...]:
    """Return the headings of `peer_cells`."""
    return (
        _("Person"),
        _("Device"),
        _("Address"),
        pgettext("peer", "Link"),
        _("To get / to give"),
        _("Clock"),
        _("Last heard"),
    )


def peer_cells(peer: PeerStatus, now: int) -> tuple[str, ...]:
    """Return the cells of a peer's row."""
    return (
        peer.person,
        peer.device[:8],
        peer.address,
        ", ".join(link_word(part) for part in (peer.state, peer.direction) if part),
        f"{number(peer.behind)} / {number(peer.lag)}" if peer.behind or peer.lag else "",
        # Before the first answer nothing is known of its clock.
        offset(peer.clock_offset) if peer.device else "",
        ago(peer.seen, now),
    )


def source_columns() -> tuple[str, ...]:
    """Return the headings of `source_cells`."""
    return (
        _("Source"),
        _("Type"),
        _("State"),
        _("Last heard"),
        _("Events"),
        _("Not published"),
        _("Token"),
    )


def source_cells(source: SourceStatus, now: int) -> tuple[str, ...]:
    """Return the cells of a source's row."""
    return (
        source.name,
        source.type,
        _state(source.state),
        heard(source, now),
        number(source.events),
        untold(source, now),
        ends(source.token_ends, now) if source.token_ends else "",
    )


def outlet_columns() -> tuple[str, ...]:
    """Return the headings of `outlet_cells`."""
    return (
        _("Outlet"),
        _("Form"),
        pgettext("outlet", "To"),
        _("State"),
        _("Last success"),
        _("Posted"),
        _("Not posted"),
    )


def outlet_cells(outlet: OutletStatus, now: int) -> tuple[str, ...]:
    """Return the cells of an outlet's row."""
    return (
        outlet.name,
        outlet.form,
        outlet.location,
        _state(outlet.state),
        ago(outlet.seen, now),
        outlet_told(outlet),
        outlet_untold(outlet),
    )


def carrier_columns() -> tuple[str, ...]:
    """Return the headings of `carrier_cells`."""
    return (
        _("Carrier"),
        _("Servers"),
        _("State"),
        _("Waiting"),
        pgettext("carrier", "Last change"),
    )


def carrier_cells(carrier: CarrierStatus, now: int) -> tuple[str, ...]:
    """Return the cells of a carrier's row."""
    return (
        carrier.name,
        ", ".join(carrier.servers),
        _carrier_state(carrier.state),
        carrier_lag(carrier),
        ago(carrier.since, now) if carrier.since else "",
    )


def refusal_text(peer: RefusedStatus, now: int) -> str:
    """Return the line about a peer that the node rejected."""
    who = peer.address or peer.device[:8]
    said = ngettext(
        "Rejected: {peer}, {count} time, {age}: {reason}",
        "Rejected: {peer}, {count} times, {age}: {reason}",
        peer.count,
    )
    age = ago(peer.seen, now)
    return said.format(peer=who, count=number(peer.count), age=age, reason=peer.reason)


def _carrier_state(word: str) -> str:
    """Say a state of `CarrierStatus`."""
    known = {
        "connecting": pgettext("carrier", "connecting"),
        "catching up": pgettext("carrier", "catching up"),
        "live": pgettext("carrier", "live"),
        "gone": pgettext("carrier", "gone"),
        "stopped": pgettext("carrier", "stopped"),
    }
    return known.get(word, word)


def _state(word: str) -> str:
    """Say a state of `SourceStatus` or `OutletStatus`."""
    known = {
        "new": pgettext("source", "new"),
        "active": pgettext("source", "active"),
        "silent": pgettext("source", "silent"),
        "failing": pgettext("source", "failing"),
        "broken": pgettext("source", "broken"),
        "stopped": pgettext("source", "stopped"),
    }
    return known.get(word, word)
