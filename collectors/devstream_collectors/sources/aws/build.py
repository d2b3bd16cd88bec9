"""Runs of CodePipeline and CodeBuild, by their EventBridge events.

https://docs.aws.amazon.com/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html
and https://docs.aws.amazon.com/codebuild/latest/userguide/sample-build-notifications.html
"""

from __future__ import annotations

import re

import msgspec

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.branches import USUAL_BRANCHES
from devstream_collectors.kit.decoding import Id, Many, Part, Text
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.run import Run, run_event
from devstream_collectors.sources.aws.bridge import Bridge
from devstream_desktop.stream.event import Event

_PIPELINE = {"SUCCEEDED": "succeeded", "FAILED": "failed", "STOPPED": "cancelled"} | dict.fromkeys(
    ("CANCELED", "SUPERSEDED"), "cancelled"
)
_BUILD = {
    "SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "FAULT": "errored",
    "TIMED_OUT": "errored",
    "STOPPED": "cancelled",
}
_REVISION = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REQUEST = re.compile(r"(?:pr/|refs/pull/|refs/merge-requests/)\d+")


class Trigger(msgspec.Struct, frozen=True):
    """The start of a pipeline."""

    detail: Text = msgspec.field(default="", name="trigger-detail")
    author: Text = msgspec.field(default="", name="author-display-name")
    branch: Text = msgspec.field(default="", name="branch-name")
    commit: Text = msgspec.field(default="", name="commit-id")


class Pipeline(msgspec.Struct, frozen=True):
    """An execution of a pipeline."""

    pipeline: Id
    execution: Id = msgspec.field(name="execution-id")
    state: str | None = ""
    attempt: Text = msgspec.field(default="1", name="pipeline-execution-attempt")
    trigger: Part[Trigger] = msgspec.field(default=Trigger(), name="execution-trigger")


class Logs(msgspec.Struct, frozen=True):
    """A build's log."""

    link: Text = msgspec.field(default="", name="deep-link")


class Phase(msgspec.Struct, frozen=True):
    """A part of a build."""

    type: Text = msgspec.field(default="", name="phase-type")
    status: Text = msgspec.field(default="", name="phase-status")
    context: Many[str] = msgspec.field(default=[], name="phase-context")


class Information(msgspec.Struct, frozen=True):
    """More of a build."""

    number: Text = msgspec.field(default="", name="build-number")
    initiator: Text = ""
    version: Text = msgspec.field(default="", name="source-version")
    logs: Part[Logs] = Logs()
    phases: Many[Phase] = []


class Project(msgspec.Struct, frozen=True):
    """A build of a project."""

    name: Id = msgspec.field(name="project-name")
    build: Id = msgspec.field(name="build-id")
    status: str | None = msgspec.field(default="", name="build-status")
    information: Part[Information] = msgspec.field(
        default=Information(), name="additional-information"
    )


def pipeline(event: Bridge, source: SourceInfo, received: int) -> Event:
    """Make the event of a pipeline's execution.

    Raises:
        Dropped: it is not over.

    """
    read = event.read(Pipeline)
    state = _PIPELINE.get(read.state or "")
    if state is None:
        raise Dropped("build-not-finished", read.state or "")
    page = f"codesuite/codepipeline/pipelines/{read.pipeline}/executions/{read.execution}/timeline"
    run = Run(
        pipeline=read.pipeline,
        run=read.execution,
        state=state,
        attempt=read.attempt or "1",
        branch=read.trigger.branch,
        revision=read.trigger.commit,
        actor=read.trigger.author or _who(read.trigger.detail),
        url=event.console(page),
        changed=event.time,
        row_by_branch=False,
    )
    return run_event(run, event.place(source, received, read.pipeline, USUAL_BRANCHES))


def project(event: Bridge, source: SourceInfo, received: int) -> Event:
    """Make the event of a build.

    Raises:
        Dropped: it is not over, or a pull request's.

    """
    read = event.read(Project)
    state = _BUILD.get(read.status or "")
    if state is None:
        raise Dropped("build-not-finished", read.status or "")
    more = read.information
    if _REQUEST.match(more.version):
        raise Dropped("pull-request", more.version)
    is_commit = _REVISION.fullmatch(more.version) is not None
    # Of a pipeline's build the version is an object in S3.
    is_branch = not is_commit and not more.version.startswith("arn:")
    run = Run(
        pipeline=read.name,
        run=more.number.partition(".")[0] or read.build.rpartition(":")[2],
        state=state,
        # Build numbers begin again when a project is made again; its builds' ids do not.
        attempt=read.build,
        branch=more.version if is_branch else "",
        revision=more.version if is_commit else "",
        actor=_who(more.initiator),
        reason=_failed(more.phases),
        url=more.logs.link,
        changed=event.time,
    )
    return run_event(run, event.place(source, received, read.name, USUAL_BRANCHES))


def _failed(phases: list[Phase]) -> str:
    for phase in phases:
        if phase.status not in ("", "SUCCEEDED"):
            said = next((text for text in phase.context if text.strip(": ")), "")
            return f"{phase.type.lower()}: {said}" if said else phase.type.lower()
    return ""


def _who(text: str) -> str:
    """Take a person out of an ARN or an initiator; a service is none."""
    if text.startswith(("codepipeline/", "rule/", "GitHub-Hookshot", "Bitbucket-")):
        return ""
    if text.startswith("arn:") and ":user/" not in text and ":assumed-role/" not in text:
        return ""
    return text.rpartition("/")[2] if text.startswith(("arn:", "user/")) else text.partition("/")[0]
