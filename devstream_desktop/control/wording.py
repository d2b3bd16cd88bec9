"""Words for a node's status, shared by terminal and desk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from devstream_desktop.address import AddressError, is_loopback, split
from devstream_desktop.control.messages.status import (
    CarrierStatus,
    MissingStatus,
    OutletStatus,
    PeerStatus,
    SourceStatus,
    Status,
)
from devstream_desktop.language import _, ngettext, number, pgettext
from devstream_desktop.stream.text import duration

IN_STEP_MS = 2_000
"""Clocks that differ by less are the same to a person."""
_LINKED = frozenset({"live", "syncing"})


def count(number: int, noun: str) -> str:
    """`1 event`, `12,000 events`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def counted(lines: Iterable[str]) -> tuple[str, ...]:
    """Yield each line once, where it came first.

    One that came several times says how often: `… (100 times)`.
    """
    return tuple(
        ngettext("{line} ({count} time)", "{line} ({count} times)", times).format(
            line=line, count=number(times)
        )
        if times > 1
        else line
        for line, times in Counter(lines).items()
    )


def ago(moment: int, now: int) -> str:
    """`12 s ago`, `never`; both UTC milliseconds."""
    if not moment:
        return _("never")
    return _("{time} ago").format(time=duration(max(0, now - moment)))


def ends(moment: int, now: int) -> str:
    """Return `ends in 83 d`, `ended 2 d ago`."""
    if moment > now:
        return _("ends in {time}").format(time=duration(moment - now))
    return _("ended {age}").format(age=ago(moment, now))


def heard(source: SourceStatus, now: int) -> str:
    """Say when a source was last heard, and how often it should."""
    age = ago(source.seen, now)
    if not source.expected:
        return age
    every = duration(source.expected * 1000)
    return _("{age}, every {time}").format(age=age, time=every)


def untold(source: SourceStatus, now: int) -> str:
    """Say what of a source made no sound.

    Such as `2 dropped, 1 refused (not JSON, 3m ago)`; empty for nothing.
    """
    texts = []
    if dropped := sum(source.dropped.values()):
        texts.append(_("{count} dropped").format(count=number(dropped)))
    if quiet := sum(source.quieted.values()):
        texts.append(_("{count} quiet").format(count=number(quiet)))
    if source.refused and source.refusal:
        refused = _("{count} refused ({reason}, {age})").format(
            count=number(source.refused),
            reason=source.refusal,
            age=ago(source.refused_at, now),
        )
        texts.append(refused)
    elif source.refused:
        texts.append(_("{count} refused").format(count=number(source.refused)))
    return ", ".join([*texts, *([source.gap] if source.gap else [])])


def outlet_told(outlet: OutletStatus) -> str:
    """`3 posted`; of a feed `read 3 times`."""
    if outlet.form == "atom":
        read = ngettext("read {count} time", "read {count} times", outlet.told)
        return read.format(count=number(outlet.told))
    return _("{count} posted").format(count=number(outlet.told))


def outlet_untold(outlet: OutletStatus) -> str:
    """Say what of an outlet waits or was left out; empty for nothing."""
    counts = (
        (_("{count} waiting"), outlet.waiting),
        (_("{count} refused"), outlet.refused),
        (_("{count} left out after a day"), outlet.late),
    )
    return ", ".join(said.format(count=number(lines)) for said, lines in counts if lines)


def carrier_lag(carrier: CarrierStatus) -> str:
    """Say what waits to be read or sent; empty for nothing."""
    counts = ((_("{count} to read"), carrier.unread), (_("{count} to send"), carrier.unsent))
    return ", ".join(said.format(count=number(waiting)) for said, waiting in counts if waiting)


def on_duty(status: Status) -> tuple[str, ...]:
    """Say who is on duty, as far as this node knows.

    Whoever never said otherwise is, which only their own node knows.
    """
    return tuple(sorted({*status.duty, *((status.person,) if status.on_duty else ())}))


def reach(status: Status) -> str:
    """Say where others reach the node; empty where nothing is known."""
    if status.closed:
        closed = _("{address}, this machine only: an invite opens it to others")
        return closed.format(address=status.mesh)
    addresses = ", ".join(status.addresses or [status.mesh])
    if _is_here(status.mesh):
        return _("{address}, this machine only").format(address=addresses)
    return addresses


