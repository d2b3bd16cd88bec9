"""Poison at the issuer's door.

Questions that a member, or a stranger, asks there with anything in them.
"""

from __future__ import annotations

import asyncio
import hashlib
import socket

import msgspec
import odd
import pytest
from hypothesis import strategies as st

from devstream_desktop.node.ports import load_port
from devstream_desktop.team.certificates import TlsKey
from devstream_desktop.team.joining import tls
from devstream_desktop.team.joining import wire as enrol_wire
from devstream_desktop.team.membership import policy_path
from devstream_desktop.team.policy.chain import PolicyChain

pytestmark = pytest.mark.process

REQUESTS = 60


def questions(mallory, pin: bytes, request: bytes) -> st.SearchStrategy[bytes]:
    """A renewal that mallory may ask for, with any signing request, which she signed.

    And any questions with odd fields.
    """
    renewal = enrol_wire.AskRenewal(mallory.key.public, request, b"")
    membership = enrol_wire.AskMembership(
        b"12345", b"s" * 16, mallory.key.public, "mallory", request, b""
    )
    plain = [
        msgspec.msgpack.decode(enrol_wire.encode(one))
        for one in (renewal, membership, enrol_wire.AskAuthority())
    ]

    @st.composite
    def build(draw: st.DrawFn) -> bytes:
        if draw(st.booleans()):
            spoilt = bytearray(request)
            for _ in range(draw(st.integers(1, 3))):
                spoilt[draw(st.integers(0, len(spoilt) - 1))] = draw(st.integers(0, 255))
            proof = mallory.key.sign(enrol_wire.renewal_message(pin, bytes(spoilt)))
            return enrol_wire.encode(
                enrol_wire.AskRenewal(mallory.key.public, bytes(spoilt), proof)
            )
        fields = dict(draw(st.sampled_from(plain)))
        fields[draw(st.sampled_from(sorted(fields)))] = draw(odd.ODD)
        return odd.encode(draw(st.one_of(st.just(fields), odd.ODD)))

    return build()


def ask(port: int, issuer: str, content: bytes) -> bytes:
    """The door's answer; empty when it hangs up."""
    with (
        socket.create_connection(("127.0.0.1", port), 10) as plain,
        tls.unverified_context().wrap_socket(plain, server_hostname=issuer) as secure,
    ):
        try:
            secure.sendall(len(content).to_bytes(4, "big") + content)
            return secure.recv(65536)
        except OSError:
            return b""


async def test_questions_with_anything_in_them_are_refused_and_the_door_stays_open(victims) -> None:
    (ana,), (mallory,) = await victims()
    port = load_port(ana.desk.home)
    chain = await asyncio.to_thread(PolicyChain.load, policy_path(ana.desk.home))
    pin = hashlib.sha256(chain.current.authorities[0]).digest()
    (issuer,) = chain.current.issuers
    request = await asyncio.to_thread(lambda: TlsKey.generate().request())
    genuine = enrol_wire.AskRenewal(
        mallory.key.public, request, mallory.key.sign(enrol_wire.renewal_message(pin, request))
    )
    for content in odd.generated(questions(mallory, pin, request), REQUESTS):
        if answer := await asyncio.to_thread(ask, port, issuer, content):
            enrol_wire.decode_answer(answer[4:])
    answer = await asyncio.to_thread(ask, port, issuer, enrol_wire.encode(genuine))
    assert isinstance(enrol_wire.decode_answer(answer[4:]), enrol_wire.Renewed)
    assert "Traceback" not in ana.desk.home.log.read_text(encoding="utf-8")
    assert await ana.status()
    await ana.restart()
    assert await ana.status()
