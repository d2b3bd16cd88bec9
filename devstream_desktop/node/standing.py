"""Who a home is in its team, read from its files: for whoever cannot or need not open its keys."""

from __future__ import annotations

from devstream_desktop.home import Home
from devstream_desktop.node.checks import Standing
from devstream_desktop.stream.words import Role
from devstream_desktop.team import certificates
from devstream_desktop.team.authors import outsider
from devstream_desktop.team.chain import PolicyChain
from devstream_desktop.team.errors import NoTeamError, TeamError
from devstream_desktop.team.membership import is_solo, person_of, policy_path


def standing_of(home: Home) -> Standing:
    """Who a home is.

    Raises:
        NoTeamError: it is in no team.
        TeamError, PolicyError, ValueError, OSError: a file is gone or broken.

    """
    chain = PolicyChain.load(policy_path(home))
    policy = chain.current
    leaf = certificates.load_certificate((home.team / "certificate.pem").read_bytes())
    pem = certificates.certificate_pem(leaf)
    device = certificates.common_name(pem)
    try:
        person, solo = person_of(home), is_solo(home)
    except NoTeamError:
        raise
    except TeamError:
        if device not in policy.persons:
            raise
        person, solo = policy.persons[device], False  # as the next start writes it anew
    return Standing(
        team=policy.name,
        team_id=chain.team,
        solo=solo,
        person=person,
        device=device,
        outsider=outsider(policy, device) or "",
        people=policy.people(),
        admins=policy.who_has(Role.ADMIN),
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
