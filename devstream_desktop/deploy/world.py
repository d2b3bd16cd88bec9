"""The executor's knowledge while it judges a request, and the verdicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from devstream_desktop.deploy.approvals import Approval
from devstream_desktop.deploy.checks import Check, Reported
from devstream_desktop.deploy.locks import Lock
from devstream_desktop.deploy.request import DeployRequest
from devstream_desktop.deploy.targets import Target, Targets
from devstream_desktop.stream.words import Role


@dataclass(frozen=True)
class Tips:
    """A repository's refs at this moment: commit by full ref name, or why they are not known."""

    commits: Mapping[str, str]
    trouble: str = ""
    has_commit: bool = False
    """The commit asked about is on a ref that may be deployed."""


@dataclass(frozen=True)
class Asker:
    """The signer of a request.

    The device comes from the signature and its person from the policy; neither from the event's
    text.
    """

    device: str
    person: str


@dataclass(frozen=True)
class Pending:
    """A request that runs, is queued or waits for approval."""

    request: str
    target: str
    environment: str
    person: str
    sha: str
    state: str


@dataclass(frozen=True)
class Taken:
    """The circumstances in which a request began to wait.

    It is judged again by these.
    """

    state: Literal["queued", "waiting"]
    until: int
    """It has expired then, UTC milliseconds."""
    policy: int
    current: str
    """The commit that ran there."""
    ahead: tuple[str, ...] = ()
    """The commits that were to be deployed before it."""


@dataclass(frozen=True)
class World:
    """The executor's knowledge while it judges; `now` is its own clock (UTC milliseconds)."""

    device: str
    now: int
    targets: Targets
    mistake: str
    """The reason why targets.toml cannot be used; empty when it can."""
    judged: bool
    """This request has been answered before."""
    fresh: bool
    """It came as news, not out of a backlog."""
    may: Callable[[str, Role, str, str], bool]
    """(person, role, target, environment) by the policy of this moment."""
    who_may: Callable[[Role, str, str], Sequence[str]]
    """The persons with a role there."""
    policy: int = 0
    """Version of that policy."""
    copied: bool = False
    """Another machine writes under this device's key: it gets this request too."""
    busy: str = ""
    """The reason why this environment takes no run at all."""
    tips: Tips | None = None
    current: str = ""
    """The commit that runs there; empty when that is not known."""
    running: Pending | None = None
    ahead: tuple[Pending, ...] = ()
    """The requests that are queued before this one."""
    own: tuple[Pending, ...] = ()
    """The asker's other requests that are queued or wait there."""
    locks: tuple[Lock, ...] = ()
    checks: tuple[Check, ...] = ()
    """The builds and tests of the commit, as the stream tells them."""
    reported: Reported | None = None
    """The forge's word on them, once it was asked."""
    succeeded: frozenset[str] = field(default_factory=frozenset)
    """The environments of this target that the commit reached with success."""
    approvals: tuple[Approval, ...] = ()
    taken: Taken | None = None
    """Set where a request is judged again."""
    subject: Pending | None = None
    """The request that a command is about, while it is not over."""


@dataclass(frozen=True)
class Accept:
    """It may run, once."""

    request: DeployRequest
    target: Target


@dataclass(frozen=True)
class Wait:
    """It may run, but not yet: others are before it, or somebody has to approve."""

    request: DeployRequest
    target: Target
    state: Literal["queued", "waiting"]
    reason: str


@dataclass(frozen=True)
class Apply:
    """A command that is not a run may take effect."""

    request: DeployRequest


@dataclass(frozen=True)
class Refuse:
    """It may not run, and everybody is told why."""

    reason: str


@dataclass(frozen=True)
class Ignore:
    """Nothing is to be said: it is another executor's, or has its answer."""

    reason: str


@dataclass(frozen=True)
class Resolve:
    """Ask the repository and the forge, and judge again.

    `refs` are looked up in `repository`, where there is one. They are full names; none: every
    branch and tag. `within` is the target on whose refs the commit may also come before the tip.
    `checks` is the target whose forge is asked about the commit.
    """

    repository: str
    refs: tuple[str, ...]
    checks: Target | None = None
    within: Target | None = None


Verdict = Accept | Wait | Apply | Refuse | Ignore | Resolve
