"""Judgements of `devstream doctor`, pure: from facts to a verdict and advice."""

from __future__ import annotations

from collections.abc import Iterator

from devstream_desktop import address as addresses
from devstream_desktop.control import wording
from devstream_desktop.control.check import Check, Verdict
from devstream_desktop.control.messages.status import RefusedStatus, Status
from devstream_desktop.control.node_words import translated
from devstream_desktop.language import N_, _
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
            _("this device is not a member of {team}: {reason}").format(
                team=standing.team, reason=standing.outsider
            ),
            way_back(standing.person),
        )
    said = _("{person} in team {team}, device {device}").format(
        person=standing.person, team=standing.team, device=standing.device[:8]
    )
    return ok("team", said)


def admins(standing: Standing) -> Check:
    """Check whether the team outlives the loss of one laptop."""
    # One who is alone cannot lock anybody out.
    if standing.admin_devices == 1 and standing.devices > 1 and not standing.recovery_key:
        (alone,) = standing.admins
        # Another person, or the same one's second device.
        other = next((one for one in standing.people if one != alone), alone)
        return warning(
            "admins",
            _(
                "{person}'s is the only admin's device: without it nobody can approve joins, revoke"
                " devices or renew the policy"
            ).format(person=alone),
            _("{person} makes a second one ({grant}) or keeps a key on paper ({key})").format(
                person=alone,
                grant=f"devstream team grant {other} admin",
                key="devstream team recovery-key",
            ),
        )
    named = ", ".join(standing.admins)
    if standing.devices > 1:
        return ok("admins", named)
    return ok("admins", _("{admins}; a team of one").format(admins=named))


def policy(standing: Standing, now: int) -> Check:
    """Check whether the policy can be acted on."""
    renew = _("start devstream on a device of an admin ({admins}); it renews it").format(
        admins=", ".join(standing.admins)
    )
    age = _("version {version}, signed {age}, {end}").format(
        version=standing.policy_version,
        age=wording.ago(standing.policy_issued, now),
        end=wording.ends(standing.policy_expires, now),
    )
    # Nobody can tell which one the admins mean.
    if standing.forked:
        return problem(
            "policy",
            _("two policies of one version are signed, so nothing is deployed; {age}").format(
                age=age
            ),
            _(
                "ask the admins who signed both, then make any change on a device of one of them,"
                " such as: {command}"
            ).format(command="devstream team recovery-key"),
        )
    if standing.trouble:
        advice = _(
            "nothing: they are set aside at the next start, and come again from a device that has"
            " them"
        )
        return warning("policy", f"{standing.trouble}; {age}", advice)
    if now > standing.policy_expires:
        expired = _("expired, so nothing is deployed; {age}").format(age=age)
        return problem("policy", expired, renew)
    if standing.policy_expires - now < POLICY_LATE_MS:
        return warning("policy", age, renew)
    return ok("policy", age)


_RENEW = N_(
    "start devstream, and it is renewed at a device that issues certificates; where it finds none,"
    " name one: {command}"
)


def _renew() -> str:
    return _(_RENEW).format(command="devstream team renew --at HOST:PORT")


def certificate(standing: Standing, now: int) -> Check:
    """Check whether peers will talk to this device."""
    if now < standing.certificate_from:
        return problem(
            "certificate",
            _("not valid yet: this clock is behind"),
            _("set the clock right (network time)"),
        )
    if not standing.certified:
        return problem(
            "certificate",
            _(
                "not one of the team's, so no peer talks to this device: the one it had was damaged"
                " or revoked"
            ),
            _renew(),
        )
    until = wording.ends(standing.certificate_expires, now)
    if now > standing.certificate_expires:
        over = _("{end}, so no peer talks to this device").format(end=until)
        return problem("certificate", over, _renew())
    if standing.certificate_expires - now < CERTIFICATE_LATE_MS:
        return warning(
            "certificate",
            _("{end} and was not renewed").format(end=until),
            _renew(),
        )
    return ok("certificate", until)


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
        off = _("{offset} of the newest event here").format(offset=wording.offset(now - newest))
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


def _compared(status: Status) -> str:
    """Say how sure it is that nothing is missing."""
    if any(peer.state == "live" for peer in status.peers):
        return _("nothing that a peer has")
    return (
        _("still being compared with the peers")
        if any(peer.state == "syncing" for peer in status.peers)
        else _("nothing known of")
    )


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


def missing(status: Status, now: int) -> Iterator[Check]:
    """Check what is not here, and why."""
    for one in status.lost:
        advice = _(_LOST_ADVICE.get(one.why, "")).format(grant="devstream team grant")
        yield warning("missing", wording.lost(one, now), advice)
    if not status.lost:
        yield ok("missing", wording.catching_up(status) or _compared(status))
