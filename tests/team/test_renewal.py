"""Certificates: renewed in time or late, by an issuer of the team, for a member and nobody else."""

from __future__ import annotations

from typing import Any

import pytest
from doors import Door
from people import MakeHome, People, give, revoke, tell

from devstream_desktop.door.connection import Connection
from devstream_desktop.keys.vault import Vault
from devstream_desktop.stream.words import Role
from devstream_desktop.team import membership
from devstream_desktop.team.errors import TeamError
from devstream_desktop.team.joining import client, tls
from devstream_desktop.team.team import Team


async def test_a_certificate_is_renewed_at_half_its_life_and_after_its_end(
    team: Team, door: Door, people: People, home: MakeHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    bo = await people.join("bo")
    assert membership.doors(home("bo")) == {team.device.id: (f"127.0.0.1:{door.port}",)}
    assert not bo.certificate.due
    assert team.admissions.open_for() < 3600 - 1, "nobody needs the door for a renewal"
    for days, what in ((16, "half"), (40, "all of it")):
        team.now.add(days=days)  # type: ignore[attr-defined]
        assert bo.certificate.due, what
        assert team.admissions.open_for() == 3600
        await team.certificate.renew()
        # The contexts check by the real clock, which cannot be moved: the issuer's certificate is
        # one of today.
        with monkeypatch.context() as patch:
            patch.setattr(
                "devstream_desktop.team.joining.client.tls.verified_context",
                lambda _: tls.unverified_context(),
            )
            await door.look()
            await bo.certificate.renew()
        assert not bo.certificate.due
        assert team.admissions.open_for() == 600, "its answer may have been lost"
        team.now.add(seconds=600)  # type: ignore[attr-defined]
        assert team.admissions.open_for() == 0
        again = Team.load(home("bo"), Vault.open(home("bo")), now=team.now)  # type: ignore[arg-type]
        assert again.certificate.pem == bo.certificate.pem


async def second_issuer_and_member(team: Team, people: People) -> tuple[Team, Team]:
    bo = await people.join("bo")
    give(team, "bo", Role.ADMIN)
    tell(team, bo)
    cy = await people.join("cy")
    tell(team, bo, cy)
    return bo, cy


async def test_whose_answer_was_lost_asks_again(
    team: Team, door: Door, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    bo, cy = await second_issuer_and_member(team, people)
    bo.now.add(seconds=1200)  # type: ignore[attr-defined]
    revoke(bo, "ana", "stolen")
    tell(bo, cy)
    async with people.door(bo) as others:
        await others.look()
        membership.note_doors(people.home("cy"), {bo.device.id: others.addresses})
        with monkeypatch.context() as patch:
            patch.setattr(Connection, "send", lambda connection, _: connection.end())
            with pytest.raises(TeamError, match="cannot be reached"):
                await cy.certificate.renew()
        assert not cy.certificate.trusted
        await cy.certificate.renew()
    assert cy.certificate.trusted


async def test_who_is_not_believed_asks_the_issuer_of_its_certificate_last(
    team: Team, door: Door, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    bo, cy = await second_issuer_and_member(team, people)
    asked: list[str] = []
    ask = client._renew_at

    async def noted(issuer: str, *rest: Any) -> str:
        asked.append(issuer)
        return await ask(issuer, *rest)

    monkeypatch.setattr(client, "_renew_at", noted)
    bo.now.add(days=16)  # type: ignore[attr-defined]
    monkeypatch.setattr(
        "devstream_desktop.team.joining.client.tls.verified_context",
        lambda _: tls.unverified_context(),
    )
    await door.look()
    async with people.door(bo) as others:
        await others.look()
        membership.note_doors(people.home("cy"), {bo.device.id: others.addresses})
        await cy.certificate.renew(disbelieved=True)
        assert set(asked) == {bo.device.id}
        # Its issuer is bo now, so ana is asked; where she is away, bo is better than nobody.
        asked.clear()
        await door.stop()
        await cy.certificate.renew(disbelieved=True)
    assert asked[0] == team.device.id
    assert bo.device.id in asked


async def test_a_renewal_takes_the_real_issuer_and_a_member(
    team: Team, door: Door, people: People, home: MakeHome
) -> None:
    bo = await people.join("bo")
    before = bo.certificate.pem
    await bo.certificate.renew()
    assert bo.certificate.pem != before
    (home("bo").team / "doors.json").unlink()
    with pytest.raises(TeamError, match=r"no address of an issuer is known here.*have ana start"):
        await bo.certificate.renew()
    with pytest.raises(TeamError, match="cannot be reached"):
        await bo.certificate.renew(["127.0.0.1:1"])
    give(team, "bo", Role.ADMIN)
    tell(team, bo)
    cy = await people.join("cy")
    async with people.door(bo) as impostor:
        await impostor.invite(60, approved=True)
        (home("cy").team / "doors.json").unlink()
        membership.note_doors(home("cy"), {team.device.id: impostor.addresses})
        with pytest.raises(TeamError, match="not the device that invited you"):
            await cy.certificate.renew()
    revoke(team, "cy", "left")
    with pytest.raises(TeamError, match="does not know this device as one of the team"):
        await cy.certificate.renew([f"127.0.0.1:{door.port}"])


async def test_of_many_addresses_the_one_that_works_is_found_and_kept_first(
    team: Team, door: Door, people: People, home: MakeHome
) -> None:
    bo = await people.join("bo")
    for port in range(1, 9):
        membership.note_doors(home("bo"), {team.device.id: f"127.0.0.1:{port}"})
    known = membership.doors(home("bo"))[team.device.id]
    assert known == tuple(f"127.0.0.1:{port}" for port in (door.port, 8, 7, 6, 5, 4, 3, 2, 1)), (
        "that at which it joined is hidden by no newer word"
    )
    before = bo.certificate.pem
    await bo.certificate.renew(["127.0.0.1:9", f"127.0.0.1:{door.port}"])
    assert bo.certificate.pem != before
    assert membership.doors(home("bo"))[team.device.id][0] == f"127.0.0.1:{door.port}"


async def test_a_year_of_old_addresses_hides_none_that_works(
    team: Team, door: Door, people: People, home: MakeHome
) -> None:
    bo = await people.join("bo")
    (home("bo").team / "doors.json").unlink()
    old = [f"127.0.0.1:{port}" for port in range(1, 101)]
    before = bo.certificate.pem
    await bo.certificate.renew([*old, f"127.0.0.1:{door.port}"])
    assert bo.certificate.pem != before


async def test_the_authority_of_a_revoked_issuer_is_worth_nothing_at_once(
    team: Team, door: Door, people: People
) -> None:
    bo = await people.join_as_admin("bo")
    async with people.door(bo) as second:
        cy = await people.join("cy", second)
        tell(bo, team)
        revoke(team, "bo", "stolen")
        tell(team, cy)
        assert cy.certificate.due, "what bo's authority signed is believed by nobody"
        await door.invite(60, approved=True)  # so that ana's door is open
        await cy.certificate.renew([f"127.0.0.1:{door.port}"])
    assert not cy.certificate.due
    assert cy.ca_pem.count("BEGIN CERTIFICATE") == 1
