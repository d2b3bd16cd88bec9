"""Jenkins' API, asked: the builds of its jobs, with the keys of the Notification plugin, for a Jenkins that posts nothing.

A round costs one small request, the list of jobs with the number of each one's last build, and one for each job with something new.
Source: https://www.jenkins.io/doc/book/using/remote-access-api/ (`tree` and its ranges).
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import partial
from urllib.parse import quote

import msgspec

from devstream_collectors.before.decoding import person
from devstream_collectors.before.polling import Step, ask, polled, step_of
from devstream_collectors.before.run import Run
from devstream_collectors.contract import Polled, Request, Response, SourceInfo
from devstream_collectors.sources.jenkins.events import (
    branch_name,
    build_event,
    culprits,
    job_path,
    state_of,
)
from devstream_desktop.stream.event import Event

MAX_JOBS = 1000
MAX_ASKED = 40
"""Jobs asked in one round; the others' news come with the next."""
FIRST_JOBS = 20
MAX_OPEN = 10
"""Builds of a job that are under way at once."""
_LEVELS = 5
"""Of folders in folders: an organisation, its repository and the branch are three."""
_BUILDS = (
    "builds[number,url,result,building,timestamp,duration,actions[causes[userName],lastBuiltRevision[SHA1,branch[name]],"
    "failCount,totalCount],changeSet[items[author[fullName]]],changeSets[items[author[fullName]]],culprits[fullName]]{0,20}"
)


class _Number(msgspec.Struct, frozen=True):
    number: int = 0
    timestamp: int | None = 0
    building: bool | None = False


class _Job(msgspec.Struct, frozen=True):
    kind: str | None = msgspec.field(default="", name="_class")
    full_name: str | None = msgspec.field(default="", name="fullName")
    last: _Number | None = msgspec.field(default=None, name="lastBuild")
    jobs: list[_Job] | None = None


class _Person(msgspec.Struct, frozen=True):
    full_name: str | None = msgspec.field(default="", name="fullName")


class _Commit(msgspec.Struct, frozen=True):
    author: _Person | None = None


class _Commits(msgspec.Struct, frozen=True):
    items: list[_Commit] | None = None


class _Cause(msgspec.Struct, frozen=True):
    user: str | None = msgspec.field(default="", name="userName")


class _Branch(msgspec.Struct, frozen=True):
    name: str | None = ""


class _Revision(msgspec.Struct, frozen=True):
    sha: str | None = msgspec.field(default="", name="SHA1")
    branch: list[_Branch] | None = None


class _Action(msgspec.Struct, frozen=True):
    """What plugins tell of a build, each a little."""

    causes: list[_Cause] | None = None
    revision: _Revision | None = msgspec.field(default=None, name="lastBuiltRevision")
    failed: int | None = msgspec.field(default=0, name="failCount")
    total: int | None = msgspec.field(default=0, name="totalCount")


class _Build(msgspec.Struct, frozen=True):
    number: int = 0
    url: str | None = ""
    result: str | None = ""
    building: bool | None = False
    timestamp: int | None = 0
    duration: int | None = 0
    actions: list[_Action | None] | None = None
    change_set: _Commits | None = msgspec.field(default=None, name="changeSet")
    change_sets: list[_Commits] | None = msgspec.field(default=None, name="changeSets")
    culprits: list[_Person] | None = None

    @property
    def over(self) -> bool:
        return bool(self.result) and not self.building


class _Builds(msgspec.Struct, frozen=True):
    builds: list[_Build] | None = None


class _Known(msgspec.Struct, frozen=True, array_like=True):
    """Of a job: the number of its newest build that was told, and those of the ones under way."""

    newest: int = 0
    open: tuple[int, ...] = ()


class _Cursor(msgspec.Struct, frozen=True):
    jobs: dict[str, _Known] = {}


_cursor = msgspec.json.Decoder(_Cursor)


def requests(cursor: bytes, source: SourceInfo, now: int) -> tuple[Request, ...]:
    """What a round begins with: which jobs there are, and how many builds each had."""
    del cursor, source, now
    tree = fields = "fullName,lastBuild[number,timestamp,building]"
    for _ in range(_LEVELS - 1):
        tree = f"{fields},jobs[{tree}]"
    return (_ask("", f"jobs[{tree}]", Step("jobs")),)


def parse(response: Response, cursor: bytes, source: SourceInfo) -> Polled:
    """What an answer comes to.

    Raises:
        ValueError: it is not what Jenkins answers, or there are too many jobs to follow.

    """
    known, step = _cursor.decode(cursor) if cursor else _Cursor(), step_of(response)
    if step.name == "jobs":
        return _jobs(msgspec.json.decode(response.body, type=_Job), known, source, first=not cursor)
    return _builds(step, response, known, source)


