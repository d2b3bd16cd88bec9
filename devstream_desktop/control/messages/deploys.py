"""Deploys: what can be deployed, what it would ship, and the request."""

from __future__ import annotations

import msgspec

from devstream_desktop.control.messages.base import Done, Reply, Request


class TargetStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One target and environment, and whether this person may deploy it."""

    target: str
    environment: str
    description: str
    ref: str
    """The branch it is deployed from by default."""
    executor: str
    allowed: bool
    reason: str
    """Why not, in words; empty when allowed."""
    revision: str = ""
    """What is there now, as far as the history knows."""
    busy: str = ""
    """Who is deploying it right now."""


class Targets(Reply, frozen=True, tag=True, kw_only=True):
    """Every target the team's executors offer."""

    targets: tuple[TargetStatus, ...]


class Plan(Reply, frozen=True, tag=True, kw_only=True):
    """What a deploy would ship."""

    target: str
    environment: str
    ref: str
    sha: str
    current: str
    """The revision there now; empty when the history does not know."""
    changes: tuple[str, ...]
    """The lines of the changes between, newest first, as far as the history knows."""
    checks: tuple[str, ...]
    """The builds and tests of this revision, as lines."""
    allowed: bool
    reason: str


class GetTargets(Request[Targets], frozen=True, tag=True, kw_only=True):
    """What can be deployed, by whom; answered with `Targets`."""


class PlanDeploy(Request[Plan], frozen=True, tag=True, kw_only=True):
    """What would ship; answered with `Plan`. One of `ref` and `sha`; `ref` alone means its newest known commit."""

    target: str
    environment: str
    ref: str = ""
    sha: str = ""


class RequestDeploy(Request[Done], frozen=True, tag=True, kw_only=True):
    """Sign a deploy request for exactly this commit and send it; answered with `Done` (the request's key)."""

    target: str
    environment: str
    sha: str
    ref: str = ""
    reason: str = ""
