"""Questions of a joiner or member to an issuer, and the answers.

One question and one answer a connection. A member asks when its certificate nears its end.

Over TLS 1.3. A frame is its length (4 bytes, big endian) and a msgpack map with a tag. The question
for the CA certificate holds nothing secret; the others are asked only of the device that the invite
or the policy names.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from devstream_desktop.stream.bounds import check_msgpack

MAX_QUESTION = 8192
MAX_ANSWER = 8 << 20
"""Most bytes of an answer.

It holds the chain of policies, one version for each change since the team began, packed.
"""
HANDSHAKE_S = 5.0
PROOF_PREAMBLE = b"devstream/join/1\0"
RENEWAL_PREAMBLE = b"devstream/renew/1\0"
HEAD_BYTES = 4
"""Of a frame: the length of its content, big endian."""
_MAX_VALUES = 1000
"""In one message."""

Pem = Annotated[str, Meta(max_length=8192)]
Name = Annotated[str, Meta(max_length=300)]


class MalformedFrameError(ValueError):
    """Bytes that are no question or answer; whoever sent them is broken or hostile."""


class AskAuthority(msgspec.Struct, frozen=True, tag="authority"):
    """A question for the team's certificate authority."""


class AskMembership(msgspec.Struct, frozen=True, tag="membership"):
    """Let this device in, as this person."""

    invite: bytes
    secret: bytes
    device: bytes
    """The Ed25519 public key."""
    person: str
    """Empty where the invite says who it is for."""
    request: bytes
    """A bare signing request for the TLS key, DER."""
    proof: bytes
    """Ed25519 by the device key over `proof_message`."""
    machine: Name = ""
    """The name of its machine, for people to read. The proof leaves it out: nothing is decided by
    it, and older issuers do not know it."""


class AskRenewal(msgspec.Struct, frozen=True, tag="renewal"):
    """A new certificate, please, for a device of the team."""

    device: bytes
    request: bytes
    """A bare signing request for the new TLS key, DER."""
    proof: bytes
    """Ed25519 by the device key over `renewal_message`."""


class Authority(msgspec.Struct, frozen=True, tag="authority"):
    """The CA certificate, DER."""

    certificate: bytes


class Membership(msgspec.Struct, frozen=True, tag="membership"):
    """Welcome."""

    certificate: Pem
    """The device's certificate, PEM."""
    documents: bytes
    """The chain of signed policies, as `packed.pack` makes it."""
    peers: tuple[Name, ...]
    """Addresses (HOST:PORT) where nodes of the team may be found."""


class Renewed(msgspec.Struct, frozen=True, tag="renewed"):
    """The new certificate, PEM."""

    certificate: Pem


class Waiting(msgspec.Struct, frozen=True, tag="waiting"):
    """An admin has to approve first; ask the same again in some seconds."""

    team: Name
    approvers: tuple[Name, ...]


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """No; the code of a `Problem`."""

    problem: Name


Question = AskAuthority | AskMembership | AskRenewal
Answer = Authority | Membership | Renewed | Waiting | Refused

_questions: msgspec.msgpack.Decoder[Question] = msgspec.msgpack.Decoder(Question)
_answers: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)
_M = TypeVar("_M")
encode = msgspec.msgpack.Encoder().encode


def decode_question(content: bytes) -> Question:
    """Return the question in a frame's content.

    Raises:
        MalformedFrameError: it is none.

    """
    return _decode(_questions, content)


def decode_answer(content: bytes) -> Answer:
    """Return the answer in a frame's content.

    Raises:
        MalformedFrameError: it is none.

    """
    return _decode(_answers, content)


def _decode(decoder: msgspec.msgpack.Decoder[_M], content: bytes) -> _M:
    try:
        check_msgpack(content, _MAX_VALUES)
        return decoder.decode(content)
    except ValueError as error:
        raise MalformedFrameError(str(error)) from None


def proof_message(pin: bytes, question: AskMembership) -> bytes:
    """Return the bytes that a joining device signs.

    They say that it wants this key and name, here, with this invite.
    """
    return (
        PROOF_PREAMBLE
        + pin
        + question.invite
        + msgspec.msgpack.encode((question.request, question.person))
    )


def renewal_message(pin: bytes, request: bytes) -> bytes:
    """Return the bytes that a device signs for a new certificate.

    They say that it wants this key certified by this authority.
    """
    return RENEWAL_PREAMBLE + pin + request


def length_of(beginning: bytes | bytearray) -> int | None:
    """Return the length of a frame's content; None while its head is incomplete."""
    return int.from_bytes(beginning[:HEAD_BYTES], "big") if len(beginning) >= HEAD_BYTES else None


async def read_frame(reader: asyncio.StreamReader, limit: int) -> bytes:
    """Return the next frame's content.

    Raises:
        MalformedFrameError: it is larger than `limit`.
        EOFError: the other side ended before the frame did.

    """
    length = int.from_bytes(await reader.readexactly(HEAD_BYTES), "big")
    if length > limit:
        raise MalformedFrameError(f"a frame of {length} bytes is over the limit of {limit}")
    return await reader.readexactly(length)


def frame(message: Question | Answer) -> bytes:
    """Return the bytes of a message."""
    content = encode(message)
    return len(content).to_bytes(HEAD_BYTES, "big") + content
