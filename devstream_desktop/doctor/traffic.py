"""Judgements of what a node misses, and sends beside its links, pure."""

from __future__ import annotations

from collections.abc import Iterator

from devstream_desktop.control import wording
from devstream_desktop.control.check import Check
from devstream_desktop.control.messages.status import SourceStatus, Status
from devstream_desktop.doctor.verdicts import ok, warning
from devstream_desktop.language import N_, _, ngettext, number, pgettext

_LOST_ADVICE = {
    "nobody": N_("they come when a device that has them is on again; else they are lost"),
    "future": N_("set that device's clock right"),
    "refused": N_("an admin grants the role if it should: {grant}"),
    "frozen": N_("nothing: its author publishes what it still has once more"),
    "crowded": N_(
        "find out why that home is restored or copied again and again, and join there anew;"
        " or revoke the device"
    ),
}


def missing(status: Status, now: int) -> Iterator[Check]:
    """Check what is not here, and why."""
    for one in status.lost:
        advice = _(_LOST_ADVICE.get(one.why, "")).format(grant="devstream team grant")
        yield warning("missing", wording.lost(one, now), advice)
    if not status.lost:
        yield ok("missing", wording.catching_up(status) or _compared(status))


def _compared(status: Status) -> str:
    """Say how sure it is that nothing is missing."""
    if any(peer.state == "live" for peer in status.peers):
        return _("nothing that a peer has")
    return (
        _("still being compared with the peers")
        if any(peer.state == "syncing" for peer in status.peers)
        else _("nothing known of")
    )


def sources(status: Status, now: int) -> Iterator[Check]:
    """Check whether the sources are heard."""
    ill = [one for one in status.sources if _is_ill(one)]
    for one in ill:
        reason = one.error or pgettext("source", "silent")
        last = _("last {age}").format(age=wording.ago(one.seen, now))
        test = _("when that is put right: {command}").format(
            command=f"devstream source test {one.name}"
        )
        yield warning("source", f"{one.name}: {reason} ({last})", test)
    if well := len(status.sources) - len(ill):
        said = ngettext("{count} without trouble", "{count} without trouble", well)
        yield ok("source", said.format(count=number(well)))


def _is_ill(one: SourceStatus) -> bool:
    if one.state in ("silent", "broken"):
        return True
    # Anybody can post what is refused, which says nothing of a source that is heard.
    return bool(one.error) and not (one.seen and one.error == one.refusal)


def outlets(status: Status, now: int) -> Iterator[Check]:
    """Check whether the outlets are served."""
    for one in status.outlets:
        untold = wording.outlet_untold(one)
        last = _("last {age}").format(age=wording.ago(one.seen, now))
        about = ", ".join(filter(None, (wording.outlet_told(one), untold, last)))
        if not one.error:
            yield ok("outlet", f"{one.name}: {about}")
        else:
            what = f"{one.name}: {one.error} ({about})"
            test = _("when that is put right: {command}").format(
                command=f"devstream out test {one.name}"
            )
            yield warning("outlet", what, test)


def carriers(status: Status) -> Iterator[Check]:
    """Check whether the carriers carry."""
    for one in status.carriers:
        if one.error:
            # Its sentence is the node's, in English.
            test = _("when that is put right: {command}").format(
                command=f"devstream carrier test {one.name}"
            )
            yield warning("carrier", f"{one.name}: {one.error}", test)
        else:
            lag = wording.carrier_lag(one) or _("nothing waits")
            yield ok("carrier", f"{one.name}: {lag}")
