"""Judgements of `devstream doctor`, pure: from facts to a verdict and advice."""

from __future__ import annotations

from collections.abc import Iterator

from devstream_desktop import address as addresses
from devstream_desktop.control import wording
from devstream_desktop.control.check import Check, Verdict
from devstream_desktop.control.messages.status import RefusedStatus, Status
from devstream_desktop.mesh.clock import MAX_OFFSET_MS
from devstream_desktop.team import Standing, way_back

DAY_MS = 86_400_000
CERTIFICATE_LATE_MS = 10 * DAY_MS
"""Renewed at half of its 30 days; with fewer left than this, renewing has failed for days."""
POLICY_LATE_MS = 30 * DAY_MS
"""The last third of a policy's life: any change renews it."""
CLOCK_OFF_MS = 30_000
"""A clock kept by network time is never this far off."""
REFUSED_LATELY_MS = 15 * 60_000
"""A refusal older than this is over. One that still holds is repeated at least once a minute."""


def ok(name: str, what: str) -> Check:
    """Make a check of what is as it should be."""
    return Check(name, Verdict.OK, what)


def warning(name: str, what: str, advice: str) -> Check:
    """Make a check of what works, though not for ever."""
    return Check(name, Verdict.WARNING, what, advice)


def problem(name: str, what: str, advice: str) -> Check:
    """Make a check of what does not work."""
    return Check(name, Verdict.PROBLEM, what, advice)


def membership(standing: Standing) -> Check:
    """Check whether this device is in its team."""
    if standing.outsider:
        return problem(
            "team",
            f"this device is not a member of {standing.team}: {standing.outsider}",
            way_back(standing.person),
        )
    return ok("team", f"{standing.person} in team {standing.team}, device {standing.device[:8]}")


def admins(standing: Standing) -> Check:
    """Check whether the team outlives the loss of one laptop."""
    # One who is alone cannot lock anybody out.
    if standing.admin_devices == 1 and standing.devices > 1 and not standing.recovery_key:
        (alone,) = standing.admins
        # Another person, or the same one's second device.
        other = next((one for one in standing.people if one != alone), alone)
        return warning(
            "admins",
            f"{alone}'s is the only admin's device: without it nobody can approve joins, revoke"
            " devices or renew the policy",
            f"{alone} makes a second one (devstream team grant {other} admin) or keeps a key"
            " on paper (devstream team recovery-key)",
        )
    return ok(
        "admins",
        f"{', '.join(standing.admins)}" + ("" if standing.devices > 1 else "; a team of one"),
    )


def policy(standing: Standing, now: int) -> Check:
    """Check whether the policy can be acted on."""
    renew = f"start devstream on a device of an admin ({', '.join(standing.admins)}); it renews it"
    signed = wording.ago(standing.policy_issued, now)
    age = (
        f"version {standing.policy_version}, signed {signed},"
        f" {wording.ends(standing.policy_expires, now)}"
    )
    # Nobody can tell which one the admins mean.
    if standing.forked:
        return problem(
            "policy",
            f"two policies of one version are signed, so nothing is deployed; {age}",
            "ask the admins who signed both, then make any change on a device of one of them, such"
            " as: devstream team recovery-key",
        )
    if standing.trouble:
        advice = (
            "nothing: they are set aside at the next start, and come again from a device that has"
            " them"
        )
        return warning("policy", f"{standing.trouble}; {age}", advice)
    if now > standing.policy_expires:
        return problem("policy", f"expired, so nothing is deployed; {age}", renew)
    if standing.policy_expires - now < POLICY_LATE_MS:
        return warning("policy", age, renew)
    return ok("policy", age)


_RENEW = (
    "start devstream, and it is renewed at a device that issues certificates; where it finds none,"
    " name one: devstream team renew --at HOST:PORT"
)


def certificate(standing: Standing, now: int) -> Check:
    """Check whether peers will talk to this device."""
    if now < standing.certificate_from:
        return problem(
            "certificate",
            "not valid yet: this clock is behind",
            "set the clock right (network time)",
        )
    if not standing.certified:
        return problem(
            "certificate",
            "not one of the team's, so no peer talks to this device: the one it had was damaged"
            " or revoked",
            _RENEW,
        )
    until = wording.ends(standing.certificate_expires, now)
    if now > standing.certificate_expires:
        return problem("certificate", f"{until}, so no peer talks to this device", _RENEW)
    if standing.certificate_expires - now < CERTIFICATE_LATE_MS:
        return warning(
            "certificate",
            f"{until} and was not renewed",
            _RENEW,
        )
    return ok("certificate", until)


def clock(now: int, newest: int, status: Status | None) -> Check:
    """Check whether this clock can be believed.

    `newest`: the time of the newest event here, 0 for none.
    """
    set_it = "set the clock right and keep it by network time (Linux: timedatectl set-ntp true)"
    if status is not None and status.pruning_suspended:
        return problem("clock", status.pruning_suspended, set_it)
    # Without a peer the newest event is the only other clock.
    if newest - now > MAX_OFFSET_MS:
        return problem("clock", f"{wording.offset(now - newest)} of the newest event here", set_it)
    ours = wording.clock_offset(status) if status is not None else None
    if status is None or ours is None:
        return ok(
            "clock",
            "not compared: no peer is linked"
            if status is not None
            else "not compared: the node does not run",
        )
    if abs(ours) > CLOCK_OFF_MS:
        return warning("clock", wording.clock(status), set_it)
    return ok("clock", wording.clock(status))


