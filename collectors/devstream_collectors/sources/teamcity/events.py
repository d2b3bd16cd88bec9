"""TeamCity's builds as runs: what a status means."""

from __future__ import annotations

from devstream_collectors.before.decoding import milliseconds, person, sha
from devstream_collectors.before.outcome import Dropped
from devstream_collectors.before.place import page_scope
from devstream_collectors.before.run import Run, run_event
from devstream_collectors.contract import SourceInfo
from devstream_collectors.sources.teamcity.payloads import (
    BuildBody,
    BuildType,
    Changes,
    Revisions,
    Tests,
)
from devstream_desktop.stream.event import Event

STATUSES = {"SUCCESS": "succeeded", "FAILURE": "failed", "ERROR": "errored"}
UNDER_WAY = frozenset({"queued", "running"})
_RED = frozenset({"failed", "errored"})


def state_of(build: BuildBody) -> str:
    """The state that a build is in by its own fields.

    Raises:
        Dropped: it is none that is known.

    """
    if build.canceled_info is not None or (build.state == "finished" and build.status == "UNKNOWN"):
        return "cancelled"
    if build.state in UNDER_WAY:
        return build.state
    state = STATUSES.get(build.status or "")
    if state is None:
        raise Dropped("state-not-mapped", f"{build.state} {build.status}")
    return "errored" if build.failed_to_start else state


def build_event(build: BuildBody, state: str, source: SourceInfo, received: int) -> Event:
    """The event of a build in a state.

    Raises:
        Dropped: it is somebody's own, or not on a branch the team watches.
        InvalidEventError: as `make_event`.

    """
    if build.personal:
        raise Dropped("personal-build")
    kind = build.build_type or BuildType()
    configuration = build.build_type_id or kind.id or ""
    run = str(build.id if build.id is not None else build.number or "")
    if not run or not (configuration or kind.name):
        raise Dropped("not-a-build")
    branch = _branch(build)
    # Of a whole build `defaultBranch` is left out where it is false; of chosen fields a missing one says nothing.
    elsewhere = bool(branch) and (
        build.default_branch is False or (build.default_branch is None and bool(build.href))
    )
    if elsewhere and not source.branches:
        raise Dropped("not-a-global-branch", branch)
    tests, over = build.test_occurrences or Tests(), state not in UNDER_WAY
    made = Run(
        pipeline=kind.name or configuration,
        pipeline_id=configuration,
        run=run,
        state=state,
        branch=branch,
        revision=_revision(build),
        actor=_actor(build),
        reason=_reason(build, state),
        url=build.web_url or "",
        failed=max(tests.failed or 0, 0) if over else 0,
        total=max(tests.count or 0, 0) if over else 0,
        started=milliseconds(build.start_date),
        changed=milliseconds(
            {"queued": build.queued_date, "running": build.start_date}.get(state, build.finish_date)
        ),
    )
    scope = page_scope(build.web_url or source.url).split("/", 1)[0] or f"teamcity/{source.name}"
    return run_event(
        made, source, scope=scope, service=_service(kind, configuration), received=received
    )


def _branch(build: BuildBody) -> str:
    """The branch by its own name; `<default>` stands for one that TeamCity does not name."""
    names = [
        build.branch_name,
        *(revision.vcs_branch_name for revision in (build.revisions or Revisions()).revision or ()),
    ]
    return next((name for name in names if name and name != "<default>"), "")


def _revision(build: BuildBody) -> str:
    revisions = (build.revisions or Revisions()).revision or []
    changes = (build.last_changes or Changes()).change or []
    versions = [
        *(revision.version for revision in revisions),
        *(change.version for change in changes),
    ]
    return next((found for version in versions if (found := sha(version))), "")


def _actor(build: BuildBody) -> str:
    """Who called it off, else who started it, else who made its newest change."""
    users = [part.user for part in (build.canceled_info, build.triggered) if part is not None]
    changes = (build.last_changes or Changes()).change or []
    return person(
        *(name for user in users if user for name in (user.username, user.name)),
        *(change.username for change in changes),
    )


def _reason(build: BuildBody, state: str) -> str:
    if state == "cancelled":
        return (build.canceled_info.text if build.canceled_info else "") or ""
    text = build.status_text or ""
    counted = build.test_occurrences is not None and text.startswith("Tests failed")
    return text if state in _RED and not counted else ""


def _service(kind: BuildType, configuration: str) -> str:
    """The innermost project's name: `Shop` of `Acme / Shop`."""
    return (kind.project_name or "").rsplit(" / ", 1)[-1] or configuration or kind.name or ""
