"""Words for a node's status, shared by terminal and desk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from devstream_desktop.address import AddressError, is_loopback, split
from devstream_desktop.control.messages.status import (
    MissingStatus,
    OutletStatus,
    PeerStatus,
    SourceStatus,
    Status,
)
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
    times = Counter(lines)
    return tuple(
        f"{line} ({count(number, 'time')})" if number > 1 else line
        for line, number in times.items()
    )


def ago(moment: int, now: int) -> str:
    """`12 s ago`, `never`; both UTC milliseconds."""
    return f"{duration(max(0, now - moment))} ago" if moment else "never"


def ends(moment: int, now: int) -> str:
    """Return `ends in 83 d`, `ended 2 d ago`."""
    return f"ends in {duration(moment - now)}" if moment > now else f"ended {ago(moment, now)}"


def heard(source: SourceStatus, now: int) -> str:
    """Say when a source was last heard, and how often it should."""
    expected = f", every {duration(source.expected * 1000)}" if source.expected else ""
    return ago(source.seen, now) + expected


def untold(source: SourceStatus, now: int) -> str:
    """Say what of a source made no sound.

    Such as `2 dropped, 1 refused (not JSON, 3m ago)`; empty for nothing.
    """
    counts = [("dropped", sum(source.dropped.values())), ("quiet", sum(source.quieted.values()))]
    why = f" ({source.refusal}, {ago(source.refused_at, now)})" if source.refusal else ""
    counts.append((f"refused{why}", source.refused))
    texts = [f"{number:,} {what}" for what, number in counts if number]
    return ", ".join([*texts, *([source.gap] if source.gap else [])])


def outlet_told(outlet: OutletStatus) -> str:
    """`3 posted`; of a feed `read 3 times`."""
    if outlet.form == "atom":
        return f"read {count(outlet.told, 'time')}"
    return f"{outlet.told:,} posted"


def outlet_untold(outlet: OutletStatus) -> str:
    """Say what of an outlet waits or was left out; empty for nothing."""
    counts = (
        ("waiting", outlet.waiting),
        ("refused", outlet.refused),
        ("left out after a day", outlet.late),
    )
    return ", ".join(f"{number:,} {what}" for what, number in counts if number)


def on_duty(status: Status) -> tuple[str, ...]:
    """Say who is on duty, as far as this node knows.

    Whoever never said otherwise is, which only their own node knows.
    """
    return tuple(sorted({*status.duty, *((status.person,) if status.on_duty else ())}))


def reach(status: Status) -> str:
    """Say where others reach the node; empty where nothing is known."""
    if status.closed:
        return f"{status.mesh}, this machine only: an invite opens it to others"
    here = ", this machine only" if _is_here(status.mesh) else ""
    return ", ".join(status.addresses or [status.mesh]) + here


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
    return f"catching up: {total - status.missing:,} of {count(total, 'event')}"


def offset(milliseconds: int) -> str:
    """Return a clock against another: `in step`, `3 s ahead`, `2m10s behind`."""
    if abs(milliseconds) < IN_STEP_MS:
        return "in step"
    return f"{duration(abs(milliseconds))} {'ahead' if milliseconds > 0 else 'behind'}"


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
        return "no peer to compare with"
    peers = count(len(linked(status)), "peer")
    return f"in step with {peers}" if abs(ours) < IN_STEP_MS else f"{offset(ours)} of {peers}"


def lost(one: MissingStatus, now: int) -> str:
    """Say what is missing of one author, and why."""
    author = f"{one.person or 'somebody'} (device {one.device[:8]})"
    what = f"{count(one.count, 'event')} of {author}" if one.count else f"events of {author}"
    match one.why:
        case "nobody":
            return f"{what}: no linked neighbour has them"
        case "future":
            return (
                f"{what} are held back: that clock is ahead; they are asked for again in"
                f" {duration(max(0, one.until - now))}"
            )
        case "refused":
            return f"{what} are refused: the policy does not let that device write them"
        case "crowded":
            return f"{author} has begun so many feeds of late that later ones are not taken"
        case _:
            feeds = (
                f"a feed of {author} is"
                if one.feeds == 1
                else f"{count(one.feeds, 'feed')} of {author} are"
            )
            return (
                f"{feeds} frozen: a number was used twice, as by a restored backup; the device"
                " goes on under a new one"
            )


def peer(one: PeerStatus, now: int) -> str:
    """Say how the link with a peer is."""
    parts = [part for part in (one.direction, one.state) if part]
    if one.behind:
        parts.append(f"{one.behind:,} to get")
    if one.lag:
        parts.append(f"{one.lag:,} to give")
    if one.device and abs(one.clock_offset) >= IN_STEP_MS:
        parts.append(f"its clock {offset(one.clock_offset)}")
    return ", ".join([*parts, f"heard {ago(one.seen, now)}"])
