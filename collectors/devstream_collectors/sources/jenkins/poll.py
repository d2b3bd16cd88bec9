"""Jenkins' API, asked: the builds of its jobs, with the keys of the Notification plugin.

A round costs one small request, the list of jobs with the number of each one's last build, and one
for each job with something new. Source: https://www.jenkins.io/doc/book/using/remote-access-api/
(`tree` and its ranges).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import partial
from hashlib import sha256
from urllib.parse import quote

import msgspec

from devstream_collectors.contract import Gap, Polled, Request, SourceInfo
from devstream_collectors.kit.decoding import Many, Needed, Part, Text, Whole, person
from devstream_collectors.kit.executor import mark_of
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.polling import Answer, Older, Poller, Step, ask, older
from devstream_collectors.kit.run import Run
from devstream_collectors.sources.jenkins.run import (
    branch_name,
    build_event,
    check_parameters,
    culprits,
    is_void,
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
MAX_AWAY = 4
"""Builds of a job on no page, each asked for by itself."""
_LEVELS = 5
"""Of folders in folders: an organisation, its repository and the branch are three."""
_ACTIONS = (
    "actions[causes[userName],parameters[name,value],lastBuiltRevision[SHA1,branch[name]],"
    "failCount,totalCount]"
)
_BUILD = (
    f"number,url,result,building,timestamp,duration,{_ACTIONS},"
    "changeSet[items[author[fullName]]],changeSets[items[author[fullName]]],culprits[fullName]"
)
PAGE = 20
"""Builds of an answer; Jenkins lists the newest 100 of a job."""


class _Number(msgspec.Struct, frozen=True):
    number: Needed[int] = 0
    timestamp: Whole = 0
    building: bool | None = False


class _Job(msgspec.Struct, frozen=True):
    kind: str | None = msgspec.field(default="", name="_class")
    full_name: str | None = msgspec.field(default="", name="fullName")
    last: _Number | None = msgspec.field(default=None, name="lastBuild")
    jobs: list[_Job] | None = None


class _Person(msgspec.Struct, frozen=True):
    full_name: Text = msgspec.field(default="", name="fullName")


class _Commit(msgspec.Struct, frozen=True):
    author: Part[_Person] = _Person()


class _Commits(msgspec.Struct, frozen=True):
    items: list[_Commit] | None = None


class _Cause(msgspec.Struct, frozen=True):
    user: Text = msgspec.field(default="", name="userName")


class _Branch(msgspec.Struct, frozen=True):
    name: Needed[str | None] = ""


class _Revision(msgspec.Struct, frozen=True):
    sha: str | None = msgspec.field(default="", name="SHA1")
    branch: list[_Branch] | None = None


class _Parameter(msgspec.Struct, frozen=True):
    name: Text = ""
    value: Text = ""


class _Action(msgspec.Struct, frozen=True):
    """The part of a build that one plugin tells."""

    causes: list[_Cause] | None = None
    parameters: Many[_Parameter] = []
    revision: _Revision | None = msgspec.field(default=None, name="lastBuiltRevision")
    failed: Whole = msgspec.field(default=0, name="failCount")
    total: Whole = msgspec.field(default=0, name="totalCount")


class _Build(msgspec.Struct, frozen=True):
    number: Needed[int] = 0
    url: str | None = ""
    result: str | None = ""
    building: bool | None = False
    timestamp: Whole = 0
    duration: Whole = 0
    actions: list[_Action | None] | None = None
    change_set: _Commits | None = msgspec.field(default=None, name="changeSet")
    change_sets: list[_Commits] | None = msgspec.field(default=None, name="changeSets")
    culprits: list[_Person] | None = None

    @property
    def over(self) -> bool:
        """True once it has ended."""
        return bool(self.result) and not self.building


class _Builds(msgspec.Struct, frozen=True):
    builds: Needed[list[_Build] | None] = None


class _Known(msgspec.Struct, frozen=True, array_like=True):
    """Of a job: the number of its newest build that was told, and of those under way."""

    newest: int = 0
    open: tuple[int, ...] = ()


class _Cursor(msgspec.Struct, frozen=True):
    jobs: dict[str, _Known] = {}
    """By the digest of the full name (`_key`); formerly by the name."""


_RECENT = 7 * 86_400_000
"""The time (ms) of the last build of a remade job."""
poller = Poller(_Cursor)
requests, parse = poller.requests, poller.parse


def _key(name: str) -> str:
    """Shorten a job's full name: a thousand long ones would be too much for a cursor."""
    return sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]


