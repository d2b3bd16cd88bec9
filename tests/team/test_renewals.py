"""Renewals over the links: what a node takes from others, passes on, and answers."""

from __future__ import annotations

import msgspec
import pytest
from doors import Door
from people import People, revoke, tell

from devstream_desktop.home import Home
from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.keys.vault import Vault
from devstream_desktop.team.certificates import Authority, TlsKey
from devstream_desktop.team.errors import TeamError
from devstream_desktop.team.joining.renewals import (
    CHANGE_S,
    Renewal,
    Renewals,
    decode_renewal,
    is_renewal,
    make_renewal,
)
from devstream_desktop.team.team import Team


class Steady:
    """A steady clock that is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Node:
    """The knowledge of one node in between."""

    def __init__(self, team: Team) -> None:
        self.clock = Steady()
        self.known = Renewals(team.id, lambda: team.chain.current, self.clock)


def carry(*ends: Renewals) -> None:
    """Bring all to the same, as neighbours do."""
    for sender in ends:
        for receiver in ends:
            receiver.absorb(sender.documents())


async def test_a_certificate_comes_through_nodes_in_between(
    team: Team, door: Door, people: People
) -> None:
    bo = await people.join("bo")
    relay = Node(team).known
    before = bo.certificate.pem
    assert bo.certificate.ask()
    assert not bo.certificate.ask(), "it is asked once"
    relay.absorb(bo.renewals.documents())
    team.renewals.absorb(relay.documents())
    assert team.admissions.answer(team.renewals)
    relay.absorb(team.renewals.documents())
    bo.renewals.absorb(relay.documents())
    assert bo.certificate.take()
    assert bo.certificate.pem != before
    assert not bo.certificate.take()
    carry(bo.renewals, relay, team.renewals)
    assert bo.renewals.stamp == relay.stamp == team.renewals.stamp != 0
    (document,) = relay.documents()
    assert len(document) < 200, "neither request nor certificate is kept on"


async def test_an_answer_may_come_after_a_restart(
    team: Team, door: Door, people: People, tmp_path: object
) -> None:
    bo = await people.join("bo")
    bo.certificate.ask()
    team.renewals.absorb(bo.renewals.documents())
    team.admissions.answer(team.renewals)
    home: Home = people.home("bo")
    again = Team.load(home, Vault.open(home), now=team.now)
    assert again.certificate.ask()
    carry(again.renewals, team.renewals)
    assert again.certificate.take()


async def test_a_node_that_lost_its_request_outbids_what_others_hold(
    team: Team, door: Door, people: People
) -> None:
    bo = await people.join("bo")
    team.now.add(days=30)  # type: ignore[attr-defined]
    bo.certificate.ask()
    relay = Node(team)
    relay.known.absorb(bo.renewals.documents())
    team.now.add(days=-30)  # type: ignore[attr-defined]
    home = people.home("bo")
    Vault.open(home).remove("tls-next")
    again = Team.load(home, Vault.open(home), now=team.now)
    again.certificate.ask()
    again.renewals.absorb(relay.known.documents())
    assert again.certificate.ask()
    relay.clock.now += CHANGE_S
    assert relay.known.absorb(again.renewals.documents())


def forged(ask: Renewal, mallory: DeviceKey, team: Team) -> dict[str, Renewal]:
    """Lies of mallory, who is a member, about another's request."""
    of_hers = TlsKey.generate().request()
    device, now = ask.device, team.now()
    own, other = Authority.create(now), team.admissions.authority()
    as_der = team_der
    return {
        "another request": msgspec.structs.replace(ask, request=of_hers, number=ask.number + 1),
        "a later number": msgspec.structs.replace(ask, number=ask.number + 1),
        "settled by another": msgspec.structs.replace(
            make_renewal(team.id, mallory, ask.number + 1, b""), key=ask.key
        ),
        "an authority of her own": as_der(ask, own.issue(device, ask.request, now)),
        "another device's": as_der(ask, other.issue(mallory.id, ask.request, now)),
        "another key": as_der(ask, other.issue(device, of_hers, now)),
        "no certificate": msgspec.structs.replace(ask, certificate=b"garbage"),
    }


def team_der(ask: Renewal, pem: str) -> Renewal:
    import ssl

    return msgspec.structs.replace(ask, certificate=ssl.PEM_cert_to_DER_cert(pem))


