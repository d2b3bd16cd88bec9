"""Joins and who decides on them: admins approve, issuers let in, and two may have to sign."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from doors import Door
from people import MakeHome, People, countersign, give, tell

from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.keys.vault import Vault
from devstream_desktop.stream.words import Role
from devstream_desktop.team.certificates import is_trusted
from devstream_desktop.team.errors import PolicyError
from devstream_desktop.team.joining.client import join
from devstream_desktop.team.joining.errors import JoinError, JoinWaitsError, Problem
from devstream_desktop.team.joining.six_words import six_words
from devstream_desktop.team.policy import changes
from devstream_desktop.team.team import Team


async def test_the_third_person_waits_for_an_admin_who_compares_six_words(
    team: Team, home: MakeHome
) -> None:
    asked: list[tuple[changes.Newcomer, int]] = []
    door = Door(team, on_asked=lambda *news: asked.append(news))
    try:
        bo = await Team.join(home("bo"), Vault.open(home("bo")), await door.invite(3600), "bo")
        assert asked == [], "the first two people know each other"
        place = home("cy")
        vault, text = Vault.open(place), await door.invite(3600)
        with pytest.raises(JoinWaitsError) as waits:
            await Team.join(place, vault, text, "cy")
        assert (waits.value.team, waits.value.approvers) == ("acme", ("ana",))
        device = Team.joining_device(vault)
        assert [(news.device, news.person, news.another) for news, _ in asked] == [
            (device, "cy", False)
        ]
        with pytest.raises(JoinWaitsError):
            await Team.join(place, vault, text, "cy")
        assert len(asked) == 1, "told once"
        assert team.gate(device) is not None
        with pytest.raises(PolicyError, match="only an admin's device"):
            bo.change(changes.admit(device, "cy"))
        team.change(changes.admit(device, "cy"))
        cy = await Team.join(place, vault, text, "cy")
        assert (cy.device.id, cy.person) == (device, "cy")
        assert six_words(cy.device.id) == six_words(device)
    finally:
        await door.stop()


async def test_an_admin_turns_somebody_away(team: Team, door: Door, people: People) -> None:
    await people.join("bo")
    text, device = await door.invite(3600), DeviceKey.generate()
    with pytest.raises(JoinWaitsError):
        await join(text, "cy", device)
    team.admissions.reject(device.id)
    with pytest.raises(JoinError) as refused:
        await join(text, "cy", device)
    assert refused.value.problem is Problem.REJECTED


async def test_approving_can_be_switched_off_and_only_an_admin_approves_beforehand(
    team: Team, door: Door, people: People
) -> None:
    bo = await people.join("bo")
    give(team, "bo", Role.ISSUER)
    tell(team, bo)
    with pytest.raises(PolicyError, match="only an admin can approve a join beforehand; ana can"):
        bo.admissions.invite(60, "127.0.0.1:1", approved=True)
    team.change(changes.settings(approve_joins=False))
    assert (
        await join(await door.invite(3600), "cy", DeviceKey.generate())
    ).chain.current.people() == ("ana", "bo", "cy")


async def test_an_issuer_that_is_no_admin_lets_nobody_in_alone(team: Team, people: People) -> None:
    bo = await people.join("bo")
    team.change(changes.settings(approve_joins=False))
    give(team, "bo", Role.ISSUER)
    tell(team, bo)
    async with people.door(bo) as second:
        text, device = await second.invite(3600), DeviceKey.generate()
        with pytest.raises(JoinWaitsError):
            await join(text, "cy", device)
        team.change(changes.admit(device.id, "cy"))
        tell(team, bo)
        joined = await join(text, "cy", device)
        assert is_trusted(joined.certificate_pem, team.chain.current)


async def test_every_admins_device_lets_people_in_with_an_authority_of_its_own(
    team: Team, people: People
) -> None:
    bo = await people.join_as_admin("bo")
    assert bo.admissions.open
    assert bo.admissions.authority().pin != team.admissions.authority().pin
    async with people.door(bo) as second:
        cy = await people.join("cy", second)
    tell(bo, team)
    assert team.gate(cy.device.id) is None
    assert is_trusted(cy.certificate.pem, team.chain.current)
    assert team.ca_pem == bo.ca_pem == cy.ca_pem
    assert team.ca_pem.count("BEGIN CERTIFICATE") == 2


async def test_a_join_waits_for_the_second_signature(
    team: Team, door: Door, people: People
) -> None:
    bo = await people.join("bo")
    give(team, "bo", Role.ADMIN)
    team.change(changes.settings(threshold=2))
    countersign(team, bo)
    text, device = await door.invite(3600, approved=True), DeviceKey.generate()
    with pytest.raises(JoinWaitsError):
        await join(text, "cy", device)
    assert countersign(team, bo)
    assert (await join(text, "cy", device)).chain.current.is_member(device.id)


async def test_a_joiner_who_asks_again_and_again_makes_one_proposal(
    team: Team, door: Door, people: People
) -> None:
    bo = await people.join_as_admin("bo")
    cy = await people.join("cy")
    team.change(changes.settings(threshold=2))
    countersign(team, bo)
    for count, wanted in enumerate(({}, {"owner": "cy", "replaces": cy.device.id[:8]}), 1):
        text = await door.invite(3600, approved=True, **wanted)
        device = DeviceKey.generate()
        for _ in range(6):
            team.now.add(seconds=2)  # type: ignore[attr-defined]
            with pytest.raises(JoinWaitsError):
                await join(text, "" if wanted else "dan", device)
        assert len(team.chain.proposals) == count


async def test_an_approved_join_is_the_policys_own_name(
    team: Team, door: Door, people: People
) -> None:
    """Two who ask for one name: the second approval is refused, whatever the screens said."""
    await people.join("bo")
    first, second = DeviceKey.generate(), DeviceKey.generate()
    for device in (first, second):
        with pytest.raises(JoinWaitsError):
            await join(await door.invite(3600), "cy", device)
    team.change(changes.admit(first.id, "cy"))
    with pytest.raises(PolicyError, match="somebody in the team is called cy"):
        team.change(changes.admit(second.id, "cy"))
    await asyncio.sleep(0)
    assert team.chain.current.persons[first.id] == "cy"
    assert msgspec.json.encode(team.chain.current).count(b'"cy"') == 1
