"""Judgements of a home's place in its team, pure."""

from __future__ import annotations

from devstream_desktop.control import wording
from devstream_desktop.control.check import Check
from devstream_desktop.doctor.verdicts import ok, problem, warning
from devstream_desktop.language import N_, _
from devstream_desktop.team import Standing, way_back

DAY_MS = 86_400_000
CERTIFICATE_LATE_MS = 10 * DAY_MS
"""Renewed at half of its 30 days; with fewer left than this, renewing has failed for days."""
POLICY_LATE_MS = 30 * DAY_MS
"""The last third of a policy's life: any change renews it."""
_RENEW = N_(
    "start devstream, and it is renewed at a device that issues certificates; where it finds none,"
    " name one: {command}"
)


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


def _renew() -> str:
    return _(_RENEW).format(command="devstream team renew --at HOST:PORT")
