r"""The chain of signed policies: which policy is the team's, now and at any time before.

After the root metadata of The Update Framework (https://theupdateframework.github.io/specification/latest/, 5.3): a version is
taken only when it is exactly the next one, names the hash of the one before, and is signed by the threshold of admins of the one
before and by its own. So a peer cannot roll the policy back, skip a version or put itself in.

    document  = msgpack [1, payload, [[admin device, signature], ...]]
    payload   = the policy's JSON; these exact bytes are signed, hashed and passed on, never written again
    signature = Ed25519 over `devstream/policy/1\0` and the payload
    team id   = base32 of the first 16 bytes of the SHA-256 of version 1's payload, 26 characters
"""

from __future__ import annotations

import base64
import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from devstream_desktop.home import write_private
from devstream_desktop.stream.entry import public_key
from devstream_desktop.stream.text import clean
from devstream_desktop.team.errors import PolicyError, PolicyForkError
from devstream_desktop.team.keys import DeviceKey, verify
from devstream_desktop.team.policy import LIFETIME_MS, Policy, check_policy

MAX_DOCUMENT = 512 << 10
"""Bytes of one signed policy; one for 200 people takes some 15 KB."""

_FORMAT = 1
_PREAMBLE = b"devstream/policy/1\0"
_MAX_SIGNATURES = 64


class _Document(msgspec.Struct, array_like=True, frozen=True):
    format: int
    payload: bytes
    signatures: tuple[tuple[str, bytes], ...]


class _Stored(msgspec.Struct, array_like=True, frozen=True):
    format: int
    documents: tuple[bytes, ...]
    fork: bytes | None


_decode_document = msgspec.msgpack.Decoder(_Document).decode
_decode_policy = msgspec.json.Decoder(Policy).decode
_decode_stored = msgspec.msgpack.Decoder(_Stored).decode


@dataclass(frozen=True)
class _Link:
    document: bytes
    policy: Policy
    hash: str
    signed_by: frozenset[str]


class PolicyChain:
    """The policies of one team, oldest first. Read from any thread; one thread at a time may append."""

    def __init__(self, genesis: bytes) -> None:
        first = _open(genesis)
        policy = first.policy
        if policy.version != 1 or policy.prev or policy.team:
            raise PolicyError("a team starts with version 1 of its policy")
        _check_threshold(first, policy)
        # One reference, replaced as a whole, so that a reader in another thread always sees a complete chain.
        self._links: tuple[_Link, ...] = (first,)
        self._issued: tuple[int, ...] = (policy.issued,)
        self._team = base64.b32encode(bytes.fromhex(first.hash)[:16]).decode().rstrip("=").lower()
        self._fork: bytes | None = None

    @classmethod
    def from_documents(cls, documents: Sequence[bytes]) -> PolicyChain:
        """The chain of all documents, version 1 first.

        Raises:
            PolicyError: there is none, or one does not follow the one before.

        """
        if not documents:
            raise PolicyError("there is no policy")
        chain = cls(documents[0])
        for document in documents[1:]:
            chain.append(document)
        return chain

    @classmethod
    def load(cls, path: Path) -> PolicyChain:
        """The chain kept in `path`, every signature checked again.

        Raises:
            PolicyError: the file is gone, cut or changed.

        """
        try:
            stored = _decode_stored(path.read_bytes())
        except (OSError, msgspec.DecodeError) as error:
            raise PolicyError(f"the team's policies in {path} cannot be read ({error}); restore the file from a backup") from error
        chain = cls.from_documents(stored.documents)
        chain._fork = stored.fork  # noqa: SLF001  # its own class
        return chain

    def save(self, path: Path) -> None:
        """Keep the chain in `path`, on disk when this returns.

        Raises:
            OSError: the disk is full.

        """
        write_private(path, msgspec.msgpack.encode(_Stored(_FORMAT, tuple(self.documents()), self._fork)))

    @property
    def team(self) -> str:
        """The team's id, 26 characters."""
        return self._team

    @property
    def current(self) -> Policy:
        """The newest policy: what commands, connections and invites are judged by."""
        return self._links[-1].policy

    @property
    def forked(self) -> bool:
        """Whether another policy of the current version, or a follower of one, as well signed, is known.

        An executor pauses until the next version.
        """
        return self._fork is not None

    def at(self, ms: int) -> Policy:
        """The policy in force at a time; before the first one, the first."""
        return self.since(ms)[0]

    def since(self, ms: int) -> tuple[Policy, ...]:
        """The policy in force at a time and all later ones."""
        links = self._links
        first = max(0, bisect_right(self._issued, ms, 0, len(links)) - 1)
        return tuple(link.policy for link in links[first:])

    def documents(self, from_version: int = 0) -> list[bytes]:
        """The documents newer than a version, oldest first: what a peer that has this version lacks."""
        return [link.document for link in self._links[max(0, from_version) :]]

    def append(self, document: bytes) -> bool:
        """Take the next policy; False when it is known already.

        Raises:
            PolicyError: it is malformed, skips a version, or too few admins signed it.
            PolicyForkError: as well signed as the one known under its version, but another. The known one stays: the holder of a
                key that was taken from the admins can still sign old versions, and must not undo its removal by that.

        """
        link = _open(document)
        version, current = link.policy.version, self.current
        if version <= current.version:
            return self._compare(link)
        if version != current.version + 1:
            raise PolicyError(f"policy version {version} does not follow version {current.version}; the ones between are missing")
        if link.policy.team != self._team:
            raise PolicyError("the policy is another team's")
        _check_threshold(link, current)
        _check_threshold(link, link.policy)
        if link.policy.prev != self._links[-1].hash:
            self._fork = document
            raise PolicyForkError(f"policy version {version} is signed by the admins, but follows another version {current.version}")
        if link.policy.issued <= current.issued:
            raise PolicyError(f"policy version {version} claims to be older than version {current.version}")
        self._issued = (*self._issued, link.policy.issued)
        self._links = (*self._links, link)
        self._fork = None
        return True

    def copy(self) -> PolicyChain:
        """A chain to try something on."""
        other = object.__new__(PolicyChain)
        other._team = self._team
        other.adopt(self)
        return other

    def adopt(self, other: PolicyChain) -> None:
        """Become `other`, a grown copy of this chain that is safely on disk."""
        self._issued = other._issued
        self._links = other._links
        self._fork = other._fork

    def successor(self, changed: Policy, now_ms: int) -> Policy:
        """`changed`, a copy of the current policy with other content, as the next version, issued now."""
        issued = max(now_ms, self.current.issued + 1)
        return msgspec.structs.replace(
            changed,
            version=self.current.version + 1,
            team=self._team,
            prev=self._links[-1].hash,
            issued=issued,
            expires=issued + LIFETIME_MS,
        )

    def _compare(self, link: _Link) -> bool:
        version = link.policy.version
        known = self._links[version - 1]
        if link.hash == known.hash:
            return False
        if version == 1:
            raise PolicyError("the policy is another team's")
        before = self._links[version - 2]
        if link.policy.prev != before.hash:
            raise PolicyError(f"policy version {version} does not follow the version {version - 1} that is known here")
        _check_threshold(link, before.policy)
        _check_threshold(link, link.policy)
        if version == self.current.version:
            self._fork = link.document
        raise PolicyForkError(f"there are two signed policies of version {version}: an admin's key was used twice, or stolen")


