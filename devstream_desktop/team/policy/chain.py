"""The chain of signed policies: which policy is the team's, now and at any time before.

After the root metadata of The Update Framework
(https://theupdateframework.github.io/specification/latest/, 5.3): a version is taken only when it
is exactly the next one, names the hash of the one before, and is signed by the threshold of admins
of the one before and by its own. So a peer cannot roll the policy back, skip a version or put
itself in.

The Update Framework has one place where versions are made; here every admin's device may make one,
and two may at the same moment. Every node decides alike between two branches of one chain, so that
the team stays one (`_wins`):

    - A branch that takes the right to sign from the signer of the other wins: a stolen key cannot
      undo its removal, whenever it signs.
    - When both do that to each other, each node stays with the branch it had first, since nothing
      tells the thief from the owner.
    - Otherwise the branch that revokes more devices wins, then the longer one, then the one whose
      first version has the lower hash. The signer of the other branch repeats its changes
      (`Team.restore`).

A fork is remembered and shown until the next version. A version that too few admins have signed yet
is a proposal, kept and passed on while it would be the next.

    team id = base32 of the first 16 bytes of the SHA-256 of version 1's payload, 26 characters
"""

# ruff: noqa: SLF001 - a chain looks into another chain, which is its own class

from __future__ import annotations

import base64
import hashlib
import os
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import suppress
from operator import attrgetter
from pathlib import Path

import msgspec

from devstream_desktop.home import write_private
from devstream_desktop.stream.bounds import check_msgpack
from devstream_desktop.stream.text import clean
from devstream_desktop.team.errors import PolicyError, PolicyForkError
from devstream_desktop.team.policy.documents import MAX_DOCUMENT, Signed, payload_hash, sign_policy
from devstream_desktop.team.policy.policy import LIFETIME_MS, Policy

__all__ = ["MAX_DOCUMENT", "MAX_PROPOSALS", "PolicyChain", "sign_policy"]

MAX_PROPOSALS = 8
MAX_STALE = MAX_PROPOSALS
"""Documents in one message that are genuine and change nothing."""
BRANCH = 32
"""Most versions since the start of a branch that peers still get."""

_VERSION_BITS, _HEAD_BITS = 32, 20


class _Stored(msgspec.Struct, array_like=True, frozen=True):
    format: int
    documents: tuple[bytes, ...]
    fork: bytes | None
    proposals: tuple[bytes, ...] = ()


_policy = attrgetter("policy")
_decode_stored = msgspec.msgpack.Decoder(_Stored).decode


