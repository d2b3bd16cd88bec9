"""A second implementation, after docs/protocol.md: it joins a team and exchanges entries.

It imports nothing of devstream, so that the page is complete wherever this works. It is no node: it
has no database, and whatever is not as the page says ends it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import lzma
import os
import socket
import ssl
import struct
import tempfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from msgspec.msgpack import decode, encode

HELLO, TAIL, PUSH, DIGEST, OFFER, FETCH, ASK_PEERS, PROOF, POLICY = range(1, 10)
WELCOME, NEWS, PUSHED, RECORDS, WANTS, ENTRIES, PEER_LIST, PROOFS, POLICIES, REFUSED = range(21, 31)
BATCH = 262_144
Answer = list[Any]


def base32(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()


def unbase32(text: str) -> bytes:
    return base64.b32decode(text.upper() + "=" * (-len(text) % 8))


def verify(public: bytes, message: bytes, signature: bytes) -> None:
    Ed25519PublicKey.from_public_bytes(public).verify(signature, message)


def body_hash(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).digest()


def split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


@dataclass(frozen=True)
class Invite:
    pin: bytes
    id: bytes
    secret: bytes
    issuer: bytes
    addresses: tuple[str, ...]

    @classmethod
    def read(cls, text: str) -> Invite:
        blob = unbase32(text.removeprefix("ds1-"))
        content, checksum = blob[:-3], blob[-3:]
        assert hashlib.sha256(content).digest()[:3] == checksum
        packed = content[86:]
        addresses = (packed.decode(),) if content[0] == 1 else tuple(cls._unpacked(packed))
        return cls(content[1:33], content[33:38], content[38:54], content[54:86], addresses)

    @staticmethod
    def _unpacked(packed: bytes) -> Iterator[str]:
        while packed:
            length = {4: 4, 6: 16}.get(packed[0], packed[0] - 7)
            host, port = packed[1 : 1 + length], int.from_bytes(packed[1 + length : 3 + length])
            named = str(ip_address(host)) if packed[0] in (4, 6) else host.decode()
            yield f"[{named}]:{port}" if packed[0] == 6 else f"{named}:{port}"
            packed = packed[3 + length :]


@dataclass
class Device:
    """One device of the team."""

    person: str
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    tls: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    epoch: bytes = field(default_factory=lambda: os.urandom(8))
    team: str = ""
    policy: dict[str, Any] = field(default_factory=dict)
    policy_hash: str = ""
    certificate: str = ""
    peers: list[str] = field(default_factory=list)
    last: tuple[int, int, bytes] = (0, 0, b"")
    """Number, stamp and hash of the newest own entry."""

    @property
    def public(self) -> bytes:
        return self.key.public_key().public_bytes_raw()

    @property
    def id(self) -> str:
        return base32(self.public)

    def join(self, invite: Invite) -> None:
        authority = self._ask_door(invite, {"type": "authority"}, "")["certificate"]
        assert hashlib.sha256(authority).digest() == invite.pin
        pem = x509.load_der_x509_certificate(authority).public_bytes(Encoding.PEM).decode()
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        request = builder.sign(self.tls, hashes.SHA256()).public_bytes(Encoding.DER)
        proof = b"devstream/join/1\0" + invite.pin + invite.id + encode([request, self.person])
        question = {
            "type": "membership",
            "invite": invite.id,
            "secret": invite.secret,
            "device": self.public,
            "person": self.person,
            "request": request,
            "proof": self.key.sign(proof),
        }
        answer = self._ask_door(invite, question, pem)
        assert answer["type"] == "membership", answer
        self.certificate, self.peers = answer["certificate"], answer["peers"]
        for document in decode(lzma.decompress(answer["documents"])):
            self.take_policy(document)
        assert invite.pin in {hashlib.sha256(one).digest() for one in self.authorities()}
        assert self.policy["persons"][self.id] == self.person

    def take_policy(self, document: bytes) -> None:
        """Take the next version, if enough admins signed it."""
        number, payload, signatures = decode(document)
        assert number == 1
        for device, signature in signatures:
            verify(unbase32(device), b"devstream/policy/1\0" + payload, signature)
        new = json.loads(payload)
        signers = {device for device, _ in signatures}
        for judge in (self.policy or new, new):
            counted = signers & {*judge["admins"], judge.get("recovery", "")} - set(
                judge.get("revoked", {})
            )
            assert len(counted) >= judge["threshold"]
        assert new["version"] == self.policy.get("version", 0) + 1
        assert new["prev"] == self.policy_hash
        assert new["team"] == self.team
        self.policy, self.policy_hash = new, hashlib.sha256(payload).hexdigest()
        self.team = self.team or base32(hashlib.sha256(payload).digest()[:16])

    @property
    def stamp(self) -> int:
        return self.policy["version"] << 32 | int(self.policy_hash[:5], 16) << 12

    def authorities(self) -> list[bytes]:
        revoked = self.policy.get("revoked", {})
        return [
            base64.b64decode(one[0])
            for device, one in self.policy["issuers"].items()
            if device not in revoked
        ]

    def write(self, payload: list[Any]) -> list[bytes]:
        """A new entry of the own feed: body and signature."""
        number, stamp, previous = self.last
        stamp = max(stamp + 1, time.time_ns() // 1_000_000 << 16)
        body = encode([1, self.public + self.epoch, number + 1, stamp, previous, payload])
        self.last = (number + 1, stamp, body_hash(body))
        return [body, self.key.sign(f"devstream/event/1\0{self.team}\0".encode() + body)]

    def read(self, entry: list[bytes]) -> tuple[str, int, list[Any]]:
        """Author, number and payload of an entry, its signature checked."""
        body, signature = entry
        version, feed, number, _stamp, previous, payload = decode(body)
        assert version == 1
        assert len(previous) == (16 if number > 1 else 0)
        verify(feed[:32], f"devstream/event/1\0{self.team}\0".encode() + body, signature)
        return self.policy["persons"][base32(feed[:32])], number, payload

    def link(self, address: str) -> Link:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        pems = [
            x509.load_der_x509_certificate(one).public_bytes(Encoding.PEM).decode()
            for one in self.authorities()
        ]
        context.load_verify_locations(cadata="".join(pems))
        with tempfile.TemporaryDirectory() as folder:
            chain = Path(folder) / "chain.pem"
            key = self.tls.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            chain.write_bytes(key + self.certificate.encode())
            context.load_cert_chain(chain)
        plain = socket.create_connection(split(address), timeout=20)
        return Link(context.wrap_socket(plain, server_hostname="peer.devstream.invalid"))

    @staticmethod
    def _ask_door(invite: Invite, question: dict[str, Any], authority: str) -> dict[str, Any]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        if authority:
            context.load_verify_locations(cadata=authority)
        else:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with (
            socket.create_connection(split(invite.addresses[0]), timeout=20) as plain,
            context.wrap_socket(plain, server_hostname=base32(invite.issuer)) as door,
        ):
            content = encode(question)
            door.sendall(len(content).to_bytes(4, "big") + content)
            length = int.from_bytes(_exactly(door, 4), "big")
            answer: dict[str, Any] = decode(_exactly(door, length))
            return answer


class Link:
    """The dialing end of a link: nng's framing, and one request at a time."""

    def __init__(self, tls: ssl.SSLSocket) -> None:
        self._tls = tls
        self._number = 0
        subject = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"").subject
        (name,) = subject
        self.device = str(name.value)
        tls.sendall(b"\0SP\0" + struct.pack(">HH", 0x30, 0))
        assert _exactly(tls, 8) == b"\0SP\0" + struct.pack(">HH", 0x31, 0)

    def ask(self, *request: object) -> Answer:
        """The answer's tag and fields."""
        self._number += 1
        number = (0x80000000 | self._number).to_bytes(4, "big")
        packed = encode(request)
        frame = b"\0" + packed if len(packed) <= 1024 else b"\1" + zlib.compress(packed)
        self._tls.sendall(struct.pack(">Q", 4 + len(frame)) + number + frame)
        (length,) = struct.unpack(">Q", _exactly(self._tls, 8))
        content = _exactly(self._tls, length)
        assert content[:4] == number
        answer: Answer = decode(content[5:] if content[4] == 0 else zlib.decompress(content[5:]))
        return answer

    def close(self) -> None:
        self._tls.close()


def fingerprint(feed: bytes, head: int, head_hash: bytes, gaps: list[list[int]]) -> int:
    packed = encode([feed, head, head_hash, gaps])
    return int.from_bytes(hashlib.blake2b(packed, digest_size=8).digest(), "big")


def digest(records: list[list[Any]]) -> tuple[bytes, bytes]:
    """The 64 buckets of these records, and the summary."""
    buckets, summary = [0] * 64, 0
    for feed, _floor, head, head_hash, _hlc, gaps in records:
        change = fingerprint(feed, head, head_hash, gaps)
        buckets[feed[-1] % 64] ^= change
        summary ^= change
    return struct.pack(">64Q", *buckets), summary.to_bytes(8, "big")


def _exactly(stream: ssl.SSLSocket, length: int) -> bytes:
    content = b""
    while len(content) < length:
        more = stream.recv(length - len(content))
        assert more, "cut off"
        content += more
    return content