def _jobs(root: _Job, known: _Cursor, source: SourceInfo, *, first: bool) -> Polled:
    found = [(job, multibranch) for job, multibranch in _flat(root) if _wanted(job, source)]
    if len(found) > MAX_JOBS:
        raise ValueError(
            f"there are {len(found)} jobs, more than {MAX_JOBS}; name those that count with --job"
        )
    jobs: dict[str, _Known] = {}
    asked: list[Request] = []
    # What happened last comes first: only so much is asked in one round.
    for job, multibranch in sorted(
        found, key=lambda pair: -((pair[0].last or _Number()).timestamp or 0)
    ):
        name, last = job.full_name or "", job.last or _Number()
        if first and len(asked) >= FIRST_JOBS:
            # Of these only what comes from here on is news.
            jobs[name] = _Known(last.number, (last.number,) if last.building else ())
            continue
        jobs[name] = known.jobs.get(name, _Known(max(last.number - 1, 0) if first else 0))
        if last.number > jobs[name].newest or jobs[name].open:
            asked.append(_builds_of(name, multibranch=multibranch))
    return polled(_Cursor(jobs), requests=asked[:MAX_ASKED])


def _builds(step: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    job = known.jobs.get(step.of, _Known())
    if response.status != 200:
        return polled(_Cursor({**known.jobs, step.of: _Known(job.newest)}))
    builds = sorted(
        msgspec.json.decode(response.body, type=_Builds).builds or [],
        key=lambda build: build.number,
    )
    fresh = [
        build
        for build in builds
        if build.number > job.newest or (build.number in job.open and build.over)
    ]
    makers = [partial(_event, build, step, source, response.received) for build in fresh]
    open_ = tuple(
        build.number
        for build in builds
        if not build.over and (build.number > job.newest or build.number in job.open)
    )
    after = _Known(max([job.newest, *(build.number for build in builds)]), open_[-MAX_OPEN:])
    return polled(_Cursor({**known.jobs, step.of: after}), makers)


def _event(build: _Build, step: Step, source: SourceInfo, received: int) -> Event:
    state = state_of(build.result) if build.over else "running"
    actions = [action for action in build.actions or () if action is not None]
    revision = next((action.revision for action in actions if action.revision), _Revision())
    tests = next((action for action in actions if action.total), _Action())
    branches = [branch.name for branch in revision.branch or () if branch.name]
    sets = [build.change_set, *(build.change_sets or ())]
    authors = [commit.author for commits in sets if commits for commit in commits.items or ()]
    people = [one.full_name for one in (build.culprits or authors) if one]
    users = [cause.user for action in actions for cause in action.causes or ()]
    start, took = max(build.timestamp or 0, 0), max(build.duration or 0, 0)
    over = build.over
    run = Run(
        pipeline=step.of,
        run=str(build.number),
        state=state,
        branch=branch_name(branches[0]) if branches else "",
        revision=revision.sha or "",
        actor=culprits(people) or person(*users),
        url=build.url or "",
        failed=max(tests.failed or 0, 0) if over else 0,
        total=max(tests.total or 0, 0) if over else 0,
        changed=start + took if over else start,
        duration=took,
    )
    path = job_path(build.url) or tuple(step.of.split("/"))
    multibranch = step.state == "multibranch" or source.flag("multibranch")
    return build_event(run, path, source, multibranch=multibranch, received=received)


def _flat(job: _Job, *, multibranch: bool = False) -> Iterator[tuple[_Job, bool]]:
    """The jobs that can have builds, and whether each is a branch of a multibranch project."""
    for one in job.jobs or ():
        if one.jobs is not None:
            yield from _flat(one, multibranch="MultiBranchProject" in (one.kind or ""))
        elif one.full_name:
            yield one, multibranch


def _wanted(job: _Job, source: SourceInfo) -> bool:
    patterns = source.many("job")
    return not patterns or any(fnmatchcase(job.full_name or "", pattern) for pattern in patterns)


def _builds_of(name: str, *, multibranch: bool) -> Request:
    path = "".join(f"/job/{quote(part, safe='')}" for part in name.split("/"))
    return _ask(path, _BUILDS, Step("builds", name, state="multibranch" if multibranch else ""))


def _ask(path: str, tree: str, step: Step) -> Request:
    return ask(f"{path}/api/json?tree={quote(tree)}", step, missing_ok=step.name == "builds")
