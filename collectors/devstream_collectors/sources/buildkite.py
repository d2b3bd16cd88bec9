"""Buildkite: builds, by its webhooks or from its REST API.

Sources: https://buildkite.com/docs/apis/webhooks/pipelines/build-events,
https://buildkite.com/docs/apis/rest-api/builds#build-data-model and, for the signature,
https://buildkite.com/docs/apis/webhooks/pipelines#webhook-signature. Any field may be missing or
null.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from urllib.parse import quote

import msgspec

from devstream_collectors.contract import (
    Collector,
    Delivery,
    Option,
    Poll,
    Polled,
    Request,
    SignatureScheme,
    SourceInfo,
    Token,
    Webhook,
)
from devstream_collectors.kit.branches import defaults, is_global, sample_branch
from devstream_collectors.kit.decoding import (
    Needed,
    Part,
    Text,
    Time,
    decode,
    milliseconds,
    person,
    sha,
)
from devstream_collectors.kit.outcome import Dropped, tolerant
from devstream_collectors.kit.place import Place, page_scope, remote_scope
from devstream_collectors.kit.polling import (
    PER_PAGE,
    Answer,
    Poller,
    Step,
    ask,
    older,
    remembered,
    under_way,
    without,
)
from devstream_collectors.kit.run import UNDER_WAY, Run, run_event
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.words import Kind

EVENT = "x-buildkite-event"
_SETUP = """\
Webhook: in the organisation's Settings, Notification Services, Add, Webhook:
  Webhook URL    the address of your receiver with the path that is printed behind it
  Token          the text in the file that you give with --secret-file, sent as an \
X-Buildkite-Signature
  Events         build.running, build.finished
Polling, where Buildkite cannot reach this machine: --poll --organization NAME and --token-file \
with an API access token that has the scope read_builds (Personal Settings, API Access Tokens)."""

COLLECTOR = Collector(
    title="Buildkite's webhooks, or its API polled",
    setup=_SETUP,
    kinds=(Kind.BUILD, Kind.TEST),
    webhook=Webhook(
        auth=(
            SignatureScheme(
                header="x-buildkite-signature",
                form="pairs",
                label="signature",
                timestamp_label="timestamp",
                signed="{timestamp}.{body}",
            ),
            Token(header="x-buildkite-token", prefix=""),
        ),
        headers=(EVENT,),
    ),
    options=(
        Option(
            "organization", "the organisation's name in its address, for polling", needed="poll"
        ),
        Option(
            "pipeline",
            "the only pipeline to poll, by its name in its address; all of them when left out",
        ),
    ),
    poll=Poll(url="https://api.buildkite.com/v2", needs_token=True),
)
_STATES = {
    "scheduled": "queued",
    "running": "running",
    "failing": "running",
    "passed": "succeeded",
    "failed": "failed",
    "timed_out": "errored",
    "canceled": "cancelled",
    "skipped": "cancelled",
    "not_run": "cancelled",
}
"""States that are news: https://buildkite.com/docs/pipelines/configure/notify#build-states"""
_VOID = {"skipped": "skipped", "not_run": "not run"}
"""States without a result, and their words."""


class _User(msgspec.Struct, frozen=True):
    name: Text = ""
    username: Text = ""


class _PullRequest(msgspec.Struct, frozen=True):
    """Of a branch build an empty object."""

    id: str | int | None = None


class _Pipeline(msgspec.Struct, frozen=True):
    """The pipeline of a build."""

    id: str | None = ""
    name: str | None = ""
    slug: str | None = ""
    web_url: str | None = ""
    repository: str | None = ""
    default_branch: str | None = ""


class _Build(msgspec.Struct, frozen=True):
    """A build, without its jobs."""

    id: str | None = ""
    number: Needed[int | None] = None
    state: str | None = ""
    blocked: bool | None = False
    web_url: str | None = ""
    branch: Needed[str | None] = ""
    tag: str | None = ""
    commit: str | None = ""
    message: Text = ""
    cancel_reason: Text = ""
    creator: Part[_User] = _User()
    author: Part[_User] = _User()
    created_at: Time = 0
    scheduled_at: Time = 0
    started_at: Time = 0
    finished_at: str | None = ""
    pull_request: _PullRequest | None = None
    pipeline: _Pipeline | None = None

    @property
    def key(self) -> str:
        """The pipeline and number that tell it from others, for a cursor."""
        return f"{(self.pipeline or _Pipeline()).slug or ''}/{self.number}"[:120]

    @property
    def mark(self) -> str:
        """The state of it, for a cursor; when it is over, with the time of its end."""
        state = _STATES.get(self.state or "", self.state or "")
        return state if state in UNDER_WAY else f"{state} {self.finished_at}"[:60]


class _Payload(msgspec.Struct, frozen=True):
    event: str | None = ""
    build: _Build | None = None
    pipeline: _Pipeline | None = None


class _Cursor(msgspec.Struct, frozen=True):
    runs: dict[str, str] = {}
    """The builds last seen, with their state and end."""


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Event:
    """Read the event of one delivery."""
    said = decode(delivery.body, _Payload, strict=False)
    name = said.event or delivery.headers.get(EVENT, "")
    if not name.startswith("build."):
        of_job = "job-of-a-build" if name.startswith("job.") else "event-not-mapped"
        raise Dropped("ping" if name == "ping" else of_job, name)
    build = said.build
    if build is None:
        raise Dropped("not-a-build", name)
    if said.pipeline is not None:
        build = msgspec.structs.replace(build, pipeline=said.pipeline)
    # The build may be further on than the event that told of it, so its own state counts.
    return _build_event(build, source, delivery.received)