@poller.begin
def _begin(known: _Cursor, source: SourceInfo, now: int) -> Iterable[Request]:
    tree = fields = "fullName,lastBuild[number,timestamp,building]"
    for _ in range(_LEVELS - 1):
        tree = f"{fields},jobs[{tree}]"
    yield _ask("", f"jobs[{tree}]", Step("jobs"))


@poller.answer("jobs")
def _listed(answer: Answer[_Cursor]) -> Polled:
    known, first = answer.known.jobs, answer.first
    found = [pair for pair in _flat(answer.decode(_Job)) if _wanted(pair[0], answer.source)]
    if len(found) > MAX_JOBS:
        raise ValueError(
            f"there are {len(found)} jobs, more than {MAX_JOBS}; name those that count with --job"
        )
    jobs: dict[str, _Known] = {}
    asked: list[Request] = []
    # What happened last comes first: only so much is asked in one round.
    for job, multibranch in sorted(found, key=lambda pair: -(pair[0].last or _Number()).timestamp):
        name, last = job.full_name or "", job.last or _Number()
        key = _key(name)
        if first and len(asked) >= FIRST_JOBS:
            # Of these only what comes from here on is news.
            jobs[key] = _Known(last.number, (last.number,) if last.building else ())
            continue
        # At first contact only the last build is told; of a newer job all are.
        new = _Known(max(last.number - 1, 0) if first else 0)
        jobs[key] = known.get(key) or known.get(name, new)
        recent = answer.received - last.timestamp < _RECENT
        if 0 < last.number < jobs[key].newest and recent:
            # The job was made anew, and counts from one again.
            jobs[key] = _Known()
        if last.number > jobs[key].newest or jobs[key].open:
            state = "multibranch" if multibranch else ""
            asked.append(_builds_of(Step("builds", name, state=state)))
    return answer.polled(requests=asked[:MAX_ASKED], jobs=jobs)


@poller.answer("builds")
def _builds(answer: Answer[_Cursor]) -> Polled:
    known, key = answer.known.jobs, _key(answer.step.of)
    job = known.get(key, _Known())
    # The job is gone, or has another name.
    if not answer.ok:
        return answer.polled(jobs={**known, key: _Known(job.newest)})
    builds = sorted(answer.decode(_Builds).builds or [], key=lambda build: build.number)
    # What was known before the first page.
    mark = int(answer.step.old or job.newest)
    fresh = [
        build
        for build in builds
        if build.number > mark or (build.number in job.open and build.over)
    ]
    open_ = {
        build.number
        for build in builds
        if not build.over and (build.number > mark or build.number in job.open)
    }
    # Those of the pages so far, and one that is not on any page: newer ones may go round it.
    here = {build.number for build in builds}
    away = [number for number in job.open if number not in here]
    newest = max([job.newest, *here])
    makers = [partial(_event, build, answer.step, answer.place()) for build in fresh]
    more, gap = _older(answer, builds, mark)
    if not more:
        more = tuple(_build_of(answer.step, number) for number in away[-MAX_AWAY:])
    kept = _Known(newest, tuple(sorted(open_.union(away))[-MAX_OPEN:]))
    return answer.polled(makers, more, gap, jobs={**known, key: kept})


@poller.answer("build")
def _build(answer: Answer[_Cursor]) -> Polled:
    known, key = answer.known.jobs, _key(answer.step.of)
    job, build = known.get(key, _Known()), answer.decode_or(_Build())
    found = answer.ok and str(build.number) == answer.step.new
    if found and not build.over:
        return answer.polled()
    rest = tuple(number for number in job.open if str(number) != answer.step.new)
    makers = [partial(_event, build, answer.step, answer.place())] if found else []
    return answer.polled(makers, jobs={**known, key: _Known(job.newest, rest)})


