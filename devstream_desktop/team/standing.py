"""A home's identity in its team, read from its files. No key is unlocked."""

from __future__ import annotations

from dataclasses import dataclass

from devstream_desktop.home import Home
from devstream_desktop.stream.words import Role
from devstream_desktop.team import certificates, membership
from devstream_desktop.team.errors import NoTeamError, TeamError
from devstream_desktop.team.policy.authors import outsider
from devstream_desktop.team.policy.chain import PolicyChain


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Identity and team of a home, as its files say. Times are UTC milliseconds."""

    team: str
    team_id: str = ""
    solo: bool = False
    """The team of one that a first start makes."""
    person: str
    device: str
    outsider: str = ""
    """The reason why the policy counts this device no member; empty for a member."""
    people: tuple[str, ...]
    devices: int
    """Devices that are in the team."""
    admins: tuple[str, ...]
    admin_devices: int
    """Devices that may sign changes; a person may have several."""
    recovery_key: bool = False
    """The team keeps a key on paper."""
    policy_version: int
    policy_issued: int
    policy_expires: int
    forked: bool = False
    trouble: str = ""
    """A sentence on policies that could not be read from the disk; empty for none."""
    certificate_from: int
    certificate_expires: int
    certified: bool = True
    """An authority of the team has signed it."""


def standing_of(home: Home) -> Standing:
    """Read a home's identity and team.

    Raises:
        NoTeamError: it is in no team.
        TeamError, PolicyError, ValueError, OSError: a file is gone or broken.

    """
    membership.check_there(home)
    chain = PolicyChain.load(membership.policy_path(home))
    policy = chain.current
    leaf = certificates.load_certificate((home.team / "certificate.pem").read_bytes())
    pem = certificates.certificate_pem(leaf)
    device = certificates.common_name(pem)
    try:
        person, solo = membership.person_of(home), membership.is_solo(home)
    except NoTeamError:
        raise
    except TeamError:
        if device not in policy.persons:
            raise
        person, solo = policy.persons[device], False  # as the next start writes it anew
    return Standing(
        team=policy.name,
        team_id=chain.team,
        # A second device makes it a team like any other.
        solo=solo and len(policy.persons) == 1,
        person=person,
        device=device,
        outsider=outsider(policy, device) or "",
        people=policy.people(),
        devices=len(policy.persons.keys() - set(policy.revoked)),
        admins=policy.who_has(Role.ADMIN),
        admin_devices=len(policy.active_admins()),
        recovery_key=bool(policy.recovery),
        policy_version=policy.version,
        policy_issued=policy.issued,
        policy_expires=policy.expires,
        forked=chain.forked,
        trouble=chain.trouble,
        certificate_from=int(leaf.not_valid_before_utc.timestamp() * 1000),
        certificate_expires=certificates.expiry_ms(pem),
        certified=certificates.is_trusted(pem, policy),
    )