async def test_nobody_can_forge_or_displace_what_another_asks(
    team: Team, door: Door, people: People
) -> None:
    bo, mallory = await people.join("bo"), await people.join("mallory")
    bo.certificate.ask()
    (document,) = bo.renewals.documents()
    ask = decode_renewal(document)
    for lie, forgery in forged(ask, mallory.device, team).items():
        node = Node(team)
        node.known.absorb([document])
        node.clock.now += 2 * CHANGE_S
        with pytest.raises(TeamError):
            node.known.take(forgery)
        assert node.known.documents() == [document], lie
        fresh = Node(team)
        with pytest.raises(TeamError):
            fresh.known.take(forgery)
        assert fresh.known.documents() == [], lie
        with pytest.raises(TeamError):
            bo.renewals.take(forgery)
        assert not bo.certificate.take()
        assert bo.renewals.documents() == [document]


async def test_who_asks_without_end_is_passed_on_once_a_minute_and_certified_rarely(
    team: Team, door: Door, people: People
) -> None:
    mallory = await people.join("mallory")
    node = Node(team)
    taken = 0
    for number in range(1, 200):
        ask = make_renewal(team.id, mallory.device, number, TlsKey.generate().request())
        taken += node.known.take(ask)
        settle = make_renewal(team.id, mallory.device, number + 1000, b"")
        if number == 100:
            taken += node.known.take(settle)
        assert len(node.known.documents()) == 1
    assert taken == 2
    answers = 0
    for number in range(2000, 2010):
        ask = make_renewal(team.id, mallory.device, number, TlsKey.generate().request())
        team.renewals.take(ask, own=True)
        answers += team.admissions.answer(team.renewals)
    assert answers == 1


async def test_strangers_and_former_members_have_no_place(
    team: Team, door: Door, people: People
) -> None:
    node, stranger = Node(team), DeviceKey.generate()
    request = TlsKey.generate().request()
    assert not node.known.take(make_renewal(team.id, stranger, 1, request))
    bo = await people.join("bo")
    assert node.known.take(make_renewal(team.id, bo.device, 1, request))
    with pytest.raises(TeamError, match="not signed"):
        Node(team).known.take(make_renewal("another team", bo.device, 1, request))
    revoke(team, "bo", "left")
    assert node.known.follow_policy()
    assert node.known.documents() == []
    assert not team.admissions.answer(team.renewals)


async def test_what_a_revoked_issuer_gave_is_asked_for_again(
    team: Team, door: Door, people: People
) -> None:
    bo = await people.join_as_admin("bo")
    cy = await people.join("cy")
    tell(team, bo)
    cy.certificate.ask()
    node = Node(team)
    carry(cy.renewals, bo.renewals)
    bo.admissions.answer(bo.renewals)
    node.known.absorb(bo.renewals.documents())
    assert not list(node.known.open())
    revoke(team, "bo", "stolen")
    tell(team, cy)
    assert node.known.follow_policy()
    assert [one.device for one in node.known.open()] == [cy.device.id]


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"\x95",
        b"\x95\x02",
        msgspec.msgpack.encode((2, b"x" * 31, 1, b"", b"y" * 64, b"")),
        msgspec.msgpack.encode((2, b"x" * 32, -1, b"", b"y" * 64, b"")),
        msgspec.msgpack.encode((2, b"x" * 32, 1 << 60, b"", b"y" * 64, b"")),
        msgspec.msgpack.encode((2, b"x" * 32, 1, b"r" * 2000, b"y" * 64, b"")),
        msgspec.msgpack.encode((2, b"x" * 32, 1, b"", b"y" * 64, b"c" * 3000)),
        msgspec.msgpack.encode((2, b"x" * 32, 1, b"", b"y" * 64, b"", b"more")),
    ],
)
def test_nonsense_is_no_renewal(document: bytes) -> None:
    with pytest.raises(TeamError):
        decode_renewal(document)


async def test_policies_and_renewals_are_told_apart(team: Team, door: Door, people: People) -> None:
    bo = await people.join("bo")
    bo.certificate.ask()
    assert [is_renewal(one) for one in bo.renewals.documents()] == [True]
    assert not any(map(is_renewal, bo.chain.documents()))
