"""TeamCity's builds as runs, by webhook as by the REST API."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from devstream_collectors.kit.decoding import Needed, Part, Text, Time, Whole, person, sha, whole
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.place import Place, page_scope
from devstream_collectors.kit.run import UNDER_WAY, Run, run_event
from devstream_desktop.stream.event import Event

_STATUSES = {"SUCCESS": "succeeded", "FAILURE": "failed", "ERROR": "errored"}
_RED = frozenset({"failed", "errored"})


class User(msgspec.Struct, frozen=True):
    """An account."""

    username: Text = ""
    name: Text = ""


class Triggered(msgspec.Struct, frozen=True):
    """The start of a build."""

    user: Part[User] = User()


class _Cancelled(msgspec.Struct, frozen=True):
    """The end of a build that was called off."""

    user: Part[User] = User()
    text: Text = ""


class BuildType(msgspec.Struct, frozen=True, rename="camel"):
    """A build configuration."""

    id: str | None = ""
    name: str | None = ""
    project_name: Text = ""


class _Change(msgspec.Struct, frozen=True):
    """A commit."""

    version: str | None = ""
    username: Text = ""


class _Changes(msgspec.Struct, frozen=True):
    """The commits of a build, newest first."""

    change: list[_Change] | None = None


class _Revision(msgspec.Struct, frozen=True, rename="camel"):
    """The part of a repository that is built."""

    version: str | None = ""
    vcs_branch_name: str | None = ""


class _Revisions(msgspec.Struct, frozen=True):
    """One revision for each repository."""

    revision: list[_Revision] | None = None


class _Tests(msgspec.Struct, frozen=True):
    """The number of tests."""

    count: Whole = 0
    failed: Whole = 0


class Build(msgspec.Struct, frozen=True, rename="camel"):
    """A build."""

    id: int | None = None
    build_type_id: str | None = ""
    number: str | int | None = ""
    status: str | None = ""
    state: str | None = ""
    status_text: Text = ""
    branch_name: str | None = ""
    default_branch: bool | None = None
    personal: Needed[bool | None] = False
    failed_to_start: bool | None = False
    href: str | None = ""
    web_url: str | None = ""
    queued_date: Time = 0
    start_date: Time = 0
    finish_date: Time = 0
    build_type: BuildType | None = None
    triggered: Part[Triggered] = Triggered()
    canceled_info: _Cancelled | None = None
    last_changes: _Changes | None = None
    revisions: _Revisions | None = None
    test_occurrences: _Tests | None = None

    @property
    def changes(self) -> list[_Change]:
        """Its commits, the newest first."""
        return (self.last_changes or _Changes()).change or []

    @property
    def built(self) -> list[_Revision]:
        """Its revision of each repository."""
        return (self.revisions or _Revisions()).revision or []


def state_of(build: Build) -> str:
    """Return the state that a build is in by its own fields.

    Raises:
        Dropped: it is none that is known.

    """
    # A build that was called off before it had a result.
    unknown = build.state == "finished" and build.status == "UNKNOWN"
    if build.canceled_info is not None or unknown:
        return "cancelled"
    if build.state in UNDER_WAY:
        return build.state
    state = _STATUSES.get(build.status or "")
    if state is None:
        raise Dropped("state-not-mapped", f"{build.state} {build.status}")
    return "errored" if build.failed_to_start else state


def build_event(build: Build, state: str, place: Place) -> Event:
    """Make the event of a build in a state.

    Raises:
        Dropped: it is somebody's own, or not on a branch that counts.
        InvalidEventError: as `make_event`.

    """
    if build.personal:
        raise Dropped("personal-build")
    kind = build.build_type or BuildType()
    configuration = build.build_type_id or kind.id or ""
    number = str(build.id if build.id is not None else build.number or "")
    if not number or not (configuration or kind.name):
        raise Dropped("not-a-build")
    branch = _branch(build)
    # Of a whole build `defaultBranch` is left out where it is false; of chosen fields a missing one
    # says nothing.
    not_default = build.default_branch is False
    if build.default_branch is None and build.href:
        not_default = True
    if branch and not_default and not place.source.branches:
        raise Dropped("not-a-global-branch", branch)
    # TeamCity says itself that it is the default one, whatever its name.
    if build.default_branch:
        place = replace(place, default_branches=(branch,))
    tests, over = build.test_occurrences or _Tests(), state not in UNDER_WAY
    times = {"queued": build.queued_date, "running": build.start_date}
    run = Run(
        pipeline=kind.name or configuration,
        pipeline_id=configuration,
        run=number,
        order=whole(build.id),
        state=state,
        branch=branch,
        revision=_revision(build),
        actor=_actor(build),
        reason=_reason(build, state),
        url=build.web_url or "",
        failed=tests.failed if over else 0,
        total=tests.count if over else 0,
        started=build.start_date,
        changed=times.get(state, build.finish_date),
    )
    host = page_scope(build.web_url or place.source.url).split("/", 1)[0]
    # The innermost project's name: `Shop` of `Acme / Shop`.
    service = kind.project_name.rsplit(" / ", 1)[-1] or configuration or kind.name or ""
    return run_event(run, place.at(host or f"teamcity/{place.source.name}", service))


def _branch(build: Build) -> str:
    """Name the branch; `<default>` stands for one that TeamCity does not name."""
    names = [build.branch_name, *(revision.vcs_branch_name for revision in build.built)]
    return next((name for name in names if name and name != "<default>"), "")


def _revision(build: Build) -> str:
    versions = [*(one.version for one in build.built), *(one.version for one in build.changes)]
    return next((found for version in versions if (found := sha(version))), "")


def _actor(build: Build) -> str:
    """Name the person that called it off, started or last changed it."""
    ends = [build.canceled_info.user] if build.canceled_info else []
    users = [name for user in (*ends, build.triggered.user) for name in (user.username, user.name)]
    return person(*users, *(change.username for change in build.changes))


def _reason(build: Build, state: str) -> str:
    if state == "cancelled":
        return build.canceled_info.text if build.canceled_info else ""
    counted = build.test_occurrences is not None and build.status_text.startswith("Tests failed")
    return build.status_text if state in _RED and not counted else ""
