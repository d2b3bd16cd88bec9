"""Deploys: what can be deployed, what it would ship, the request, and all that is asked beside."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

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


class CheckState(msgspec.Struct, frozen=True, kw_only=True):
    """A build or test of a commit; `at` is UTC milliseconds."""

    name: str
    state: str
    at: int = 0
    url: str = ""
    required: bool = False
    """The target asks for it."""
    told_by: str = ""
    """The forge that the executor asked, by its name; empty: the stream."""


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """A commit, as far as it is known; `at` is UTC milliseconds, 0 when unknown."""

    sha: str
    title: str = ""
    author: str = ""
    at: int = 0
    url: str = ""
    own: bool = False
    """It is the asker's."""
    checks: tuple[CheckState, ...] = ()


class PlanWarning(msgspec.Struct, frozen=True, kw_only=True):
    """A reason to look twice.

    `severity` is info, warning or error; an error is why the executor would refuse. `kind` is one
    of checks, incident, lock, backwards, others, hours, older, unknown, busy, approval, refused.
    """

    severity: str
    kind: str
    text: str


class LockState(msgspec.Struct, frozen=True, kw_only=True):
    """A lock; an empty environment is all of a target, the target `*` everything."""

    target: str
    environment: str
    person: str
    reason: str = ""
    since: int = 0
    until: int = 0
    """Its end, UTC milliseconds; 0: until it is unlocked."""


class PendingDeploy(msgspec.Struct, frozen=True, kw_only=True):
    """A deploy that runs, is queued or waits for approval."""

    request: str
    target: str
    environment: str
    person: str
    sha: str
    state: str
    ref: str = ""
    since: int = 0
    until: int = 0
    """It expires then, UTC milliseconds; 0 for a run."""
    reason: str = ""
    """The executor's word on it."""
    parameters: str = ""
    """The chosen parameters, as a URL's query: `size=large&migrate=true`."""
    why: str = ""
    """The asker's reason."""


