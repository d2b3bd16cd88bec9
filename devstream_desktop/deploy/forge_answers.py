"""The answers of forges about the checks of one commit.

GitHub's check runs, workflow runs and statuses, GitLab's statuses and pipelines, Gitea's statuses:
https://docs.github.com/en/rest/checks/runs, https://docs.github.com/en/rest/actions/workflow-runs,
https://docs.github.com/en/rest/commits/statuses, https://docs.gitlab.com/api/commits/,
https://docs.gitlab.com/api/pipelines/, https://docs.gitea.com/api/ (GetCombinedStatusByRef).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from devstream_desktop.deploy.backends.contract import BackendError
from devstream_desktop.deploy.backends.http import Answer, Api
from devstream_desktop.deploy.backends.settings import Forge
from devstream_desktop.deploy.checks import GREEN, UNDER_WAY, Check
from devstream_desktop.stream.text import clean

_PAGE, _GITEA_PAGE = 100, 50
_MOST_PAGES = 5
_T = TypeVar("_T")

_CONCLUSIONS = {
    "success": "succeeded",
    "failure": "failed",
    "action_required": "failed",
    "timed_out": "errored",
    "startup_failure": "errored",
    "cancelled": "cancelled",
}
"""GitHub's; neutral, skipped and stale say nothing of the commit."""
_STATUSES = {
    "pending": "running",
    "success": "succeeded",
    "failure": "failed",
    "warning": "failed",
    "error": "errored",
}
"""Commit statuses of GitHub and Gitea."""
_PIPELINES = {
    "created": "queued",
    "waiting_for_resource": "queued",
    "preparing": "queued",
    "pending": "queued",
    "scheduled": "queued",
    "running": "running",
    "canceling": "running",
    "success": "succeeded",
    "failed": "failed",
    "canceled": "cancelled",
}
"""Pipelines, jobs and statuses of GitLab; skipped and manual say nothing of the commit."""


class _CheckRun(msgspec.Struct, frozen=True):
    """A check run, or a workflow run."""

    head_sha: str
    name: str | None = ""
    status: str | None = ""
    conclusion: str | None = ""
    completed_at: str | None = ""
    updated_at: str | None = ""


class _CheckRuns(msgspec.Struct, frozen=True):
    check_runs: list[_CheckRun]


class _WorkflowRuns(msgspec.Struct, frozen=True):
    workflow_runs: list[_CheckRun]


class _Status(msgspec.Struct, frozen=True):
    """A commit status; GitHub calls its state `state`, Gitea `status`."""

    context: str | None = ""
    state: str | None = ""
    status: str | None = ""
    updated_at: str | None = ""


class _Combined(msgspec.Struct, frozen=True):
    sha: str
    statuses: list[_Status] | None = None


class _Pipeline(msgspec.Struct, frozen=True):
    """A pipeline, or the status of a job."""

    sha: str
    name: str | None = ""
    status: str | None = ""
    finished_at: str | None = ""
    updated_at: str | None = ""


async def checks_of(forge: Forge, api: Api, sha: str, now: int) -> tuple[Check, ...]:
    """Ask for every check of `sha`; `api` begins with the repository, `now` is UTC milliseconds.

    Raises:
        BackendError: not all of them can be told.

    """
    ask = {"github": _github, "gitlab": _gitlab, "gitea": _gitea}[forge.kind]
    return tuple(_Words(forge.title, now).read(await ask(api, sha)))


class _Word(msgspec.Struct, frozen=True):
    """One check as a forge names it; `state` is one of the stream's, None says nothing."""

    name: str | None
    state: str | None
    at: str | None


class _Words(msgspec.Struct, frozen=True):
    """Reads checks."""

    told_by: str
    now: int

    def read(self, words: Sequence[_Word]) -> Iterator[Check]:
        """Read the checks that are known."""
        for word in words:
            at = _moment(word.at or "")
            # A success counts for a while only, so that one without a time does not count.
            if not word.name or word.state is None or (word.state == GREEN and not at):
                continue
            # What runs now is newer than every result.
            time = self.now if word.state in UNDER_WAY or not at else at
            yield Check(clean(word.name), word.state, time, told_by=self.told_by)


async def _github(api: Api, sha: str) -> list[_Word]:
    checks, runs, statuses = await asyncio.gather(
        _pages(api, f"/commits/{sha}/check-runs?", lambda it: it.read(_CheckRuns).check_runs),
        # The stream tells of a workflow by its name, check runs are named by its jobs.
        _pages(
            api, f"/actions/runs?head_sha={sha}&", lambda it: it.read(_WorkflowRuns).workflow_runs
        ),
        _pages(api, f"/commits/{sha}/status?", lambda it: _statuses(it, sha)),
    )
    ended = [
        _Word(
            run.name,
            _CONCLUSIONS.get(run.conclusion or "") if run.status == "completed" else "running",
            run.completed_at or run.updated_at,
        )
        for run in (*checks, *runs)
        if run.head_sha == sha
    ]
    return ended + [
        _Word(one.context, _STATUSES.get(one.state or ""), one.updated_at) for one in statuses
    ]


async def _gitlab(api: Api, sha: str) -> list[_Word]:
    jobs, pipelines = await asyncio.gather(
        _pages(api, f"/repository/commits/{sha}/statuses?", lambda it: it.read(list[_Pipeline])),
        _pages(api, f"/pipelines?sha={sha}&", lambda it: it.read(list[_Pipeline])),
    )
    words = [(job, job.name) for job in jobs]
    # As the stream calls one without a name.
    words += [(one, one.name or "pipeline") for one in pipelines]
    return [
        _Word(
            name,
            _PIPELINES.get(one.status or ""),
            one.finished_at or one.updated_at,
        )
        for one, name in words
        if one.sha == sha
    ]


async def _gitea(api: Api, sha: str) -> list[_Word]:
    path = f"/commits/{sha}/status?limit={_GITEA_PAGE}&"
    return [
        _Word(one.context, _STATUSES.get(one.status or ""), one.updated_at)
        # A server may be set to smaller pages than are asked for.
        for one in await _pages(api, path, lambda it: _statuses(it, sha), _GITEA_PAGE, full=1)
    ]


def _statuses(answer: Answer, sha: str) -> list[_Status]:
    found = answer.read(_Combined)
    # A server that takes the name for a branch's would tell of another commit.
    if found.sha and found.sha != sha:
        raise BackendError("it tells of another commit than it was asked for")
    return found.statuses or []


async def _pages(
    api: Api, path: str, read: Callable[[Answer], list[_T]], size: int = _PAGE, full: int = _PAGE
) -> list[_T]:
    """Read a list page by page; one of less than `full` entries is the last.

    Raises:
        BackendError: it is longer than is read, so that a red check may be missing in it.

    """
    found: list[_T] = []
    for page in range(1, _MOST_PAGES + 1):
        answer = (await api.get(f"{path}per_page={size}&page={page}")).taken()
        part = read(answer)
        found += part
        if len(part) < full:
            return found
    raise BackendError(f"it has more than {len(found)} checks of this commit")


def _moment(text: str) -> int:
    """Return the UTC milliseconds of an ISO 8601 time; 0 for anything else."""
    try:
        moment = datetime.fromisoformat(text)
        return max(0, round(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000))
    except (ValueError, OverflowError, OSError):
        return 0
