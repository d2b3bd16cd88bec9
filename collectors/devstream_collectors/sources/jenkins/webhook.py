"""The notifications of Jenkins' Notification plugin."""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.kit.branches import sample_branch
from devstream_collectors.kit.decoding import Many, Needed, Part, Text, Texts, Time, Whole, decode
from devstream_collectors.kit.executor import mark_of
from devstream_collectors.kit.outcome import Dropped, tolerant
from devstream_collectors.kit.place import Place
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

_OVER = frozenset({"COMPLETED", "FINALIZED", "FINISHED"})
"""The ends of a build. Each tells the same fact, so a job that notifies of either makes its line.

`FINISHED` is of old plugins.
"""


class _Scm(msgspec.Struct, frozen=True):
    branch: Needed[str | None] = ""
    commit: str | None = ""
    culprits: Many[Text] = []


class _Tests(msgspec.Struct, frozen=True):
    total: Whole = 0
    failed: Whole = 0


class _Build(msgspec.Struct, frozen=True):
    full_url: str | None = ""
    url: str | None = ""
    number: Needed[int | None] = None
    phase: str | None = ""
    status: str | None = ""
    timestamp: Time = 0
    duration: Whole = 0
    scm: _Scm | None = None
    test_summary: Part[_Tests] = _Tests()
    notes: Text = ""
    parameters: Texts = {}


class _Notification(msgspec.Struct, frozen=True):
    name: str | None = ""
    display_name: str | None = ""
    url: str | None = ""
    build: _Build | None = None


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Event:
    """Read the event of one notification."""
    job = decode(delivery.body, _Notification, strict=False)
    build = job.build
    if build is None or build.number is None or not (job.name or build.full_url or build.url):
        raise Dropped("not-a-build")
    check_parameters(build.parameters)
    phase = (build.phase or "").upper()
    if phase in _OVER:
        state = state_of(build.status)
    elif phase == "STARTED":
        state = "running"
    else:
        # `QUEUED` is sent in the same moment as `STARTED`; `NONE` is a step of a pipeline that
        # notifies by itself.
        raise Dropped("build-queued" if phase == "QUEUED" else "phase-not-mapped", phase)
    scm, tests, over = build.scm or _Scm(), build.test_summary, state != "running"
    void = over and is_void(build.status)
    run = Run(
        pipeline=job.name or job.display_name or "",
        run=str(build.number),
        state=state,
        branch=branch_name(scm.branch),
        revision=scm.commit or "",
        actor=culprits(scm.culprits),
        reason="not built" if void else build.notes if over else "",
        is_void=void,
        url=build.full_url or "",
        failed=tests.failed if over else 0,
        total=tests.total if over else 0,
        started=build.timestamp - build.duration if over else build.timestamp,
        changed=build.timestamp,
        duration=build.duration,
        mark=mark_of(build.parameters.items()),
    )
    path = job_path(build.full_url or "/" + (build.url or job.url or ""))
    if not path and run.pipeline:
        path = (run.pipeline,)
    place = Place(source, delivery.received)
    return build_event(run, path, place, multibranch=source.flag("multibranch"))


def sample(source: SourceInfo, now: int) -> Delivery:
    """Make the finished build that a test of the source sends."""
    build = {
        "full_url": "https://jenkins.example.org/job/devstream-test/1/",
        "number": 1,
        "phase": "FINALIZED",
        "status": "SUCCESS",
        "scm": {"branch": f"origin/{sample_branch(source)}"},
    }
    body = {"name": "devstream-test", "url": "job/devstream-test/", "build": build}
    return Delivery({}, msgspec.json.encode(body), now)
