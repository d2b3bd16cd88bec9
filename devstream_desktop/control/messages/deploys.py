"""Deploys: what can be deployed, what it would ship, and the request."""

from __future__ import annotations

import msgspec

from devstream_desktop.control.messages.base import Done, Reply, Request


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A target and environment that an executor offers."""

    target: str
    environment: str
    description: str
    ref: str
    """The branch it is deployed from by default."""
    executor: str
    repository: str = ""
    """The address that its branches are looked up at; empty where only the executor knows it."""
    at: int = 0
    """Time of the executor's latest word on it, UTC milliseconds."""


class TargetStatus(Offer, frozen=True, kw_only=True):
    """An offer, and whether this person may deploy it."""

    allowed: bool
    reason: str
    """Reason of a refusal, in words; empty when allowed."""
    revision: str = ""
    """The revision there now, as far as the history knows."""
    busy: str = ""
    """The person who is deploying it right now."""


class Targets(Reply, frozen=True, tag=True, kw_only=True):
    """Every target the team's executors offer."""

    targets: tuple[TargetStatus, ...]


class Plan(Reply, frozen=True, tag=True, kw_only=True):
    """Answer: the content of a deploy."""

    target: str
    environment: str
    ref: str
    sha: str
    title: str = ""
    """Subject of the commit; empty when the history does not know."""
    current: str
    """The revision there now; empty when the history does not know."""
    changes: tuple[str, ...]
    """Lines of the changes between, newest first, as far as known."""
    checks: tuple[str, ...]
    """The builds and tests of this revision, as lines."""
    allowed: bool = False
    reason: str = ""
    """Reason of a refusal, in words; empty when allowed."""


class GetTargets(Request[Targets], frozen=True, tag=True, kw_only=True):
    """Ask for all targets; answered with `Targets`."""


class PlanDeploy(Request[Plan], frozen=True, tag=True, kw_only=True):
    """Ask what a deploy would ship; answered with `Plan`.

    One of `ref` and `sha`; `ref` alone means its newest known commit.
    """

    target: str
    environment: str
    ref: str = ""
    sha: str = ""


class RequestDeploy(Request[Done], frozen=True, tag=True, kw_only=True):
    """Sign and send a deploy request for exactly this commit.

    Answered with `Done` (the request's key).
    """

    target: str
    environment: str
    sha: str
    ref: str = ""
    reason: str = ""
