"""`devstream status`: whether it works, and if not, why.

A healthy node fits a dozen lines.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from devstream_desktop.cli.arguments import add_json
from devstream_desktop.cli.node_client import ask_node
from devstream_desktop.cli.output import print_json
from devstream_desktop.clock import now_ms
from devstream_desktop.control import wording
from devstream_desktop.control.messages.status import (
    CarrierStatus,
    GetStatus,
    OutletStatus,
    PeerStatus,
    SourceStatus,
    Status,
)
from devstream_desktop.home import Home
from devstream_desktop.stream.text import flat

_WIDTH = 500


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `status`."""
    add_json(parser)
    parser.set_defaults(command=status)


def status(home: Home, options: argparse.Namespace) -> int:
    """Print the status of the node; exit 1 when none runs."""
    found = ask_node(home, GetStatus())
    if options.json:
        print_json(found)
    else:
        for text in describe(found, now_ms()):
            print(text)
    return 0


def describe(found: Status, now: int) -> Iterator[str]:
    """Yield a status in lines for a person, faults first.

    A peer may have written part of it, so each line is made safe to print.
    """
    return iter(wording.counted(flat(text, _WIDTH) for text in _lines(found, now)))


def _lines(found: Status, now: int) -> Iterator[str]:
    yield from (f"! {notice}" for notice in found.notices)
    yield from (f"> {advice}" for advice in found.advice)
    # A locked node knows its team only from what is not sealed, and runs nothing yet.
    if found.locked:
        yield f"! locked: {found.locked}"
        if found.team:
            yield f"{found.person} in team {found.team}"
            yield f"device   {found.device}"
        return
    members, duty = wording.count(found.members, "member"), "on" if found.on_duty else "off"
    yield f"{found.person} in team {found.team}, {members}; {duty} duty"
    yield f"device   {found.device}"
    package = f", {found.installation}" if found.installation else ""
    yield f"version  {found.version}{package}"
    if found.roles:
        yield f"roles    {', '.join(found.roles)}"
    yield f"history  {_history(found, now)}"
    if found.missing:
        yield f"         {wording.catching_up(found)}"
    yield from (f"         missing: {wording.lost(one, now)}" for one in found.lost)
    yield f"mesh     {wording.reach(found)}; discovery {found.discovery}"
    yield from (_peer(peer, now) for peer in found.peers)
    for refused in found.refused:
        who = " ".join(filter(None, (refused.address, refused.device[:8]))) or "somebody"
        last = f"last {wording.ago(refused.seen, now)}"
        times = f"{wording.count(refused.count, 'time')}, {last}"
        yield f"  no link with {who}: {refused.reason} ({times})"
    yield f"clock    {wording.clock(found)}"
    policy = f"version {found.policy_version}, {wording.ends(found.policy_expires, now)}"
    yield f"policy   {policy}; certificate {wording.ends(found.certificate_expires, now)}"
    if found.intake:
        yield f"intake   {found.intake}"
    if found.metrics:
        yield f"metrics  {found.metrics}"
    yield from (_source(source, now) for source in found.sources)
    yield from (f"  outlet {outlet_line(outlet, now)}" for outlet in found.outlets)
    yield from (f"  carrier {carrier_line(carrier, now)}" for carrier in found.carriers)


def _history(found: Status, now: int) -> str:
    # An empty history has no oldest event.
    span = ""
    if found.events:
        newest = wording.ago(found.newest, now)
        span = f"; oldest {wording.ago(found.oldest, now)}, newest {newest}"
    events = f"{wording.count(found.events, 'event')} of {wording.count(found.feeds, 'feed')}"
    size = f"{found.history_bytes / 1e6:.1f} MB"
    return f"{events}, {size}{span}; {found.disk_free / 1e9:.1f} GB free"


def _peer(peer: PeerStatus, now: int) -> str:
    # A peer that was never reached is an address and no more.
    who = f"{peer.person or 'unknown'} {peer.device[:8]}".rstrip()
    return f"  peer   {who} at {peer.address}: {wording.peer(peer, now)}"


def _source(source: SourceStatus, now: int) -> str:
    events, heard = wording.count(source.events, "event"), f"heard {wording.heard(source, now)}"
    counts = ", ".join(filter(None, (events, wording.untold(source, now), heard)))
    ends = f", token {wording.ends(source.token_ends, now)}" if source.token_ends else ""
    error = f": {source.error}" if source.error else ""
    return f"  source {source.name} ({source.type}) {source.state}, {counts}{ends}{error}"


def outlet_line(outlet: OutletStatus, now: int) -> str:
    """Describe an outlet in one line."""
    counts = [wording.outlet_told(outlet), wording.outlet_untold(outlet)]
    last = f"last {wording.ago(outlet.seen, now)}"
    search = f" of {outlet.search!r}" if outlet.search else ""
    error = f": {outlet.error}" if outlet.error else ""
    told = ", ".join(filter(None, (*counts, last)))
    where = f"({outlet.form}{search}, {outlet.location})"
    return f"{outlet.name} {where} {outlet.state}, {told}{error}"


def carrier_line(carrier: CarrierStatus, now: int) -> str:
    """Describe a carrier in one line."""
    told = ", ".join(filter(None, (carrier.state, wording.carrier_lag(carrier))))
    since = f" since {wording.ago(carrier.since, now)}" if carrier.since else ""
    site = f", site {carrier.site}" if carrier.site else ""
    relay = f" relayed by {carrier.relay[:8]}" if carrier.relay else ""
    error = f": {carrier.error}" if carrier.error else ""
    where = f" ({', '.join(carrier.servers)})" if carrier.servers else ""
    return f"{carrier.name}{where} {told}{since}{site}{relay}{error}"
