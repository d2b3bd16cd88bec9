"""Renewals over the links: one request of each device, passed on until an issuer answers.

Every node holds the newest request of each member and, once there is one, the certificate that
answers it. Neighbours exchange them with the policies, so neither has to reach the other, nor be
awake with it: any node in between holds both.

    document = msgpack [2, public key, number, request, proof, certificate]

`number` grows with each request of a device, `request` is a bare signing request (DER), `proof` is
Ed25519 by the device key over `renewal_words`, `certificate` is DER. A device that has what it
asked for says so by a higher number without a request, and then neither is kept any longer.

Nothing is believed: a request is checked by the device's signature, a certificate by the issuers'
authorities in the policy, the device's name and the requested key. Each device has one place, which
only its own key can fill, and changes it once a minute at most.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Literal

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec import Meta

from devstream_desktop.keys import DeviceKey, verify
from devstream_desktop.stream.bounds import check_msgpack
from devstream_desktop.stream.entry import device_id
from devstream_desktop.team import certificates
from devstream_desktop.team.certificates import CertificateError
from devstream_desktop.team.errors import TeamError
from devstream_desktop.team.policy.policy import Policy

FORMAT: Literal[2] = 2
"""The first value of a document; a policy's is 1."""
CHANGE_S = 60.0
"""Seconds between two requests of one device that are taken."""
_PREAMBLE = b"devstream/renewal/2\0"
_MAX_NUMBER = 1 << 53
_MAX_VALUES = 8

_Request = Annotated[bytes, Meta(max_length=1024)]
_Certificate = Annotated[bytes, Meta(max_length=2048)]