def discovery(status: Status, *, alone: bool) -> Check:
    """Check whether peers on the local network are found."""
    name, by_hand = (
        "discovery",
        (
            'name peers by address: [mesh] peers = ["HOST:PORT"] in settings.toml, and start this'
            " node again"
        ),
    )
    if alone or status.discovery.startswith(("announcing", "starting")):
        return ok(name, status.discovery)
    # Somebody switched it off on purpose, and it works.
    if status.discovery == "off" and wording.linked(status):
        return ok(name, "off; peers are found by address")
    return warning(name, status.discovery, by_hand)


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
            f"{status.mesh} is reached from this machine only",
            "connect this machine to a network; where it is in one, set [mesh] listen ="
            ' "[::]:0" in settings.toml and restart the node',
        )
    if not here:
        said = [one for one in status.notices if host in one]
        return warning(
            name,
            said[0] if said else f"{status.mesh} is no longer an address of this machine",
            "connect that network, or change [mesh] listen in settings.toml and restart the node",
        )
    return ok(name, wording.reach(status))


_CROWD = (
    "somebody crowds the port; the team comes in all the same: find that machine, or keep it from"
    " the port"
)
_SCANNER = (
    "a scanner or another program, most likely, and nothing to do; when a colleague is missing,"
    " run devstream doctor there"
)
_ADVICE = (
    # First, because its reason names other words too.
    (
        "rejected this device",
        f"wait a minute for the policy to reach it; where it was revoked, {way_back('NAME')}",
    ),
    ("too many strangers", _CROWD),
    ("said nothing", _SCANNER),
    ("is no TLS", _SCANNER),
    (
        "another team",
        (
            "one of you uses the wrong --home, or joined another team; compare the team in"
            " `devstream status`"
        ),
    ),
    (
        "revoked",
        "an admin revoked it; an invite brings its person back: devstream team invite --for NAME",
    ),
    (
        "expired",
        (
            "renew it there: devstream team renew --at HOST:PORT of a device that issues"
            " certificates; look at both clocks too"
        ),
    ),
    ("not valid yet", "set both clocks right (network time)"),
    ("clock", "set both clocks right (network time)"),
    ("nothing listens", "start the node there, or take its old address out of settings.toml"),
    ("no answer", "see that it is awake, and that no firewall is in between"),
    ("TLS failed", _SCANNER),
    ("protocol", "update the older devstream"),
)


def peers(status: Status, now: int, *, alone: bool) -> Iterator[Check]:
    """Check how each peer is reached, and why not."""
    linked = wording.linked(status)
    for peer in status.peers:
        who = f"{peer.person or 'unknown'} {peer.device[:8]}".rstrip() + f" at {peer.address}"
        if peer in linked:
            yield ok("peer", f"{who}: {wording.peer(peer, now)}")
        else:
            yield warning(
                "peer",
                f"{who}: {wording.peer(peer, now)}",
                "it is dialed again by itself; see that it is awake and reachable",
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
            "no peer is linked, so nothing comes and nothing leaves",
            "start a node elsewhere; where it is not found, name it here: [mesh] peers ="
            ' ["HOST:PORT"] in settings.toml, and start this node again',
        )


def _refusal(refused: RefusedStatus, now: int) -> Check:
    advice = next(
        (advice for word, advice in _ADVICE if word in refused.reason),
        "run devstream doctor there too",
    )
    who = " ".join(part for part in (refused.address, refused.device[:8]) if part) or "somebody"
    return warning(
        "peer",
        f"no link with {who}, last tried {wording.ago(refused.seen, now)}: {refused.reason}",
        advice,
    )


_LOST_ADVICE = {
    "nobody": "they come when a device that has them is on again; else they are lost",
    "future": "set that device's clock right",
    "refused": "an admin grants the role if it should: devstream team grant",
    "frozen": "nothing: its author publishes what it still has once more",
    "crowded": (
        "find out why that home is restored or copied again and again, and join there anew;"
        " or revoke the device"
    ),
}


def _compared(status: Status) -> str:
    """Say how sure it is that nothing is missing."""
    if any(peer.state == "live" for peer in status.peers):
        return "nothing that a peer has"
    return (
        "still being compared with the peers"
        if any(peer.state == "syncing" for peer in status.peers)
        else "nothing known of"
    )


def outlets(status: Status, now: int) -> Iterator[Check]:
    """Check whether the outlets are served."""
    for one in status.outlets:
        untold = wording.outlet_untold(one)
        last = f"last {wording.ago(one.seen, now)}"
        about = ", ".join(filter(None, (wording.outlet_told(one), untold, last)))
        if not one.error:
            yield ok("outlet", f"{one.name}: {about}")
        else:
            what = f"{one.name}: {one.error} ({about})"
            yield warning("outlet", what, f"when that is put right: devstream out test {one.name}")


def missing(status: Status, now: int) -> Iterator[Check]:
    """Check what is not here, and why."""
    for one in status.lost:
        yield warning("missing", wording.lost(one, now), _LOST_ADVICE.get(one.why, ""))
    if not status.lost:
        yield ok("missing", wording.catching_up(status) or _compared(status))