def _older(answer: Answer[_Cursor], builds: list[_Build], mark: int) -> Older:
    """Ask for the builds before a page that is newer than `mark`."""
    oldest = builds[0] if builds else _Build()
    unread = max(0, oldest.number - mark - 1)
    what, all_new = f"builds of {answer.step.of}", 0 < mark < oldest.number
    full = len(builds) >= PAGE
    # The job keeps only so many builds: those before were thrown away.
    if all_new and not full and unread and not answer.first:
        return (), Gap(what, unread, until=oldest.timestamp)
    return older(
        answer,
        what=what,
        full=full,
        all_new=all_new and unread > 0,
        page=lambda step: _builds_of(msgspec.structs.replace(step, old=str(mark))),
        until=oldest.timestamp,
        unread=unread,
    )


def _event(build: _Build, step: Step, place: Place) -> Event:
    over, job = build.over, step.of
    state = state_of(build.result) if over else "running"
    actions = [action for action in build.actions or () if action is not None]
    parameters = {one.name: one.value for action in actions for one in action.parameters}
    check_parameters(parameters)
    revision = next((action.revision for action in actions if action.revision), _Revision())
    tests = next((action for action in actions if action.total), _Action())
    branches = [branch.name for branch in revision.branch or () if branch.name]
    sets = [build.change_set, *(build.change_sets or ())]
    authors = [commit.author for commits in sets if commits for commit in commits.items or ()]
    people = [one.full_name for one in build.culprits or authors]
    users = [cause.user for action in actions for cause in action.causes or ()]
    run = Run(
        pipeline=job,
        run=str(build.number),
        state=state,
        branch=branch_name(branches[0]) if branches else "",
        revision=revision.sha or "",
        actor=culprits(people) or person(*users),
        reason="not built" if over and is_void(build.result) else "",
        is_void=over and is_void(build.result),
        url=build.url or "",
        failed=tests.failed if over else 0,
        total=tests.total if over else 0,
        started=build.timestamp,
        changed=build.timestamp + (build.duration if over else 0),
        duration=build.duration,
        mark=mark_of(parameters.items()),
    )
    path = job_path(build.url) or tuple(job.split("/"))
    multibranch = step.state == "multibranch" or place.source.flag("multibranch")
    return build_event(run, path, place, multibranch=multibranch)


def _flat(root: _Job) -> Iterator[tuple[_Job, bool]]:
    """Walk the jobs that can have builds. The flag says that a job is of a multibranch project."""
    waiting = [(job, False) for job in reversed(root.jobs or ())]
    while waiting:
        job, multibranch = waiting.pop()
        if job.jobs is not None:
            branches = "MultiBranchProject" in (job.kind or "")
            waiting += [(one, branches) for one in reversed(job.jobs)]
        elif job.full_name:
            yield job, multibranch


def _wanted(job: _Job, source: SourceInfo) -> bool:
    patterns = source.many("job")
    return not patterns or any(fnmatchcase(job.full_name or "", pattern) for pattern in patterns)


def _builds_of(step: Step) -> Request:
    """Ask for builds of the job `step.of`: `step.count` is the number of the page."""
    begin = PAGE * (max(1, step.count) - 1)
    return _ask(_path(step.of), f"builds[{_BUILD}]{{{begin},{begin + PAGE}}}", step)


def _build_of(of: Step, number: int) -> Request:
    """Ask for one build of the job `of.of`."""
    step = Step("build", of.of, new=str(number), state=of.state)
    return _ask(f"{_path(of.of)}/{number}", _BUILD, step)


def _path(job: str) -> str:
    return "".join(f"/job/{quote(part, safe='')}" for part in job.split("/"))


def _ask(path: str, tree: str, step: Step) -> Request:
    # A job or a build may be gone by now.
    missing_ok = step.name != "jobs"
    return ask(f"{path}/api/json?tree={quote(tree)}", step, missing_ok=missing_ok)