def sign_policy(policy: Policy, keys: Iterable[DeviceKey]) -> bytes:
    """The document of a policy signed with admins' keys.

    Raises:
        PolicyError: the policy contradicts itself, or is too large.

    """
    check_policy(policy)
    payload = msgspec.json.encode(policy)
    signatures = tuple((key.id, key.sign(_PREAMBLE + payload)) for key in keys)
    document = msgspec.msgpack.encode(_Document(_FORMAT, payload, signatures))
    if len(document) > MAX_DOCUMENT:
        raise PolicyError(f"a policy of {len(document)} bytes is over the limit of {MAX_DOCUMENT}; remove people who left")
    return document


def _open(document: bytes) -> _Link:
    if len(document) > MAX_DOCUMENT:
        raise PolicyError(f"a policy of {len(document)} bytes is over the limit of {MAX_DOCUMENT}")
    try:
        parsed = _decode_document(document)
        # Signatures first: only bytes that somebody signed are parsed any further.
        signed_by = _signed_by(parsed)
        if parsed.format != _FORMAT or not signed_by:
            raise PolicyError("the policy is not signed, or is of a version that this devstream does not know")
        policy = _decode_policy(parsed.payload)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise PolicyError(f"not a policy: {clean(str(error), 120)}") from None
    check_policy(policy)
    return _Link(document, policy, hashlib.sha256(parsed.payload).hexdigest(), signed_by)


def _signed_by(document: _Document) -> frozenset[str]:
    if len(document.signatures) > _MAX_SIGNATURES:
        raise PolicyError("the policy has too many signatures")
    message = _PREAMBLE + document.payload
    return frozenset(device for device, signature in document.signatures if verify(public_key(device), message, signature))


def _check_threshold(link: _Link, judge: Policy) -> None:
    """Refuse a document that the admins of `judge` did not sign in sufficient number."""
    count = len(link.signed_by & judge.signers())
    if count < judge.threshold:
        raise PolicyError(f"policy version {link.policy.version} is signed by {count} of the {judge.threshold} admins it needs")
