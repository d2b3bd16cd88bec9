"""Jenkins: builds become events, as the Notification plugin posts them or as the API has them.

Sources: https://plugins.jenkins.io/notification/ (its JSON is what `Phase.java` and `model/` of
https://github.com/jenkinsci/notification-plugin write) and https://www.jenkins.io/doc/book/using/remote-access-api/.
"""

from __future__ import annotations

import msgspec

from devstream_collectors.before.branches import sample_branch
from devstream_collectors.before.decoding import milliseconds
from devstream_collectors.before.outcome import Dropped, tolerant
from devstream_collectors.before.run import Run
from devstream_collectors.contract import (
    Basic,
    Collector,
    Delivery,
    Normalised,
    Option,
    Poll,
    SecretPath,
    SourceInfo,
    Token,
    Webhook,
)
from devstream_collectors.sources.jenkins.events import (
    branch_name,
    build_event,
    culprits,
    job_path,
    state_of,
)
from devstream_collectors.sources.jenkins.poll import parse, requests

__all__ = ["COLLECTOR", "normalise", "parse", "requests", "sample"]

_SETUP = """\
Webhook, with the Notification plugin: in the job's configuration, Job Notifications, Add Endpoint:
  Format    JSON
  Protocol  HTTP
  Event     All Events (or Job Finalized: results only)
  URL       the address of your receiver with the path that is printed behind it. Without --secret-file the path is the secret: keep the
            URL as a secret text credential (URL Source, Secret). With one, write user:password@ into the URL and into the file.
A job of a multibranch project does not tell its branch: give --multibranch if the last part of your jobs' names is one.
Polling, without the plugin: --poll --url https://HOST and --token-file with USER:API-TOKEN (from the user's Security page; it needs to
read jobs). --job 'shop*' follows only jobs of that name; it may be given more than once."""

COLLECTOR = Collector(
    title="Jenkins' builds, posted by its Notification plugin, or its API polled",
    setup=_SETUP,
    options=(
        Option(
            "multibranch",
            "the last part of a job's name is its branch: the jobs are of multibranch projects",
            kind="flag",
        ),
        Option(
            "job",
            "a job to poll, with its folders, 'acme/shop*'; all of them when left out",
            kind="list",
        ),
    ),
    webhook=Webhook(auth=(Basic(), SecretPath())),
    poll=Poll(auth=(Token(), Basic())),
)


class _Scm(msgspec.Struct, frozen=True):
    branch: str | None = ""
    commit: str | None = ""
    culprits: list[str | None] | None = None


class _Tests(msgspec.Struct, frozen=True):
    total: int | None = 0
    failed: int | None = 0


class _Build(msgspec.Struct, frozen=True):
    full_url: str | None = ""
    url: str | None = ""
    number: int | None = None
    phase: str | None = ""
    status: str | None = ""
    timestamp: str | int | None = ""
    duration: int | None = 0
    scm: _Scm | None = None
    test_summary: _Tests | None = None
    notes: str | None = ""


class _Notification(msgspec.Struct, frozen=True):
    name: str | None = ""
    display_name: str | None = ""
    url: str | None = ""
    build: _Build | None = None


_OVER = frozenset({"COMPLETED", "FINALIZED", "FINISHED"})
"""Both ends of one build tell the same fact, so a job that is set to notify of either makes its line; `FINISHED` is of old plugins."""


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Normalised:
    """The event of one notification, or the name of why there is none."""
    job = msgspec.json.decode(delivery.body, type=_Notification, strict=False)
    build = job.build
    if build is None or build.number is None or not (job.name or build.full_url or build.url):
        raise Dropped("not-a-build")
    phase = (build.phase or "").upper()
    if phase in _OVER:
        state = state_of(build.status)
    elif phase == "STARTED":
        state = "running"
    else:
        # `QUEUED` is sent in the same moment as `STARTED`; `NONE` is a step of a pipeline that notifies by itself.
        raise Dropped("build-queued" if phase == "QUEUED" else "phase-not-mapped", phase)
    scm, tests, over = build.scm or _Scm(), build.test_summary or _Tests(), state != "running"
    stamp = build.timestamp if isinstance(build.timestamp, int) else milliseconds(build.timestamp)
    run = Run(
        pipeline=job.name or job.display_name or "",
        run=str(build.number),
        state=state,
        branch=branch_name(scm.branch),
        revision=scm.commit or "",
        actor=culprits(scm.culprits or []),
        reason=build.notes or "" if over else "",
        url=build.full_url or "",
        failed=max(tests.failed or 0, 0) if over else 0,
        total=max(tests.total or 0, 0) if over else 0,
        changed=max(stamp, 0),
        duration=max(build.duration or 0, 0),
    )
    path = job_path(build.full_url or "/" + (build.url or job.url or "")) or (
        (run.pipeline,) if run.pipeline else ()
    )
    event = build_event(
        run, path, source, multibranch=source.flag("multibranch"), received=delivery.received
    )
    return Normalised((event,))


def sample(source: SourceInfo, now: int) -> Delivery:
    """A finished build as the plugin posts it."""
    body = {
        "name": "devstream-test",
        "url": "job/devstream-test/",
        "build": {
            "full_url": "https://jenkins.example.org/job/devstream-test/1/",
            "number": 1,
            "phase": "FINALIZED",
            "status": "SUCCESS",
            "scm": {"branch": f"origin/{sample_branch(source)}"},
        },
    }
    return Delivery({}, msgspec.json.encode(body), now)
