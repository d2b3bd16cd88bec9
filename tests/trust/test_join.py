"""The people who are certified.

The rest is in tests/team/test_enrol.py, test_invite.py and test_renewal.py.
"""

from __future__ import annotations

import hashlib
import secrets

import msgspec
import pytest
from nacl.bindings import crypto_core_ed25519_add, crypto_scalarmult_ed25519_base_noclamp

from devstream_desktop.keys.device_key import DeviceKey, is_sound, verify
from devstream_desktop.stream.words import Role
from devstream_desktop.team.certificates import Authority, TlsKey
from devstream_desktop.team.joining.client import Place, _is_ours, renew
from devstream_desktop.team.joining.errors import JoinError, Problem
from devstream_desktop.team.joining.invite import read_invite
from devstream_desktop.team.joining.wire import (
    AskMembership,
    AskRenewal,
    MalformedFrameError,
    decode_answer,
    decode_question,
    proof_message,
    renewal_message,
)
from devstream_desktop.team.policy import changes
from devstream_desktop.team.policy.policy import Policy
from devstream_desktop.team.team import TeamError


def question(text: str, key: DeviceKey, person: str) -> AskMembership:
    invite = read_invite(text)
    asked = AskMembership(
        invite.id, invite.secret, key.public, person, TlsKey.generate().request(), b""
    )
    return msgspec.structs.replace(asked, proof=key.sign(proof_message(invite.pin, asked)))


def problem_of(crew, text: str, key: DeviceKey, person: str) -> Problem:
    with pytest.raises(JoinError) as caught:
        crew.team.admissions.admit(question(text, key, person))
    return caught.value.problem


def invited(crew, seconds: int = 3600) -> str:
    return crew.team.admissions.invite(seconds, "127.0.0.1:1", approved=True)


def test_a_leaked_invite_lets_nobody_in_unseen(crew):
    """Whoever finds it in a chat waits for an admin, and has no right but to wait.

    The one it was for hears that it was used.
    """
    crew.admit("bo")
    text = crew.team.admissions.invite(3600, "127.0.0.1:1")
    thief, guest = DeviceKey.generate(), DeviceKey.generate()
    admission = crew.team.admissions.admit(question(text, thief, "cy"))
    assert (admission.certificate, admission.first) == ("", True)
    assert crew.team.gate(thief.id) is not None
    assert problem_of(crew, text, guest, "cy") is Problem.USED
    assert "cy" not in crew.team.chain.current.people()


def test_a_revoked_device_joins_under_no_name_and_renews_nothing(crew):
    bo = crew.admit("bo")
    crew.team.change(changes.revoke([bo.id], "lost", crew.team.now(), []))
    version = crew.team.chain.current.version
    for person in ("bo", "cy"):
        assert problem_of(crew, invited(crew), bo, person) is Problem.DEVICE
    authority, request = crew.team.admissions.authority(), TlsKey.generate().request()
    with pytest.raises(JoinError) as caught:
        crew.team.admissions.renew(
            AskRenewal(bo.public, request, bo.sign(renewal_message(authority.pin, request)))
        )
    assert caught.value.problem is Problem.NO_MEMBER
    assert crew.team.chain.current.version == version


class Twisted(DeviceKey):
    """A key outside the main subgroup whose signatures are right all the same.

    One in eight tries, and one may try often.
    """

    # A point of order 8 (https://eprint.iacr.org/2020/1244, table 1).
    TORSION = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
    ORDER = 2**252 + 27742317777372353535851937790883648493

    def __init__(self) -> None:
        self.secret = secrets.randbelow(self.ORDER)
        self.public = crypto_core_ed25519_add(
            crypto_scalarmult_ed25519_base_noclamp(self.secret.to_bytes(32, "little")), self.TORSION
        )

    def sign(self, message: bytes) -> bytes:
        while True:
            number = 1 + secrets.randbelow(self.ORDER - 1)
            point = crypto_scalarmult_ed25519_base_noclamp(number.to_bytes(32, "little"))
            challenge = (
                int.from_bytes(hashlib.sha512(point + self.public + message).digest(), "little")
                % self.ORDER
            )
            if challenge % 8 == 0:
                return point + ((number + challenge * self.secret) % self.ORDER).to_bytes(
                    32, "little"
                )


def test_a_key_that_could_later_be_denied_is_not_enrolled(crew):
    twisted = Twisted()
    assert verify(twisted.public, b"x", twisted.sign(b"x")), "its signatures are right"
    assert not is_sound(twisted.public)
    assert problem_of(crew, invited(crew), twisted, "cy") is Problem.DEVICE
    assert crew.team.chain.current.people() == ("ana",)