class PolicyChain:
    """The policies of one team, oldest first.

    Read from any thread; one thread at a time may append.
    """

    def __init__(self, genesis: bytes) -> None:
        first = Signed.open(genesis)
        policy = first.policy
        if policy.version != 1 or policy.prev or policy.team:
            raise PolicyError("a team starts with version 1 of its policy")
        if reason := first.lacks(policy):
            raise PolicyError(reason)
        # References, replaced as a whole, so that a reader in another thread always sees a complete
        # chain.
        self._links: tuple[Signed, ...] = (first,)
        self._issued: tuple[int, ...] = (policy.issued,)
        self._team = base64.b32encode(bytes.fromhex(first.hash)[:16]).decode().rstrip("=").lower()
        self._fork: bytes | None = None
        self._proposals: tuple[Signed, ...] = ()
        self.trouble = ""
        """A sentence on what could not be read from the disk; empty for nothing."""

    @classmethod
    def from_documents(cls, documents: Sequence[bytes]) -> PolicyChain:
        """Return the chain of all documents, version 1 first; proposals may come last.

        Raises:
            PolicyError: there is none, or one does not follow the one before.

        """
        if not documents:
            raise PolicyError("there is no policy")
        chain = cls(documents[0])
        for document in documents[1:]:
            chain.take(Signed.open(document))
        return chain

    @classmethod
    def load(cls, path: Path) -> PolicyChain:
        """Return the chain kept in `path`, every signature checked again.

        Where it cannot be read to its end, what can be read counts, here or in the file of before
        the last change, and `trouble` says so: peers give the rest, as to one who was away.

        Raises:
            PolicyError: not even the first version can be read.

        """
        chain, why = _read_kept(path)
        if why:
            before, _ = _read_kept(_before(path))
            if before is not None and (
                chain is None
                or (before.team == chain.team and before.current.version > chain.current.version)
            ):
                chain = before
        if chain is None:
            raise PolicyError(
                f"the team's policies in {path} cannot be read ({why}); restore the file from a "
                "backup"
            )
        if why:
            chain.trouble = (
                f"the team's policies cannot be read after version {chain.current.version} ({why})"
            )
        return chain

    def save(self, path: Path) -> None:
        """Keep the chain in `path`, on disk when this returns.

        Raises:
            OSError: the disk is full.

        """
        documents = tuple(link.document for link in self._links)
        stored = _Stored(
            1, documents, self._fork, tuple(proposal.document for proposal in self._proposals)
        )
        with suppress(OSError):  # only another chance for the day when the file cannot be read
            _before(path).unlink(missing_ok=True)
            os.link(path, _before(path))
        write_private(path, msgspec.msgpack.encode(stored))

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
        """True when another branch is as well signed.

        It begins where the current version does, or before.

        An executor pauses until the next version.
        """
        return self._fork is not None

    @property
    def proposals(self) -> tuple[Signed, ...]:
        """Next versions that wait for signatures, oldest first."""
        return self._proposals

    @property
    def links(self) -> tuple[Signed, ...]:
        """Every version with its signatures, oldest first."""
        return self._links

    def at(self, ms: int) -> Policy:
        """Return the policy in force at a time; before the first one, the first."""
        return self.since(ms)[0]

    def since(self, ms: int) -> tuple[Policy, ...]:
        """Return the policy in force at a time and all later ones."""
        links = self._links
        first = max(0, bisect_right(self._issued, ms, 0, len(links)) - 1)
        return tuple(map(_policy, links[first:]))

    @property
    def stamp(self) -> int:
        """A number that two nodes share when they hold the same.

        It is made of the version, the start of its hash, and a hash of what else is known.
        """
        # Proposals and forks count too: two nodes with the same newest version may still have
        # something to tell each other.
        rest = hashlib.sha256(
            repr([(one.hash, sorted(one.signed_by)) for one in self._proposals]).encode()
            + (self._fork or b"")
        ).digest()
        return self._stamp_of(self._links[-1]) | int.from_bytes(rest[:4], "big") >> (_HEAD_BITS)

    def documents(self, known: int = 0) -> list[bytes]:
        """Return the documents that a peer with the stamp `known` (0: nothing) lacks, oldest first.

        A branch is sent from before its start.
        """
        version = known >> _VERSION_BITS
        # A peer that is ahead, or on another branch, may need what comes before its own version.
        first = version
        if version > self.current.version:
            first = self.current.version - BRANCH if self.forked else self.current.version
        elif version and self._stamp_of(self._links[version - 1]) >> (32 - _HEAD_BITS) != known >> (
            32 - _HEAD_BITS
        ):
            first = version - BRANCH
        if known == self.stamp:
            return []
        # The losing branch is sent to peers with the same version only: others get it with its
        # successor.
        fork = [self._fork] if self._fork and first == self.current.version == version else []
        return [
            *(link.document for link in (*self._links[max(0, first) :], *self._proposals)),
            *fork,
        ]

    def take(self, link: Signed) -> bool:
        """Accept the next policy, a proposal of it, or a further signature.

        False when it brings nothing new.

        Raises:
            PolicyError: it is not the next, or no admin signed it.

        """
        if reason := self._misfit(link):
            raise PolicyError(reason)
        known = next((one for one in self._proposals if one.hash == link.hash), None)
        # The same proposal may come with other signatures, and both sets count.
        if known is not None:
            link = known.also_signed(link.signatures)
        # The last missing signature puts it into force; until then it is a proposal.
        if not self._unsigned(link):
            self._add(link)
            return True
        # Signatures of strangers are dropped, so that nobody can make a proposal grow.
        signers = link.signed_by & self.current.signers()
        if not signers:
            raise PolicyError(self._unsigned(link))
        others = tuple(one for one in self._proposals if one is not known)
        if known is not None and known.signed_by >= signers:
            return False
        # Every node keeps and forwards proposals, so their number has a limit.
        if len(others) >= MAX_PROPOSALS:
            raise PolicyError(
                f"{MAX_PROPOSALS} changes of the policy wait for signatures already; sign one, or "
                "make any change to drop them"
            )
        kept = Signed(
            link.payload, tuple(one for one in link.signatures if one[0] in signers), link.policy
        )
        self._proposals = tuple(
            sorted((*others, kept), key=lambda one: (one.policy.issued, one.hash))
        )
        return True

    def absorb(self, documents: Sequence[bytes]) -> bool:
        """Take what a peer sent, oldest first, and choose between branches.

        Whether anything changed. What came before a bad one is kept.

        Raises:
            PolicyError: one does not follow, or not enough admins signed it.
            PolicyForkError: it is of another branch, as well signed, that does not win; `forked` is
                true until the next version.

        """
        # On a copy, because a document in the middle may be bad.
        branch, rival, before = self.copy(), False, self.stamp
        known = {link.hash for link in self._links}
        stale = 0
        problem: PolicyError | None = None
        try:
            for document in documents:
                # Nobody's signatures are checked without end: not on what is here, nor on the same
                # few words again and again.
                if payload_hash(document) in known:
                    continue
                if stale > MAX_STALE:
                    problem = PolicyError("nothing of what was sent is new")
                    break
                link = Signed.open(document)
                version = link.policy.version
                # The sender knows another version of this number: from here on it is a rival
                # branch.
                if version <= branch.current.version:
                    # What was grown so far is ours and stays, whatever comes of the rival.
                    if not rival:
                        self.adopt(branch)
                    branch, rival = self._upto(version - 1, link), True
                    stale += 1
                stale += not branch.take(link)
                if branch.current is link.policy:
                    known.add(link.hash)
        except PolicyError as error:
            problem = error
        if not rival:
            self.adopt(branch)
        else:
            self._settle(branch)
        if problem is not None:
            raise problem
        return self.stamp != before

    def copy(self) -> PolicyChain:
        """Return a chain to try something on."""
        # Not through `__init__`, which would check every signature again.
        other = object.__new__(PolicyChain)
        other._team, other.trouble = self._team, ""
        other.adopt(self)
        return other

    def adopt(self, other: PolicyChain) -> None:
        """Become `other`, a grown copy of this chain that is on disk."""
        self._issued = other._issued
        self._links = other._links
        self._fork = other._fork
        self._proposals = other._proposals

    def successor(self, changed: Policy, now_ms: int) -> Policy:
        """Make the next version from `changed`, issued now.

        `changed` is a copy of the current policy with other content.
        """
        # Versions must have growing times, also where the clock of an admin is behind.
        issued = max(now_ms, self.current.issued + 1)
        return msgspec.structs.replace(
            changed,
            version=self.current.version + 1,
            team=self._team,
            prev=self._links[-1].hash,
            issued=issued,
            expires=issued + LIFETIME_MS,
        )

    def _stamp_of(self, link: Signed) -> int:
        return link.policy.version << _VERSION_BITS | int(link.hash[:8], 16) >> (
            32 - _HEAD_BITS
        ) << (32 - _HEAD_BITS)

    def _misfit(self, link: Signed) -> str:
        """Return why this is not the next version, whoever signed it; empty when it is."""
        version, current = link.policy.version, self.current
        # A peer can neither skip a version nor roll one back.
        if version != current.version + 1:
            return (
                f"policy version {version} does not follow version {current.version}; the ones "
                "between are missing"
            )
        # Else a policy of another team with the same admins would fit.
        if link.policy.team != self._team:
            return "the policy is another team's"
        # The hash ties it to one past, so versions of two branches cannot be mixed.
        if link.policy.prev != self._links[-1].hash:
            return (
                f"policy version {version} does not follow the version {current.version} that is "
                "known here"
            )
        if link.policy.issued <= current.issued:
            return f"policy version {version} claims to be older than version {current.version}"
        return ""

    def _unsigned(self, link: Signed) -> str:
        # The old admins hand over, and the new ones prove that they can sign.
        return link.lacks(self.current) or link.lacks(link.policy)

    def _add(self, link: Signed) -> None:
        self._issued = (*self._issued, link.policy.issued)
        self._links = (*self._links, link)
        # A new version is what an admin makes to settle a fork.
        self._fork = None
        self._proposals = ()

    def _upto(self, version: int, rival: Signed) -> PolicyChain:
        """Return this chain as it was at `version`, before the rival's next."""
        # Without a common first version it is another team's chain.
        if version < 1:
            raise PolicyError("the policy is another team's")
        other = self.copy()
        other._links, other._issued, other._fork, other._proposals = (
            self._links[:version],
            self._issued[:version],
            None,
            (),
        )
        if reason := other._misfit(rival) or other._unsigned(rival):
            raise PolicyError(reason)
        return other

    def _settle(self, rival: PolicyChain) -> None:
        """Choose between this chain and a branch of it.

        Raises:
            PolicyForkError: this one stays.

        """
        pairs = zip(self._links, rival._links, strict=False)
        start = next(
            number for number, (mine, theirs) in enumerate(pairs) if mine.hash != theirs.hash
        )
        mine, theirs = self._links[start], rival._links[start]
        # The rule looks at content alone, so that every node decides alike.
        if _wins(
            self._links[start - 1].policy, theirs=rival._links[start:], mine=self._links[start:]
        ):
            rival._fork = mine.document
            self.adopt(rival)
            return
        # Only a branch from the newest version can still surprise anybody; an old one must not stop
        # deploys for ever.
        if start == len(self._links) - 1:
            self._fork = theirs.document
        version = mine.policy.version
        raise PolicyForkError(
            f"there are two signed policies of version {version}: two admins changed the team at "
            "once, or a key was stolen"
        )