def _is_here(address: str) -> bool:
    # A node of another version may write an address in a way that this one does not know.
    try:
        return is_loopback(split(address)[0])
    except AddressError:
        return False


def linked(status: Status) -> tuple[PeerStatus, ...]:
    """Return the peers that this node talks with."""
    return tuple(peer for peer in status.peers if peer.state in _LINKED)


def catching_up(status: Status) -> str:
    """`catching up: 4,120 of 12,000 events`; empty when there is nothing to catch up with."""
    if not status.missing:
        return ""
    total = max(status.catch_up_total, status.missing)
    return ngettext(
        "catching up: {done} of {count} event", "catching up: {done} of {count} events", total
    ).format(done=number(total - status.missing), count=number(total))


def offset(milliseconds: int) -> str:
    """Return a clock against another: `in step`, `3 s ahead`, `2m10s behind`."""
    if abs(milliseconds) < IN_STEP_MS:
        return _("in step")
    said = _("{time} ahead") if milliseconds > 0 else _("{time} behind")
    return said.format(time=duration(abs(milliseconds)))


def clock_offset(status: Status) -> int | None:
    """Give this clock minus the team's, milliseconds; None without a peer.

    The team's is the median of the linked peers.
    """
    offsets = [peer.clock_offset for peer in linked(status)]
    if not offsets:
        return None
    # Late, because it brings fractions and decimals to every command.
    from statistics import median

    return -round(median(offsets))


def clock(status: Status) -> str:
    """Say whether this clock agrees with the team's."""
    ours = clock_offset(status)
    if ours is None:
        return _("no peer to compare with")
    peers = len(linked(status))
    if abs(ours) < IN_STEP_MS:
        said = ngettext("in step with {count} peer", "in step with {count} peers", peers)
    elif ours > 0:
        said = ngettext("{time} ahead of {count} peer", "{time} ahead of {count} peers", peers)
    else:
        said = ngettext("{time} behind {count} peer", "{time} behind {count} peers", peers)
    return said.format(time=duration(abs(ours)), count=number(peers))


def lost(one: MissingStatus, now: int) -> str:
    """Say what is missing of one author, and why."""
    author = _("{person} (device {device})").format(
        person=one.person or _("somebody"), device=one.device[:8]
    )
    events = _("events of {author}")
    if one.count:
        events = ngettext("{count} event of {author}", "{count} events of {author}", one.count)
    match one.why:
        case "nobody":
            said = _("{events}: no linked neighbour has them")
        case "future":
            said = _(
                "{events} are held back: that clock is ahead; they are asked for again in {time}"
            )
        case "refused":
            said = _("{events} are refused: the policy does not let that device write them")
        case "crowded":
            said = _("{author} has begun so many feeds of late that later ones are not taken")
        case _frozen:
            said = ngettext(
                "a feed of {author} is frozen: a number was used twice, as by a restored"
                " backup; the device goes on under a new one",
                "{feeds} feeds of {author} are frozen: a number was used twice, as by a restored"
                " backup; the device goes on under a new one",
                one.feeds,
            )
    return said.format(
        author=author,
        events=events.format(count=number(one.count), author=author),
        feeds=number(one.feeds),
        time=duration(max(0, one.until - now)),
    )


def peer(one: PeerStatus, now: int) -> str:
    """Say how the link with a peer is."""
    parts = [link_word(part) for part in (one.direction, one.state) if part]
    if one.behind:
        parts.append(_("{count} to get").format(count=number(one.behind)))
    if one.lag:
        parts.append(_("{count} to give").format(count=number(one.lag)))
    if one.device and abs(one.clock_offset) >= IN_STEP_MS:
        parts.append(_("its clock {offset}").format(offset=offset(one.clock_offset)))
    return ", ".join([*parts, _("heard {age}").format(age=ago(one.seen, now))])


def link_word(word: str) -> str:
    """Say a state or a direction of `PeerStatus`."""
    known = {
        "connecting": pgettext("link", "connecting"),
        "syncing": pgettext("link", "syncing"),
        "live": pgettext("link", "live"),
        "lost": pgettext("link", "lost"),
        "dialed": pgettext("link", "dialed"),
        "accepted": pgettext("link", "accepted"),
    }
    return known.get(word, word)
