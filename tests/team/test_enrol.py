"""Joining over real TLS on loopback.

The honest way, the abuses of an invite, and strangers in between.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from doors import Door
from impostors import Recorder, server_of

from devstream_desktop.address import AddressError, destination
from devstream_desktop.address import join as join_text
from devstream_desktop.clock import now_ms
from devstream_desktop.door.tls import server_context
from devstream_desktop.home import Home
from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.keys.vault import Vault
from devstream_desktop.stream.entry import device_id
from devstream_desktop.stream.words import Role
from devstream_desktop.team.certificates import Authority, TlsKey, common_name, new_issuer
from devstream_desktop.team.joining import tls, wire
from devstream_desktop.team.joining.admissions import Admission
from devstream_desktop.team.joining.client import Joined, join
from devstream_desktop.team.joining.errors import JoinError, Problem
from devstream_desktop.team.joining.invite import (
    Invite,
    read_invite,
    write_invite,
)
from devstream_desktop.team.policy.chain import PolicyChain, sign_policy
from devstream_desktop.team.policy.policy import End
from devstream_desktop.team.team import Team

pytestmark = pytest.mark.usefixtures("no_blocking")


async def problem_of(joining: Awaitable[Joined]) -> Problem:
    with pytest.raises(JoinError) as caught:
        await joining
    return caught.value.problem


def redirected(text: str, port: int) -> str:
    return write_invite(replace(read_invite(text), addresses=(join_text("127.0.0.1", port),)))


async def test_an_honest_join(team: Team, door: Door) -> None:
    device = DeviceKey.generate()
    joined = await join(await door.invite(3600), "bo", device)
    assert common_name(joined.certificate_pem) == device.id
    assert joined.chain.current.authorities == (team.admissions.authority().der,)
    assert (joined.issuer, joined.doors) == (team.device.id, (f"127.0.0.1:{door.port}",))
    assert joined.chain.team == team.id
    assert joined.chain.current.person_of(device.id) == "bo"
    assert team.gate(device.id) is None
    assert not any(joined.chain.current.has_role(device.id, role) for role in Role)


async def test_a_join_is_repeated_and_says_where_peers_are(team: Team) -> None:
    door = Door(team, others=lambda: ["10.0.0.7:4000", "nonsense"])
    here = f"127.0.0.1:{door.port}"
    try:
        text, device = await door.invite(3600, here), DeviceKey.generate()
        joined = await join(text, "bo", device)
        version = team.chain.current.version
        again = await join(text, "bo", device)
        assert joined.peers == (here, "10.0.0.7:4000")
        assert team.chain.current.version == version, "a repeated join makes no new policy"
        assert again.tls_key_pem != joined.tls_key_pem
    finally:
        await door.stop()


async def test_an_invite_is_for_one_device(door: Door) -> None:
    text = await door.invite(3600)
    await join(text, "bo", DeviceKey.generate())
    assert await problem_of(join(text, "cy", DeviceKey.generate())) is Problem.USED


async def test_two_devices_that_race_for_one_invite(team: Team, door: Door) -> None:
    text = await door.invite(3600)
    results = await asyncio.gather(
        *(join(text, f"p{number}", DeviceKey.generate()) for number in range(4)),
        return_exceptions=True,
    )
    assert sum(isinstance(result, Joined) for result in results) == 1
    assert [result.problem for result in results if isinstance(result, JoinError)] == [
        Problem.USED
    ] * 3
    assert len(team.chain.current.persons) == 2


async def test_an_expired_invite(door: Door, clock: Callable[[], int]) -> None:
    text = await door.invite(60)
    await door.invite(3600)
    clock.add(seconds=61)  # type: ignore[attr-defined]
    assert await problem_of(join(text, "bo", DeviceKey.generate())) is Problem.EXPIRED


async def test_wrong_secrets_burn_an_invite(door: Door) -> None:
    text = await door.invite(3600)
    await door.invite(3600)
    wrong = write_invite(replace(read_invite(text), secret=bytes(16)))
    problems = [await problem_of(join(wrong, "bo", DeviceKey.generate())) for _ in range(6)]
    assert problems == [Problem.WRONG_SECRET] * 5 + [Problem.BURNT]
    assert await problem_of(join(text, "bo", DeviceKey.generate())) is Problem.BURNT


@pytest.mark.parametrize("name", ["ana", "ANA", "Ana"])
async def test_a_name_that_is_taken_is_refused_and_costs_nothing(
    team: Team, door: Door, name: str
) -> None:
    text, device = await door.invite(3600), DeviceKey.generate()
    assert await problem_of(join(text, name, device)) is Problem.NAME_TAKEN
    assert team.chain.current.version == 1
    assert (await join(text, "bo", device)).chain.current.person_of(device.id) == "bo"


async def test_a_name_that_cannot_be_shown_is_refused_before_anything_is_sent() -> None:
    nowhere = write_invite(Invite(bytes(32), bytes(5), bytes(16), bytes(32), ("127.0.0.1:1",)))
    assert await problem_of(join(nowhere, "a\nb", DeviceKey.generate())) is Problem.NAME
    assert await problem_of(join("ds1-nonsense", "bo", DeviceKey.generate())) is Problem.MISTYPED


async def test_an_issuer_whose_disk_is_full_lets_the_same_device_ask_again(
    team: Team, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    text, device = await door.invite(3600), DeviceKey.generate()
    with monkeypatch.context() as patch:
        patch.setattr("devstream_desktop.team.policy.stored_chain.write_private", full)
        assert await problem_of(join(text, "bo", device)) is Problem.ISSUER
    assert team.gate(device.id) is not None
    assert await problem_of(join(text, "bo", DeviceKey.generate())) is Problem.USED
    await join(text, "bo", device)
    assert team.gate(device.id) is None


async def test_an_issuer_whose_certificate_has_ended(home: Callable[[str], Home]) -> None:
    place = home("late")
    team = await asyncio.to_thread(
        lambda: Team.create(
            place, Vault.open(place), "late", "ana", now=lambda: now_ms() - 40 * 86_400_000
        )
    )
    door = Door(team)
    try:
        assert (
            await problem_of(join(await door.invite(3600), "bo", DeviceKey.generate()))
            is Problem.CLOCK
        )
    finally:
        await door.stop()


async def test_a_certificate_for_another_device_is_not_taken(
    team: Team, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    admit = team.admissions.admit

    def swapped(question: wire.AskMembership, ends: Sequence[End]) -> Admission:
        return replace(admit(question, ends), certificate=team.certificate.pem)

    monkeypatch.setattr(team.admissions, "admit", swapped)
    assert (
        await problem_of(join(await door.invite(3600), "bo", DeviceKey.generate()))
        is Problem.ANSWER
    )


async def test_a_certificate_of_another_authority_is_not_taken(
    team: Team, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, admit = Authority.create(team.now()), team.admissions.admit

    def forged(question: wire.AskMembership, ends: Sequence[End]) -> Admission:
        return replace(
            admit(question, ends),
            certificate=other.issue(device_id(question.device), question.request, team.now()),
        )

    monkeypatch.setattr(team.admissions, "admit", forged)
    assert (
        await problem_of(join(await door.invite(3600), "bo", DeviceKey.generate()))
        is Problem.ANSWER
    )


async def test_policies_that_trust_another_authority_are_not_taken(
    team: Team, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    def documents() -> list[bytes]:
        chain = team.chain.copy()
        other = {team.device.id: new_issuer(team.device.id, team.now())}
        chain.absorb(
            [
                sign_policy(
                    chain.successor(msgspec.structs.replace(chain.current, issuers=other), 0),
                    [team.device],
                )
            ]
        )
        return PolicyChain.documents(chain)

    monkeypatch.setattr(team.chain, "documents", documents)
    assert (
        await problem_of(join(await door.invite(3600), "bo", DeviceKey.generate()))
        is Problem.ANSWER
    )


async def test_policies_without_the_joiner_are_not_taken(
    team: Team, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(team.chain, "documents", lambda: PolicyChain.documents(team.chain)[:1])
    for person, owner in (("bo", ""), ("", "ana")):
        text = await door.invite(3600, approved=True, owner=owner)
        assert await problem_of(join(text, person, DeviceKey.generate())) is Problem.ANSWER


async def test_policies_that_call_the_joiner_otherwise_are_not_taken(
    team: Team, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = DeviceKey.generate()

    def documents() -> list[bytes]:
        chain = PolicyChain.from_documents(PolicyChain.documents(team.chain)[:1])
        persons = {**chain.current.persons, device.id: "eve"}
        renamed = msgspec.structs.replace(chain.current, persons=persons)
        chain.absorb([sign_policy(chain.successor(renamed, 0), [team.device])])
        return PolicyChain.documents(chain)

    monkeypatch.setattr(team.chain, "documents", documents)
    assert await problem_of(join(await door.invite(3600), "bo", device)) is Problem.ANSWER


async def test_nobody_is_there(door: Door) -> None:
    text = await door.invite(3600)
    await door.stop()
    with pytest.raises(JoinError, match=r"cannot be reached.*127\.0\.0\.1"):
        await join(text, "bo", DeviceKey.generate())


async def test_a_stranger_with_an_authority_of_its_own_sees_no_secret(
    team: Team, door: Door, tmp_path: Path
) -> None:
    own = Authority.create(team.now())
    stranger = Recorder(own.der, await server_of(own, team.device.id, tmp_path))
    text = await door.invite(3600)
    async with stranger.listening() as port:
        assert (
            await problem_of(join(redirected(text, port), "bo", DeviceKey.generate()))
            is Problem.PIN
        )
    assert (len(stranger.questions), stranger.secrets_seen) == (1, 0)


async def test_a_stranger_that_replays_the_real_certificate_sees_no_secret(
    team: Team, door: Door, tmp_path: Path
) -> None:
    own = Authority.create(team.now())
    stranger = Recorder(
        team.admissions.authority().der, await server_of(own, team.device.id, tmp_path)
    )
    text = await door.invite(3600)
    async with stranger.listening() as port:
        assert (
            await problem_of(join(redirected(text, port), "bo", DeviceKey.generate()))
            is Problem.IMPOSTOR
        )
    assert (len(stranger.questions), stranger.secrets_seen) == (1, 0)


async def test_an_ordinary_member_in_between_sees_no_secret(
    team: Team, door: Door, tmp_path: Path
) -> None:
    member = await join(await door.invite(3600), "mel", DeviceKey.generate())
    context = await asyncio.to_thread(
        lambda: server_context(member.certificate_pem, member.tls_key_pem, tmp_path)
    )
    stranger = Recorder(team.admissions.authority().der, context)
    text = await door.invite(3600)
    async with stranger.listening() as port:
        assert (
            await problem_of(join(redirected(text, port), "bo", DeviceKey.generate()))
            is Problem.IMPOSTOR
        )
    assert (len(stranger.questions), stranger.secrets_seen) == (1, 0)


async def test_an_answer_that_claims_to_be_huge_is_not_waited_for(
    team: Team, door: Door, tmp_path: Path
) -> None:
    own = Authority.create(team.now())
    context = await server_of(own, team.device.id, tmp_path)
    stranger = Recorder(own.der, context, claims=wire.MAX_ANSWER + 1)
    text = await door.invite(3600)
    async with stranger.listening() as port:
        assert (
            await problem_of(join(redirected(text, port), "bo", DeviceKey.generate()))
            is Problem.ANSWER
        )


async def ask(text: str, question: wire.Question) -> wire.Answer:
    """A question as a hostile joiner would put it, who checks nothing."""
    host, port = destination(read_invite(text).address)
    reader, writer = await asyncio.open_connection(host, port, ssl=tls.unverified_context())
    try:
        writer.write(wire.frame(question))
        answer: wire.Answer = wire.decode_answer(await wire.read_frame(reader, wire.MAX_ANSWER))
        return answer
    finally:
        writer.transport.abort()


def question_for(text: str, key: DeviceKey, **changes: object) -> wire.AskMembership:
    invite = read_invite(text)
    question = wire.AskMembership(
        invite.id, invite.secret, key.public, "bo", TlsKey.generate().request(), b""
    )
    question = msgspec.structs.replace(
        question, proof=key.sign(wire.proof_message(invite.pin, question))
    )
    return msgspec.structs.replace(question, **changes)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"device": bytes([1]) + bytes(31)}, Problem.DEVICE),
        ({"device": b""}, Problem.DEVICE),
        ({"device": DeviceKey.from_seed(b"\x09" * 32).public}, Problem.DEVICE),
        ({"proof": bytes(64)}, Problem.DEVICE),
        ({"person": "somebody else"}, Problem.DEVICE),
        ({"request": b"garbage"}, Problem.DEVICE),
        ({"invite": b"xxxxx"}, Problem.UNKNOWN),
        ({"secret": b""}, Problem.WRONG_SECRET),
    ],
    ids=str,
)
async def test_a_hostile_question_changes_nothing(
    team: Team, door: Door, changes: dict[str, object], problem: Problem
) -> None:
    text = await door.invite(3600)
    assert await ask(text, question_for(text, DeviceKey.generate(), **changes)) == wire.Refused(
        problem
    )
    assert team.chain.current.version == 1


async def test_a_hostile_name_is_refused_by_the_issuer_as_well(team: Team, door: Door) -> None:
    text, device = await door.invite(3600), DeviceKey.generate()
    question = question_for(text, device, person="a\nb", proof=b"")
    question = msgspec.structs.replace(
        question, proof=device.sign(wire.proof_message(read_invite(text).pin, question))
    )
    assert await ask(text, question) == wire.Refused(Problem.NAME)
    assert team.chain.current.version == 1


@pytest.mark.parametrize(
    "content",
    [b"\xff\xff\xff\xff", b"\0\0\x20\1", b"\0\0\0\1\xc1", b"\0\0\0\0", b"GET / HTTP/1.1\r\n\r\n"],
)
async def test_nonsense_after_the_handshake_is_hung_up_on(door: Door, content: bytes) -> None:
    text = await door.invite(3600)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", door.port, ssl=tls.unverified_context()
    )
    writer.write(content)
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await asyncio.wait_for(reader.readexactly(1), 5)
    writer.transport.abort()
    await join(text, "bo", DeviceKey.generate())


async def test_an_old_tls_is_refused(door: Door) -> None:
    await door.invite(3600)
    context = tls.unverified_context()
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection("127.0.0.1", door.port, ssl=context)


async def test_the_door_is_open_only_while_an_invite_is(team: Team, door: Door) -> None:
    await door.look()
    assert not door.is_open
    text = await door.invite(1)
    assert door.is_open
    await door.look()
    assert door.is_open
    team.now.add(seconds=2)  # type: ignore[attr-defined]
    await door.look()
    assert not door.is_open
    assert await problem_of(join(text, "bo", DeviceKey.generate())) is Problem.UNREACHABLE
    await door.invite(3600)
    assert door.is_open


async def test_the_door_opens_again_after_a_restart(team: Team, door: Door) -> None:
    text = await door.invite(3600)
    await door.stop()
    assert not door.is_open
    again = Door(team, port=door.port)
    await again.look()
    try:
        await join(text, "bo", DeviceKey.generate())
    finally:
        await again.stop()


async def test_the_address_in_an_invite(team: Team, door: Door) -> None:
    assert read_invite(await door.invite(60)).address == f"127.0.0.1:{door.port}"
    assert read_invite(await door.invite(60, "desk.example:9")).address == "desk.example:9"
    with pytest.raises(AddressError):
        await door.invite(60, "desk.example")