def _before(path: Path) -> Path:
    """Return the policies as they were before the last change."""
    return path.with_name(f"{path.name}.before")


def _read_kept(path: Path) -> tuple[PolicyChain | None, str]:
    """Read a chain as far as possible, and why it ends.

    The reason is empty when all of it was read.
    """
    try:
        content = path.read_bytes()
        check_msgpack(content, len(content))
        stored = _decode_stored(content)
        chain = PolicyChain.from_documents(stored.documents[:1])
    except (OSError, ValueError, PolicyError) as error:
        return None, clean(str(error), 160)
    # What follows the first version may be cut off or damaged: what can be read still counts.
    why = ""
    try:
        for document in (*stored.documents[1:], *stored.proposals):
            chain.take(Signed.open(document))
    except PolicyError as error:
        why = clean(str(error), 160)
    chain._fork = stored.fork  # after the versions, each of which clears it
    return chain, why


def _wins(base: Policy, *, theirs: Sequence[Signed], mine: Sequence[Signed]) -> bool:
    """Return true when the other branch from `base` is the team's."""
    they_strike = bool(_removed(base, theirs) & _signers(base, mine))
    we_strike = bool(_removed(base, mine) & _signers(base, theirs))
    # A branch that removes the other's signers wins, so that a stolen key cannot undo its removal.
    # If both do, each node keeps its own.
    if they_strike or we_strike:
        return they_strike and not we_strike
    return _rank(theirs) > _rank(mine)


def _rank(branch: Sequence[Signed]) -> tuple[int, int, int]:
    return len(branch[-1].policy.revoked), len(branch), -int(branch[0].hash, 16)


def _removed(base: Policy, branch: Sequence[Signed]) -> frozenset[str]:
    return base.signers() - branch[-1].policy.signers()


def _signers(base: Policy, branch: Sequence[Signed]) -> frozenset[str]:
    return frozenset[str]().union(*(link.signed_by for link in branch)) & base.signers()