def test_an_invite_that_ended_serves_only_who_came_with_it(crew):
    cy = crew.admit("cy")
    text = invited(crew, 1)
    now = crew.team.now() + 5_000
    crew.team.admissions._now = lambda: now
    assert problem_of(crew, text, cy, "cy") is Problem.EXPIRED


def test_nobody_renews_with_anothers_key(crew):
    bo, mel = crew.admit("bo"), crew.admit("mel")
    authority, request = crew.team.admissions.authority(), TlsKey.generate().request()
    message = renewal_message(authority.pin, request)
    other = renewal_message(bytes(32), request)
    for proof in (mel.sign(message), bo.sign(other), bo.sign(request), bytes(64)):
        with pytest.raises(JoinError):
            crew.team.admissions.renew(AskRenewal(bo.public, request, proof))
    assert crew.team.admissions.renew(AskRenewal(bo.public, request, bo.sign(message)))


def test_an_answer_is_ours_only_with_our_name_key_and_authority(crew):
    device, key, authority = (
        DeviceKey.generate(),
        TlsKey.generate(),
        crew.team.admissions.authority(),
    )
    now, pem = crew.team.now(), crew.team.ca_pem

    def ours(
        by: Authority = authority, name: str = device.id, request: bytes | None = None
    ) -> bool:
        return _is_ours(by.issue(name, request or key.request(), now), pem, device, key)

    assert ours()
    assert not ours(by=Authority.create(now))
    assert not ours(name=DeviceKey.generate().id)
    assert not ours(request=TlsKey.generate().request())
    assert not _is_ours("nonsense", pem, device, key)


async def test_an_issuer_that_was_put_out_is_not_asked(crew, monkeypatch):
    bo = crew.admit("bo", Role.ISSUER)
    asked: list[str] = []

    async def note(issuer: str, *_: object) -> str:
        asked.append(issuer)
        raise JoinError(Problem.ISSUER)

    monkeypatch.setattr("devstream_desktop.team.joining.client._renew_at", note)
    places = [Place(bo.id, "127.0.0.1:1"), Place(crew.team.device.id, "127.0.0.1:2")]
    before: Policy = crew.team.chain.current
    # Put out by hand, and not tidied away from the issuers.
    put_out = changes.revoke([bo.id], "lost", crew.team.now(), [])(before)
    kept = msgspec.structs.replace(put_out, issuers=before.issuers)
    with pytest.raises(TeamError):
        await renew(kept, places, DeviceKey.generate(), TlsKey.generate())
    assert asked == [crew.team.device.id]


def test_whoever_was_an_issuer_lets_nobody_in(crew):
    admissions = crew.team.admissions
    text = invited(crew)

    class Untidy:
        """The policy with this device put out, and still among the issuers."""

        def __init__(self, chain) -> None:
            out = changes.revoke([crew.team.device.id], "lost", 1, [])(chain.current)
            self.current = msgspec.structs.replace(out, issuers=chain.current.issuers)
            self.links = chain.links

    admissions._chain = Untidy(crew.team.chain)
    assert problem_of(crew, text, DeviceKey.generate(), "cy") is Problem.UNKNOWN


def test_an_issuer_that_is_no_admin_signs_no_join(crew):
    crew.admit("bo")
    crew.team.change(changes.settings(approve_joins=False))
    text = crew.team.admissions.invite(3600, "127.0.0.1:1")
    signed: list[object] = []
    admissions = crew.team.admissions
    admissions._change = lambda change: bool(signed.append(change)) or True

    class NoAdmin:
        def __init__(self, chain) -> None:
            bo = next(device for device, person in chain.current.persons.items() if person == "bo")
            self.current = msgspec.structs.replace(chain.current, admins=(bo,))
            self.links = chain.links

    admissions._chain = NoAdmin(crew.team.chain)
    assert admissions.admit(question(text, DeviceKey.generate(), "cy")).certificate == ""
    assert signed == []


@pytest.mark.parametrize("decode", [decode_question, decode_answer])
def test_a_question_that_nests_deeply_is_none(decode):
    for levels in (16, 100, 900, 977, 2000):
        content = msgspec.msgpack.encode(
            {
                "type": "authority",
                "certificate": b"",
                "new": msgspec.Raw(b"\x91" * levels + b"\xc0"),
            }
        )
        with pytest.raises(MalformedFrameError, match="nested"):
            decode(content)
    with pytest.raises(MalformedFrameError):
        decode(msgspec.msgpack.encode({"type": "membership", "documents": [b""] * 200_000}))
    assert decode(
        msgspec.msgpack.encode(
            {"type": "authority", "certificate": b"", "new": [["of a later version"]]}
        )
    )
