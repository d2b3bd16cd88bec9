"""The chain of signed policies: which policy is the team's, now and at any time before.

After the root metadata of The Update Framework
(https://theupdateframework.github.io/specification/latest/, 5.3): a version is taken only when it
is exactly the next one, names the hash of the one before, and is signed by the threshold of admins
of the one before and by its own. So a peer cannot roll the policy back, skip a version or put
itself in.

Two admins may make a version at the same moment: every node decides alike between the branches
(branches.py). A fork is remembered and shown until the next version. A version that too few admins
have signed yet is a proposal, kept and passed on while it would be the next.

    team id = base32 of the first 16 bytes of the SHA-256 of version 1's payload, 26 characters
"""

# ruff: noqa: SLF001 - a chain looks into another chain, which is its own class

from __future__ import annotations

import base64
from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path

import msgspec

from devstream_desktop.stream.text import clean
from devstream_desktop.team.errors import PolicyError
from devstream_desktop.team.policy.absorption import absorb
from devstream_desktop.team.policy.documents import MAX_DOCUMENT, Signed, sign_policy
from devstream_desktop.team.policy.policy import LIFETIME_MS, Policy
from devstream_desktop.team.policy.proposals import proposed
from devstream_desktop.team.policy.stamps import lacking, stamp_of
from devstream_desktop.team.policy.stored_chain import (
    file_before,
    read_stored,
    write_stored,
)
from devstream_desktop.team.policy.succession import misfit, unsigned

__all__ = ["MAX_DOCUMENT", "PolicyChain", "sign_policy"]

MAX_REFUSED = 32 << 20
"""Bytes of the last branch that did not win, kept in memory."""

_policy = attrgetter("policy")


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
        self._refused: tuple[Signed, ...] = ()
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
            before, _ = _read_kept(file_before(path))
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
        write_stored(path, self._links, self._fork, self._proposals)

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
        return stamp_of(self._links, self._proposals, self._fork)

    def documents(self, known: int = 0, *, again: bool = False) -> list[bytes]:
        """Return the documents that a peer with the stamp `known` (0: nothing) lacks, oldest first.

        A branch is sent from before its start; with `again` also to a peer that is ahead, which did
        not take what it was sent.
        """
        return lacking(known, self._links, self._proposals, self._fork, again=again)

    def take(self, link: Signed) -> bool:
        """Accept the next policy, a proposal of it, or a further signature.

        False when it brings nothing new.

        Raises:
            PolicyError: it is not the next, or no admin signed it.

        """
        if reason := misfit(link, self._links[-1], self._team):
            raise PolicyError(reason)
        known = next((one for one in self._proposals if one.hash == link.hash), None)
        # The same proposal may come with other signatures, and both sets count.
        if known is not None:
            link = known.also_signed(link.signatures)
        # The last missing signature puts it into force; until then it is a proposal.
        if not unsigned(link, self.current):
            self._add(link)
            return True
        # Signatures of strangers are dropped, so that nobody can make a proposal grow.
        signers = link.signed_by & self.current.signers()
        if not signers:
            raise PolicyError(unsigned(link, self.current))
        proposals = proposed(self._proposals, link, signers)
        if proposals == self._proposals:
            return False
        self._proposals = proposals
        return True

    def absorb(self, documents: Sequence[bytes]) -> bool:
        """Take what a peer sent, oldest first, and choose between branches.

        Whether anything changed. What came before a bad one is kept.

        Raises:
            PolicyError: one does not follow, or not enough admins signed it.
            PolicyForkError: it is of another branch, as well signed, that does not win; `forked` is
                true until the next version.

        """
        return absorb(self, documents)

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
        self._refused = other._refused

    def upto(self, version: int, rival: Signed) -> PolicyChain:
        """Return this chain as it was at `version`, before the rival's next.

        Raises:
            PolicyError: the rival does not follow there, or not enough admins signed it.

        """
        # Without a common first version it is another team's chain.
        if version < 1:
            raise PolicyError("the policy is another team's")
        other = self.copy()
        other._links, other._issued = self._links[:version], self._issued[:version]
        other._fork, other._proposals, other._refused = None, (), ()
        if reason := misfit(rival, other._links[-1], self._team) or unsigned(rival, other.current):
            raise PolicyError(reason)
        return other

    @property
    def refused(self) -> tuple[Signed, ...]:
        """The last branch that did not win, from its start on.

        More of it may come in the next message.
        """
        return self._refused

    def refuse(self, branch: Sequence[Signed]) -> None:
        """Remember a branch that did not win, unless it is too large."""
        known = [link.hash for link in self._refused[: len(branch)]]
        # A part of it that comes again makes it no shorter.
        if known != [link.hash for link in branch]:
            size = sum(len(link.payload) for link in branch)
            self._refused = tuple(branch) if size <= MAX_REFUSED else ()

    def rejoined(self, count: int) -> PolicyChain:
        """Return this chain with the start of the refused branch."""
        rival = self._refused[:count]
        other = self.copy()
        version = rival[0].policy.version - 1
        other._links = (*self._links[:version], *rival)
        other._issued = tuple(link.policy.issued for link in other._links)
        other._fork, other._proposals, other._refused = None, (), ()
        return other

    def fork(self, other: Signed) -> None:
        """Remember another branch, as well signed, until the next version."""
        self._fork = other.document

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

    def _add(self, link: Signed) -> None:
        self._issued = (*self._issued, link.policy.issued)
        self._links = (*self._links, link.sharing(self._links[-1]))
        # A new version is what an admin makes to settle a fork.
        self._fork = None
        self._proposals = ()


def _read_kept(path: Path) -> tuple[PolicyChain | None, str]:
    """Read a chain as far as possible, and why it ends.

    The reason is empty when all of it was read.
    """
    try:
        stored = read_stored(path)
        documents = iter((*stored.documents, *stored.proposals))
        chain = PolicyChain(bytes(next(documents, b"")))
    except (OSError, ValueError, PolicyError) as error:
        return None, clean(str(error), 160)
    # What follows the first version may be cut off or damaged: what can be read still counts.
    why = ""
    try:
        for document in documents:
            chain.take(Signed.open(bytes(document)))
    except PolicyError as error:
        why = clean(str(error), 160)
    chain._fork = stored.fork  # after the versions, each of which clears it
    return chain, why
