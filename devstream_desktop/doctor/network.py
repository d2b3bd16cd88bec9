"""Judgements of a node's clock and of its links to peers, pure."""

from __future__ import annotations

from collections.abc import Iterator

from devstream_desktop import address as addresses
from devstream_desktop.control import wording
from devstream_desktop.control.check import Check
from devstream_desktop.control.messages.status import RefusedStatus, Status
from devstream_desktop.control.node_words import translated
from devstream_desktop.doctor.verdicts import ok, problem, warning
from devstream_desktop.language import N_, _
from devstream_desktop.mesh.clock import MAX_OFFSET_MS
from devstream_desktop.stream.text import duration
from devstream_desktop.team import way_back

CLOCK_OFF_MS = 30_000
"""A clock kept by network time is never this far off."""
REFUSED_LATELY_MS = 15 * 60_000
"""A refusal older than this is over. One that still holds is repeated at least once a minute."""
_CROWD = N_(
    "somebody crowds the port; the team comes in all the same: find that machine, or keep it from"
    " the port"
)
_SCANNER = N_(
    "a scanner or another program, most likely, and nothing to do; when a colleague is missing,"
    " run {doctor} there"
)
_ADVICE = (
    # First, because its reason names other words too.
    (
        "rejected this device",
        N_("wait a minute for the policy to reach it; where it was revoked, {way_back}"),
    ),
    ("too many strangers", _CROWD),
    ("said nothing", _SCANNER),
    ("is no TLS", _SCANNER),
    (
        "another team",
        N_(
            "one of you uses the wrong --home, or joined another team; compare the team in"
            " `{status}`"
        ),
    ),
    (
        "revoked",
        N_("an admin revoked it; an invite brings its person back: {invite}"),
    ),
    (
        "expired",
        N_("renew it there: {renew} of a device that issues certificates; look at both clocks too"),
    ),
    ("not valid yet", N_("set both clocks right (network time)")),
    ("clock", N_("set both clocks right (network time)")),
    ("nothing listens", N_("start the node there, or take its old address out of settings.toml")),
    ("no answer", N_("see that it is awake, and that no firewall is in between")),
    ("TLS failed", _SCANNER),
    ("protocol", N_("update the older devstream")),
)
"""Advice by words of the node's reason."""
_THERE_TOO = N_("run {doctor} there too")


def clock(now: int, newest: int, status: Status | None) -> Check:
    """Check whether this clock can be believed.

    `newest`: the time of the newest event here, 0 for none.
    """
    set_it = _("set the clock right and keep it by network time (Linux: {command})").format(
        command="timedatectl set-ntp true"
    )
    if status is not None and status.pruning_suspended:
        return problem("clock", translated(status.pruning_suspended), set_it)
    # Without a peer the newest event is the only other clock.
    if newest - now > MAX_OFFSET_MS:
        off = _("{time} behind the newest event here").format(time=duration(newest - now))
        return problem("clock", off, set_it)
    ours = wording.clock_offset(status) if status is not None else None
    if status is None or ours is None:
        return ok(
            "clock",
            _("not compared: no peer is linked")
            if status is not None
            else _("not compared: the node does not run"),
        )
    if abs(ours) > CLOCK_OFF_MS:
        return warning("clock", wording.clock(status), set_it)
    return ok("clock", wording.clock(status))


def discovery(status: Status, *, alone: bool) -> Check:
    """Check whether peers on the local network are found."""
    name = "discovery"
    by_hand = _(
        "name peers by address: {setting} in settings.toml, and start this node again"
    ).format(setting='[mesh] peers = ["HOST:PORT"]')
    said = _announced(status.discovery)
    if alone or status.discovery.startswith(("announcing", "starting")):
        return ok(name, said)
    # Somebody switched it off on purpose, and it works.
    if status.discovery == "off" and wording.linked(status):
        return ok(name, _("off; peers are found by address"))
    return warning(name, said, by_hand)


def _announced(discovery: str) -> str:
    """Say a node's own words, which are English, for its discovery."""
    begin = "announcing on "
    if discovery.startswith(begin):
        return _("announcing on {addresses}").format(addresses=discovery.removeprefix(begin))
    return _(discovery)


def listening(status: Status, *, alone: bool, here: bool) -> Check:
    """Check whether others can dial this node.

    `here`: its address is one of this machine's at the moment.
    """
    name, host = "address", addresses.split(status.mesh)[0]
    # Alone nobody else has to reach it.
    if alone or status.closed:
        return ok(name, wording.reach(status))
    if addresses.is_loopback(host):
        return warning(
            name,
            _("{address} is reached from this machine only").format(address=status.mesh),
            _(
                "connect this machine to a network; where it is in one, set {setting} in"
                " settings.toml and restart the node"
            ).format(setting='[mesh] listen = "[::]:0"'),
        )
    if not here:
        said = [one for one in status.notices if host in one]
        return warning(
            name,
            said[0]
            if said
            else _("{address} is no longer an address of this machine").format(address=status.mesh),
            _(
                "connect that network, or change {setting} in settings.toml and restart the node"
            ).format(setting="[mesh] listen"),
        )
    return ok(name, wording.reach(status))


def peers(status: Status, now: int, *, alone: bool) -> Iterator[Check]:
    """Check how each peer is reached, and why not."""
    linked = wording.linked(status)
    for peer in status.peers:
        person = peer.person or _("unknown")
        who = f"{person} {peer.device[:8]}".rstrip()
        said = _("{peer} at {address}: {state}").format(
            peer=who, address=peer.address, state=wording.peer(peer, now)
        )
        if peer in linked:
            yield ok("peer", said)
        else:
            yield warning(
                "peer",
                said,
                _("it is dialed again by itself; see that it is awake and reachable"),
            )
    devices, places = (
        {peer.device for peer in linked if peer.device},
        {peer.address for peer in linked},
    )
    for refused in status.refused:
        if (
            refused.device not in devices
            and refused.address not in places
            and now - refused.seen < REFUSED_LATELY_MS
        ):
            yield _refusal(refused, now)
    # This is the trouble that people run the doctor for.
    if not linked and not alone:
        yield problem(
            "peers",
            _("no peer is linked, so nothing comes and nothing leaves"),
            _(
                "start a node elsewhere; where it is not found, name it here: {setting} in"
                " settings.toml, and start this node again"
            ).format(setting='[mesh] peers = ["HOST:PORT"]'),
        )


def _refusal(refused: RefusedStatus, now: int) -> Check:
    advice = _(
        next((advice for word, advice in _ADVICE if word in refused.reason), _THERE_TOO)
    ).format(
        way_back=way_back("NAME"),
        doctor="devstream doctor",
        status="devstream status",
        invite="devstream team invite --for NAME",
        renew="devstream team renew --at HOST:PORT",
    )
    who = " ".join(part for part in (refused.address, refused.device[:8]) if part)
    said = _("no link with {peer}, last tried {age}: {reason}").format(
        peer=who or _("somebody"),
        age=wording.ago(refused.seen, now),
        reason=translated(refused.reason),
    )
    return warning("peer", said, advice)
