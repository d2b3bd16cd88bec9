r"""One signed policy as it travels and is kept: the bytes, who signed them, and what they say.

document  = msgpack [1, payload, [[signing key's id, signature], ...]] payload   = the policy's
JSON; these exact bytes are signed, hashed and passed on, never written again signature = Ed25519
over `devstream/policy/1\0` and the payload
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import msgspec

from devstream_desktop.keys import DeviceKey, verify
from devstream_desktop.stream.bounds import MAX_DEPTH, check_json, check_msgpack
from devstream_desktop.stream.entry import public_key
from devstream_desktop.stream.text import clean
from devstream_desktop.team.certificates import CertificateError, check_authority
from devstream_desktop.team.errors import PolicyError
from devstream_desktop.team.policy.policy import Policy
from devstream_desktop.team.policy.validity import check_policy

MAX_DOCUMENT = 512 << 10
"""Bytes of one signed policy; one for 200 people takes some 20 KB."""

_FORMAT = 1
_PREAMBLE = b"devstream/policy/1\0"
_MAX_SIGNATURES = 64
_MAX_VALUES = 1000


class _Document(msgspec.Struct, array_like=True, frozen=True):
    format: int
    payload: bytes
    signatures: tuple[tuple[str, bytes], ...]


_decode_document = msgspec.msgpack.Decoder(_Document).decode
_decode_policy = msgspec.json.Decoder(Policy).decode


@dataclass(frozen=True)
class Signed:
    """A policy and the signatures on it that are right.

    Whether they are enough is the chain's to say.
    """

    payload: bytes
    signatures: tuple[tuple[str, bytes], ...]
    policy: Policy

    @classmethod
    def open(cls, document: bytes) -> Signed:
        """Open a document and check its signatures.

        Raises:
            PolicyError: it is none, nobody signed it, or the policy contradicts itself.

        """
        parsed = _parsed(document)
        try:
            # Signatures first: only bytes that somebody signed are parsed any further.
            right = _right_signatures(parsed)
            if parsed.format != _FORMAT or not right:
                raise PolicyError(
                    "the policy is not signed, or is of a version that this devstream does not know"
                )
            # Depth before the parser sees it: nesting costs stack.
            check_json(parsed.payload, MAX_DEPTH)
            policy = _decode_policy(parsed.payload)
        except ValueError as error:
            raise PolicyError(f"not a policy: {clean(str(error), 120)}") from None
        _check(policy)
        return cls(parsed.payload, right, policy)

    @classmethod
    def make(cls, policy: Policy, keys: Iterable[DeviceKey]) -> Signed:
        """Return a policy signed with admins' keys.

        Raises:
            PolicyError: the policy contradicts itself, or is too large.

        """
        _check(policy)
        payload = msgspec.json.encode(policy)
        made = cls(payload, tuple((key.id, key.sign(_PREAMBLE + payload)) for key in keys), policy)
        # Peers refuse a larger one, and would never get this version.
        if len(made.document) > MAX_DOCUMENT:
            raise PolicyError(
                f"a policy of {len(made.document)} bytes is over the limit of {MAX_DOCUMENT}; "
                "remove people who left"
            )
        return made

    def also_signed(self, signatures: Iterable[tuple[str, bytes]]) -> Signed:
        """Return the same with further right signatures, one for each key."""
        known = self.signed_by
        return Signed(
            self.payload,
            (*self.signatures, *(one for one in signatures if one[0] not in known)),
            self.policy,
        )

    def signed_with(self, key: DeviceKey) -> Signed:
        """Return the same with one more signature."""
        return self.also_signed([(key.id, key.sign(_PREAMBLE + self.payload))])

    # Not kept: every node would hold each version twice.
    @property
    def document(self) -> bytes:
        """The bytes that travel."""
        return msgspec.msgpack.encode(_Document(_FORMAT, self.payload, self.signatures))

    def sharing(self, before: Signed) -> Signed:
        """Return the same, holding what equals the version `before` only once.

        Every node holds every version, and most of a version is the one before.
        """
        held: dict[str, object] = {}
        for field in Policy.__struct_fields__:
            mine, theirs = getattr(self.policy, field), getattr(before.policy, field)
            if mine == theirs:
                held[field] = theirs
            elif isinstance(mine, dict):
                keys = {key: key for key in theirs}
                held[field] = {
                    keys.get(key, key): theirs[key] if theirs.get(key) == value else value
                    for key, value in mine.items()
                }
        return replace(self, policy=msgspec.structs.replace(self.policy, **held))

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the payload, hexadecimal: what the next version names, whoever signed."""
        return _hash(self.payload)

    @cached_property
    def signed_by(self) -> frozenset[str]:
        """The ids of the keys that signed."""
        return frozenset(device for device, _ in self.signatures)

    def lacks(self, judge: Policy) -> str:
        """Return why the signers that `judge` names are too few; empty when they suffice."""
        count = len(self.signed_by & judge.signers())
        if count >= judge.threshold:
            return ""
        return (
            f"policy version {self.policy.version} is signed by {count} of the {judge.threshold} "
            "admins it needs"
        )


def payload_hash(document: bytes) -> str:
    """Return the `Signed.hash` of a document, whoever signed it: nothing is checked.

    Raises:
        PolicyError: it is none.

    """
    return _hash(_parsed(document).payload)


def _hash(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()


def _parsed(document: bytes) -> _Document:
    if len(document) > MAX_DOCUMENT:
        raise PolicyError(f"a policy of {len(document)} bytes is over the limit of {MAX_DOCUMENT}")
    try:
        check_msgpack(document, _MAX_VALUES)
        return _decode_document(document)
    except ValueError as error:
        raise PolicyError(f"not a policy: {clean(str(error), 120)}") from None


def sign_policy(policy: Policy, keys: Iterable[DeviceKey]) -> bytes:
    """Return the document of a policy signed with admins' keys.

    Raises:
        PolicyError: the policy contradicts itself, or is too large.

    """
    return Signed.make(policy, keys).document


def _check(policy: Policy) -> None:
    check_policy(policy)
    try:
        for certificate in policy.authorities:
            check_authority(certificate)
    except CertificateError as error:
        raise PolicyError(
            f"the policy has a certificate authority that is none: {clean(str(error), 120)}"
        ) from None


def _right_signatures(document: _Document) -> tuple[tuple[str, bytes], ...]:
    if len(document.signatures) > _MAX_SIGNATURES:
        raise PolicyError("the policy has too many signatures")
    message = _PREAMBLE + document.payload
    right = {
        device: signature
        for device, signature in document.signatures
        if verify(public_key(device), message, signature)
    }
    return tuple(right.items())
