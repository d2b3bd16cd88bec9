"""Certificates: renewed in time or late, by an issuer of the team, for a member and nobody else."""

from __future__ import annotations

import pytest
from doors import Door
from people import MakeHome, People, give, revoke, tell

from devstream_desktop.keys.vault import Vault
from devstream_desktop.stream.words import Role
from devstream_desktop.team import membership
from devstream_desktop.team.errors import TeamError
from devstream_desktop.team.joining import tls
from devstream_desktop.team.team import Team


async def test_a_certificate_is_renewed_at_half_its_life_and_after_its_end(
    team: Team, door: Door, people: People, home: MakeHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    bo = await people.join("bo")
    doors = membership.doors(home("bo"))
    assert doors == {team.device.id: f"127.0.0.1:{door.port}"}
    assert not bo.renewal_due
    assert team.admissions.open_for() < 3600 - 1, "nobody needs the door for a renewal"
    for days, what in ((16, "half"), (40, "all of it")):
        team.now.add(days=days)  # type: ignore[attr-defined]
        assert bo.renewal_due, what
        assert team.admissions.open_for() == 3600
        await team.renew({})
        # The contexts check by the real clock, which cannot be moved: the issuer's certificate is
        # one of today.
        with monkeypatch.context() as patch:
            patch.setattr(
                "devstream_desktop.team.joining.client.tls.verified_context",
                lambda _: tls.unverified_context(),
            )
            await door.look()
            await bo.renew(doors)
        assert not bo.renewal_due
        assert team.admissions.open_for() == 0
        again = Team.load(home("bo"), Vault.open(home("bo")), now=team.now)  # type: ignore[arg-type]
        assert again.certificate_pem == bo.certificate_pem


async def test_a_renewal_takes_the_real_issuer_and_a_member(
    team: Team, door: Door, people: People
) -> None:
    bo = await people.join("bo")
    doors = {team.device.id: f"127.0.0.1:{door.port}"}
    before = bo.certificate_pem
    await bo.renew(doors)
    assert bo.certificate_pem != before
    with pytest.raises(TeamError, match=r"no address of an issuer is known here.*have ana start"):
        await bo.renew({})
    with pytest.raises(TeamError, match="cannot be reached"):
        await bo.renew({team.device.id: "127.0.0.1:1"})
    give(team, "bo", Role.ADMIN)
    tell(team, bo)
    cy = await people.join("cy")
    with pytest.raises(TeamError, match=r"not the device that invited you|cannot be reached"):
        await cy.renew({bo.device.id: doors[team.device.id]})
    revoke(team, "cy", "left")
    with pytest.raises(TeamError, match="does not know this device as one of the team"):
        await cy.renew(doors)


async def test_the_authority_of_a_revoked_issuer_is_worth_nothing_at_once(
    team: Team, door: Door, people: People
) -> None:
    bo = await people.join_as_admin("bo")
    async with people.door(bo) as second:
        cy = await people.join("cy", second)
        tell(bo, team)
        revoke(team, "bo", "stolen")
        tell(team, cy)
        assert cy.renewal_due, "what bo's authority signed is believed by nobody"
        await door.invite(60, approved=True)  # so that ana's door is open
        await cy.renew({team.device.id: f"127.0.0.1:{door.port}"})
    assert not cy.renewal_due
    assert cy.ca_pem.count("BEGIN CERTIFICATE") == 1