class ParameterForm(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter that a target declares: text, choice or flag."""

    name: str
    type: str
    choices: tuple[str, ...] = ()
    default: str = ""
    help: str = ""


class Plan(Reply, frozen=True, tag=True, kw_only=True):
    """Answer: the content of a deploy."""

    target: str
    environment: str
    ref: str
    sha: str
    title: str = ""
    """Subject of the commit; empty when nobody knows."""
    current: str
    """The revision there now; empty when nobody knows."""
    changes: tuple[str, ...]
    """Lines of the changes between, newest first, as far as known."""
    checks: tuple[str, ...]
    """The builds and tests of this revision, as lines."""
    allowed: bool = False
    reason: str = ""
    """Reason of a refusal, in words; empty when allowed."""
    action: str = ""
    """Empty for a deploy, else rollback or dry_run."""
    told_by: str = ""
    """`executor`, which decides; or `stream`, as far as this history knows."""
    source: str = ""
    """The source of the commits between: `repository` or `stream`."""
    old: Commit | None = None
    new: Commit | None = None
    commits: tuple[Commit, ...] = ()
    """The commits between, newest first, by first parents."""
    more: int = 0
    """Commits between that are not listed."""
    backwards: bool = False
    """These commits go away, rather than come."""
    warnings: tuple[PlanWarning, ...] = ()
    locks: tuple[LockState, ...] = ()
    """The locks on this environment."""
    running: PendingDeploy | None = None
    queue: tuple[PendingDeploy, ...] = ()
    """Deploys that are queued there, in their order."""
    own: str = ""
    """The key of the asker's request that waits there already; the new one would replace it."""
    approvals: int = 0
    """Persons who must approve."""
    approvers: tuple[str, ...] = ()
    """The persons who may."""
    type_to_confirm: bool = True
    """The name of the environment must be typed."""
    parameters: tuple[ParameterForm, ...] = ()
    can_dry_run: bool = False
    order: tuple[str, ...] = ()
    """Environments that come before this one."""


class DeployList(Reply, frozen=True, tag=True, kw_only=True):
    """Answer: what runs, waits, is locked, and ran last, as the stream tells it."""

    pending: tuple[PendingDeploy, ...]
    locks: tuple[LockState, ...]
    last: tuple[PendingDeploy, ...]
    """The last deploy of each environment that ended."""


class TargetCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One target of this executor, and what holds it up now."""

    target: str
    environment: str
    problems: tuple[str, ...]


class TargetChecks(Reply, frozen=True, tag=True, kw_only=True):
    """Answer: the state of this executor's targets; `mistake` is in targets.toml."""

    targets: tuple[TargetCheck, ...]
    mistake: str = ""


class CheckTargets(Request[TargetChecks], frozen=True, tag=True, kw_only=True):
    """Check the targets of this node, or the one of this name."""

    name: str = ""


class DeployLog(Reply, frozen=True, tag=True, kw_only=True):
    """Answer: a part of what a deploy printed, without secrets and escape sequences."""

    request: str
    """Its whole number."""
    text: str
    """Whole lines, each with its line break, while it runs."""
    next: int
    """The place where the next part begins."""
    over: bool
    """It has ended, and this is the last part."""
    state: str = ""
    silent_ms: int = 0
    """Milliseconds since its last sign of life, while it runs."""


class GetDeployLog(Request[DeployLog], frozen=True, tag=True, kw_only=True):
    """Ask a deploy's executor for its output from a place on; `request` may be its beginning."""

    request: str
    start: Annotated[int, Meta(ge=0)] = 0


class GetTargets(Request[Targets], frozen=True, tag=True, kw_only=True):
    """Ask for all targets; answered with `Targets`."""


class GetDeploys(Request[DeployList], frozen=True, tag=True, kw_only=True):
    """Ask for the present of deploys; answered with `DeployList`."""


class PlanDeploy(Request[Plan], frozen=True, tag=True, kw_only=True):
    """Ask what a deploy would ship; answered with `Plan`.

    One of `ref`, `sha` and `promote`; `ref` alone means its newest commit, a part of a `sha` the
    one commit that begins so. A rollback may name none: it goes to the last good one.
    """

    target: str
    environment: str
    ref: str = ""
    sha: str = ""
    action: str = ""
    promote: str = ""
    """An environment whose commit is meant; `*`: the one that comes before."""
    override: bool = False
    parameters: dict[str, str] = msgspec.field(default_factory=dict)
    about: str = ""
    """The key of a request that waits: the plan is of that one, judged as its asker's."""


class RequestDeploy(Request[Done], frozen=True, tag=True, kw_only=True):
    """Sign and send a deploy request for exactly this commit.

    Answered with `Done` (the request's key).
    """

    target: str
    environment: str
    sha: str
    ref: str = ""
    reason: str = ""
    action: str = ""
    """Empty for a deploy, else rollback or dry_run."""
    expected: str = ""
    """The commit that the plan said is there now; another one is refused."""
    replaces: str = ""
    """Key of the person's request that this one replaces."""
    parameters: dict[str, str] = msgspec.field(default_factory=dict)
    override: bool = False
    """Break-glass; it needs a reason."""
    title: str = ""


class RequestLock(Request[Done], frozen=True, tag=True, kw_only=True):
    """Sign and send a lock, or the end of one.

    An empty environment is all of the target, the target `*` everything, of every executor.
    Answered with `Done`: the keys of the requests, one a line.
    """

    target: str
    environment: str = ""
    unlock: bool = False
    reason: str = ""
    lasts_ms: int = 0
    """0: until it is unlocked."""


class RequestAnswer(Request[Done], frozen=True, tag=True, kw_only=True):
    """Approve, withdraw or cancel a deploy; answered with `Done` (the request's key)."""

    action: str
    """approve, withdraw or cancel."""
    about: str
    """The key of the deploy, or its beginning."""
    reason: str = ""
