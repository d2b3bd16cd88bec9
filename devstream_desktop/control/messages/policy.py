"""Policy of the team: view, change, signatures of other admins, the key on paper."""

from __future__ import annotations

import msgspec

from devstream_desktop.control.messages.base import Done, Reply, Request


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """A change of the policy that waits for more admins' signatures."""

    id: str
    what: tuple[str, ...]
    """Changes that it would make, a sentence each."""
    signed_by: tuple[str, ...]
    needs: int
    signed_here: bool
    """This device has signed it."""


class PolicyState(Reply, frozen=True, tag=True, kw_only=True):
    """The policy in force."""

    team: str
    team_id: str
    version: int
    issued: int
    expires: int
    """UTC milliseconds, as `issued`."""
    threshold: int
    """Number of admins who must sign a change."""
    approve_joins: bool
    """An admin approves each join, once the team has two people."""
    retention_days: int
    admins: tuple[str, ...]
    """Persons, as in the lists below."""
    issuers: tuple[str, ...]
    collectors: tuple[str, ...]
    executors: tuple[str, ...]
    recovery_key: bool
    """A key is kept on paper."""
    forked: bool
    proposals: tuple[Proposal, ...] = ()
    notices: tuple[str, ...] = ()
    audit_days: int = 400
    """Days for which executors and collectors keep the signed events of deploys."""
    may_change: bool = False
    """This device is an admin's."""


class GetPolicy(Request[PolicyState], frozen=True, tag=True, kw_only=True):
    """Answered with `PolicyState`."""


class SetPolicy(Request[Done], frozen=True, tag=True, kw_only=True):
    """Change the team's settings; answered with `Done` (a sentence). What is left out stays."""

    threshold: int = 0
    approve_joins: bool | None = None
    retention_days: int = 0
    audit_days: int = 0


class ApprovePolicy(Request[Done], frozen=True, tag=True, kw_only=True):
    """Sign a change that another admin proposed; answered with `Done` (a sentence)."""

    proposal: str = ""
    """The first characters of its id; empty when only one waits."""


class MakeRecoveryKey(Request[Done], frozen=True, tag=True, kw_only=True):
    """Make a key to keep on paper, instead of an earlier one.

    Answered with `Done` (the key's text, which is nowhere else).
    """


class Recover(Request[Done], frozen=True, tag=True, kw_only=True):
    """Make this device an admin by the key on paper. Answered with `Done` (a sentence)."""

    key: str