class Renewal(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """The newest word of one device about its certificate."""

    format: Literal[2]
    key: Annotated[bytes, Meta(min_length=32, max_length=32)]
    number: Annotated[int, Meta(ge=0, lt=_MAX_NUMBER)]
    request: _Request
    """Empty: this device needs nothing."""
    proof: Annotated[bytes, Meta(min_length=64, max_length=64)]
    certificate: _Certificate = b""
    """Empty: nobody has answered yet."""

    @property
    def device(self) -> str:
        """The device that asks."""
        return device_id(self.key)

    @property
    def open(self) -> bool:
        """True while an issuer should answer."""
        return bool(self.request) and not self.certificate


_decode = msgspec.msgpack.Decoder(Renewal).decode


def is_renewal(document: bytes) -> bool:
    """Return true for a document that is no policy but a renewal."""
    # An array of up to 15 values, the first of which is the format.
    return len(document) > 1 and document[0] >> 4 == 0x9 and document[1] == FORMAT


def decode_renewal(document: bytes) -> Renewal:
    """Return the renewal in a document; its signatures are not checked yet.

    Raises:
        TeamError: it is none.

    """
    try:
        check_msgpack(document, _MAX_VALUES)
        return _decode(document)
    except ValueError as error:
        raise TeamError(f"not a renewal: {error}") from None


def make_renewal(team: str, device: DeviceKey, number: int, request: bytes) -> Renewal:
    """Sign a request, or with an empty one that nothing is needed."""
    proof = device.sign(renewal_words(team, number, request))
    return Renewal(FORMAT, device.public, number, request, proof)


def renewal_words(team: str, number: int, request: bytes) -> bytes:
    """Return the bytes that a device signs: this request, the newest, in this team."""
    return _PREAMBLE + team.encode() + b"\0" + number.to_bytes(8, "big") + request


class Renewals:
    """The renewals that a node knows. Any thread may read, one at a time may change them.

    Args:
        team: The team's id.
        policy: The newest policy.
        clock: Seconds of a steady clock.

    """

    def __init__(
        self,
        team: str,
        policy: Callable[[], Policy],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._team = team
        self._policy = policy
        self._clock = clock
        self._known: dict[str, Renewal] = {}
        self._asked_at: dict[str, float] = {}
        self.stamp = 0
        """A number of 12 bits that nodes share that hold the same; 0 for nothing."""

    def documents(self) -> list[bytes]:
        """Return all of them, as they travel."""
        return [msgspec.msgpack.encode(known) for known in self._known.values()]

    def of(self, device: str) -> Renewal | None:
        """Return the newest word of a device."""
        return self._known.get(device)

    def open(self) -> Iterator[Renewal]:
        """List the requests that nobody has answered."""
        return (known for known in tuple(self._known.values()) if known.open)

    def absorb(self, documents: Iterable[bytes]) -> bool:
        """Take what peers sent, up to the first that is wrong; true when something is new.

        Raises:
            TeamError: one is no renewal, or not signed by its device or an issuer.

        """
        changed = False
        try:
            for document in documents:
                changed |= self.take(decode_renewal(document))
        except TeamError:
            # What came before is right and stays; the caller must hear of both.
            if not changed:
                raise
        return changed

    def take(self, new: Renewal, *, own: bool = False) -> bool:
        """Take one; true when it is news.

        Raises:
            TeamError: it is not signed by its device, or its certificate is no answer to it.

        """
        device, policy = new.device, self._policy()
        known = self._known.get(device)
        # Who is no member has no place here, so the places are as many as the members.
        if not policy.is_member(device) or (known is not None and not _is_newer(new, known)):
            return False
        same = known is not None and known.number == new.number and known.request == new.request
        if not same:
            now, settled = self._clock(), not new.request and known is not None and known.request
            # A device that asks without end is passed on once a minute; each request is settled
            # once.
            if not (own or settled) and now - self._asked_at.get(device, -CHANGE_S) < CHANGE_S:
                return False
            if not verify(new.key, renewal_words(self._team, new.number, new.request), new.proof):
                raise TeamError(f"a request for a certificate is not signed by {device[:8]}")
            if not (own or settled):
                self._asked_at[device] = now
        if new.certificate and not is_answer(new, policy):
            raise TeamError(f"a certificate for {device[:8]} is no issuer's, or another device's")
        # The signature that was checked stays: of the same words there may be others.
        kept = msgspec.structs.replace(new, proof=known.proof) if same and known else new
        self._keep({**self._known, device: kept})
        return kept != known

    def answer(self, device: str, certificate_pem: str) -> bool:
        """Add an issuer's answer to the open request of a device; true when it fits.

        Raises:
            TeamError: the certificate is no answer to it.

        """
        known = self._known.get(device)
        if known is None or not known.open:
            return False
        der = certificates.load_certificate(certificate_pem.encode()).public_bytes(Encoding.DER)
        return self.take(msgspec.structs.replace(known, certificate=der))

    def follow_policy(self) -> bool:
        """Drop what a new policy makes void; true when that was something.

        The words of former members, and certificates of authorities that the team no longer
        believes.
        """
        policy, before = self._policy(), self._known
        kept = {
            device: known
            if not known.certificate or is_answer(known, policy)
            else msgspec.structs.replace(known, certificate=b"")
            for device, known in before.items()
            if policy.is_member(device)
        }
        self._keep(kept)
        return kept != before

    def _keep(self, known: dict[str, Renewal]) -> None:
        # Replaced as a whole, so that reading needs no lock.
        digest = hashlib.sha256()
        for _, one in sorted(known.items()):
            digest.update(one.proof + hashlib.sha256(one.certificate).digest())
        self._known = known
        self.stamp = int.from_bytes(digest.digest()[:2], "big") >> 4 if known else 0


def is_answer(renewal: Renewal, policy: Policy) -> bool:
    """Return true for the team's certificate for this device and request."""
    try:
        pem = certificates.certificate_pem(certificates.load_certificate(renewal.certificate))
        return (
            certificates.is_trusted(pem, policy)
            and certificates.common_name(pem) == renewal.device
            and certificates.is_for(renewal.certificate, renewal.request)
        )
    except CertificateError:
        return False


def _is_newer(new: Renewal, known: Renewal) -> bool:
    if new.number != known.number:
        return new.number > known.number
    # Of two requests under one number, or two answers to one request, all keep the same.
    return (new.request, new.certificate) > (known.request, known.certificate)
