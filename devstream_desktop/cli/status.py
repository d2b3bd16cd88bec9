"""`devstream status`: is it working, and if not, why. A healthy node fits a dozen lines."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from devstream_desktop.cli.asking import ask, print_json
from devstream_desktop.clock import now_ms
from devstream_desktop.control import wording
from devstream_desktop.control.messages.status import GetStatus, Status
from devstream_desktop.home import Home
from devstream_desktop.stream.text import flat

_WIDTH = 500


def status(home: Home, options: argparse.Namespace) -> int:
    """Print how the node is; exit 1 when none runs."""
    found = ask(home, GetStatus())
    if options.json:
        print_json(found)
    else:
        for text in describe(found, now_ms()):
            print(text)
    return 0


def describe(found: Status, now: int) -> Iterator[str]:
    """A status in lines for a person, what is wrong first. A peer may have written part of it, so each is made safe to print."""
    return iter(wording.counted(flat(text, _WIDTH) for text in _lines(found, now)))


def _lines(found: Status, now: int) -> Iterator[str]:
    for notice in found.notices:
        yield f"! {notice}"
    for advice in found.advice:
        yield f"> {advice}"
    if found.locked:
        yield f"! locked: {found.locked}"
        if found.team:
            yield f"{found.person} in team {found.team}"
            yield f"device   {found.device}"
        return
    yield f"{found.person} in team {found.team}, {wording.count(found.members, 'member')}; {'on' if found.on_duty else 'off'} duty"
    yield f"device   {found.device}"
    if found.roles:
        yield f"roles    {', '.join(found.roles)}"
    yield f"history  {_history(found, now)}"
    if found.missing:
        yield f"         {wording.catching_up(found)}"
    for one in found.lost:
        yield f"         missing: {wording.lost(one, now)}"
    yield f"mesh     {found.mesh}; discovery {found.discovery}"
    for peer in found.peers:
        who = f"{peer.person or 'unknown'} {peer.device[:8]}".rstrip()
        yield f"  peer   {who} at {peer.address}: {wording.peer(peer, now)}"
    for refused in found.refused:
        times = f"{wording.count(refused.count, 'time')}, last {wording.ago(refused.seen, now)}"
        yield f"  no link with {' '.join(filter(None, (refused.address, refused.device[:8]))) or 'somebody'}: {refused.reason} ({times})"
    yield f"clock    {wording.clock(found)}"
    until = f"certificate {wording.ends(found.certificate_expires, now)}"
    yield f"policy   version {found.policy_version}, {wording.ends(found.policy_expires, now)}; {until}"
    if found.intake:
        yield f"intake   {found.intake}"
    for source in found.sources:
        error = f": {source.error}" if source.error else ""
        parts = (wording.count(source.events, "event"), wording.untold(source), f"heard {wording.heard(source, now)}")
        ends = f", token {wording.ends(source.token_ends, now)}" if source.token_ends else ""
        yield f"  source {source.name} ({source.type}) {source.state}, {', '.join(filter(None, parts))}{ends}{error}"


def _history(found: Status, now: int) -> str:
    span = f"; oldest {wording.ago(found.oldest, now)}, newest {wording.ago(found.newest, now)}" if found.events else ""
    size = f"{wording.count(found.events, 'event')} of {wording.count(found.feeds, 'feed')}, {found.history_bytes / 1e6:.1f} MB"
    return f"{size}{span}; {found.disk_free / 1e9:.1f} GB free"