def sample(source: SourceInfo, now: int) -> Delivery:
    """Make the finished build of a test, on a branch that counts."""
    branch = sample_branch(source)
    pipeline = {"name": "devstream-test", "slug": "devstream-test", "default_branch": branch}
    body = {
        "event": "build.finished",
        "build": {"number": 1, "state": "passed", "branch": branch},
        "pipeline": pipeline,
    }
    return Delivery({EVENT: "build.finished"}, msgspec.json.encode(body), now)


def _build_event(build: _Build, source: SourceInfo, received: int) -> Event:
    said, pipeline = build.state or "", build.pipeline or _Pipeline()
    state = _STATES.get(said)
    if state is None:
        raise Dropped("build-blocked" if said == "blocked" else "state-not-mapped", said)
    if build.number is None and not build.id:
        raise Dropped("not-a-build")
    request = build.pull_request.id if build.pull_request else None
    if request not in (None, "", False):
        # A fork's branch may be called as ours.
        raise Dropped("run-of-a-pull-request", str(request))
    # A tag counts when the team names it, as a branch does.
    if build.tag and not is_global(build.tag, source.branches):
        raise Dropped("not-a-branch", build.tag)
    slug, users = pipeline.slug or "", (build.author, build.creator)
    changed = {
        "queued": build.scheduled_at or build.created_at,
        "running": build.started_at,
    }.get(state) or milliseconds(build.finished_at)
    run = Run(
        pipeline=pipeline.name or slug or "build",
        pipeline_id=slug or pipeline.id or "",
        run=str(build.number) if build.number is not None else build.id or "",
        order=build.number or 0,
        # A build that was unblocked or whose job was tried again ends a second time, under the same
        # number.
        attempt=str(changed) if state not in UNDER_WAY else "",
        state=state,
        branch=build.tag or build.branch or "",
        revision=sha(build.commit) if (build.commit or "").upper() != "HEAD" else "",
        actor=person(*(name for user in users for name in (user.name, user.username))),
        reason=_VOID.get(said) or _reason(build, state),
        is_void=said in _VOID,
        url=build.web_url or "",
        started=build.started_at,
        changed=changed,
    )
    page = page_scope(build.web_url).rpartition("/builds/")[0] or page_scope(pipeline.web_url)
    repository = remote_scope(pipeline.repository or "").rsplit("/", 1)[-1]
    place = Place(
        source=source,
        received=received,
        scope=page or f"buildkite/{source.name}/{slug}",
        service=repository or slug or pipeline.name or "",
        default_branches=defaults(pipeline.default_branch),
    )
    return run_event(run, place)


def _reason(build: _Build, state: str) -> str:
    if state == "cancelled" and build.cancel_reason:
        return build.cancel_reason
    if build.blocked and state not in UNDER_WAY:
        return "waits to be unblocked"
    return build.message


poller = Poller(_Cursor)
requests, parse = poller.requests, poller.parse


@poller.begin
def _begin(known: _Cursor, source: SourceInfo, now: int) -> Iterable[Request]:
    yield _page(source, Step("builds", count=1))
    # Those under way that have left that page.
    for key in under_way(known.runs):
        pipeline, _, number = key.rpartition("/")
        builds = f"{_organization(source)}/pipelines/{quote(pipeline, safe='')}/builds"
        path = f"{builds}/{quote(number, safe='')}"
        yield ask(path, Step("build", key), missing_ok=True, exclude_jobs="true")


@poller.answer("builds")
def _builds(answer: Answer[_Cursor]) -> Polled:
    builds = answer.decode(list[_Build])
    known = answer.known.runs
    more, gap = older(
        answer,
        what="builds",
        full=len(builds) >= PER_PAGE,
        all_new=bool(builds) and builds[-1].key not in known,
        page=lambda step: _page(answer.source, step),
        until=builds[-1].created_at if builds else 0,
    )
    return replace(_told(answer, builds, remembered(known, {})), requests=more, gap=gap)


@poller.answer("build")
def _build(answer: Answer[_Cursor]) -> Polled:
    known = answer.known.runs
    if not answer.ok:
        return answer.polled(runs=without(known, answer.step.of))
    return _told(answer, [answer.decode(_Build)], known)


def _told(
    answer: Answer[_Cursor],
    builds: list[_Build],
    kept: Mapping[str, str],
) -> Polled:
    """Tell the builds in a new state, the oldest first."""
    known, source = answer.known.runs, answer.source
    fresh = [build for build in reversed(builds) if known.get(build.key) != build.mark]
    makers = [partial(_build_event, build, source, answer.received) for build in fresh]
    now = {build.key: build.mark for build in builds}
    return answer.polled(makers, runs={**kept, **now})


def _page(source: SourceInfo, step: Step) -> Request:
    """Ask for a page of builds: `step.count` is its number."""
    pipeline = source.text("pipeline")
    only = f"/pipelines/{quote(pipeline, safe='')}" if pipeline else ""
    query = {"exclude_jobs": "true", "per_page": PER_PAGE, "page": step.count}
    path = f"{_organization(source)}{only}/builds"
    return ask(path, step, query=query)


def _organization(source: SourceInfo) -> str:
    return f"/organizations/{quote(source.text('organization'), safe='')}"
