"""CircleCI: workflows become events, by its outbound webhooks or from its API.

Sources: https://circleci.com/docs/reference/outbound-webhooks-reference/ and, for the signature,
https://circleci.com/docs/guides/integration/outbound-webhooks/.
"""

from __future__ import annotations

import re

import msgspec

from devstream_collectors.before.branches import sample_branch
from devstream_collectors.before.outcome import Dropped, tolerant
from devstream_collectors.contract import (
    Collector,
    Delivery,
    Normalised,
    Option,
    Poll,
    SecretPath,
    SignatureScheme,
    SourceInfo,
    Token,
    Webhook,
)
from devstream_collectors.sources.circleci.events import workflow_event
from devstream_collectors.sources.circleci.payloads import Pipeline, Workflow
from devstream_collectors.sources.circleci.poll import parse, requests

__all__ = ["COLLECTOR", "check", "normalise", "parse", "requests", "sample"]

_SLUG = re.compile(r"[a-z-]+/[^/\s?#%]+/[^/\s?#%]+")
_EVENT = "circleci-event-type"
_SETUP = """\
Webhook: in the project's Settings, Webhooks, Add Webhook:
  Receiver URL    the address of your receiver with the path that is printed behind it; it needs a certificate that CircleCI trusts
  Events          Workflow Completed
  Secret token    the text in the file that you give with --secret-file
Polling, where CircleCI cannot reach this machine: --poll --project gh/OWNER/NAME (the project's slug, in its Settings, Overview) and
--token-file with a personal API token (User Settings, Personal API Tokens). CircleCI server: add --url https://HOST."""

COLLECTOR = Collector(
    title="CircleCI's webhooks, or its API polled",
    setup=_SETUP,
    webhook=Webhook(
        auth=(SignatureScheme(header="circleci-signature", form="pairs", label="v1"), SecretPath()),
        headers=(_EVENT,),
    ),
    options=(Option("project", "the project's slug, gh/OWNER/NAME, for polling", needed="poll"),),
    poll=Poll(
        url="https://circleci.com",
        auth=(Token(header="circle-token", prefix=""),),
        needs_token=True,
    ),
)


class _Project(msgspec.Struct, frozen=True):
    name: str | None = ""
    slug: str | None = ""


class _Payload(msgspec.Struct, frozen=True):
    type: str | None = ""
    happened_at: str | None = ""
    project: _Project | None = None
    workflow: Workflow | None = None
    pipeline: Pipeline | None = None


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Normalised:
    """The event of one delivery, or the name of why there is none."""
    payload = msgspec.json.decode(delivery.body, type=_Payload, strict=False)
    name = payload.type or delivery.headers.get(_EVENT, "")
    if name != "workflow-completed":
        reason = {"ping": "ping", "job-completed": "job-of-a-workflow"}.get(
            name, "event-not-mapped"
        )
        raise Dropped(reason, name)
    if payload.workflow is None:
        raise Dropped("not-a-run")
    workflow, project = payload.workflow, payload.project or _Project()
    if not workflow.stopped_at:
        workflow = msgspec.structs.replace(workflow, stopped_at=payload.happened_at)
    event = workflow_event(
        workflow,
        payload.pipeline or Pipeline(),
        source,
        project=project.name or (project.slug or "").rsplit("/", 1)[-1] or source.name,
        url=workflow.url or "",
        received=delivery.received,
    )
    return Normalised((event,))


def check(source: SourceInfo) -> None:
    """Whether the options make sense together.

    Raises:
        ValueError: the project is no slug.

    """
    slug = source.text("project")
    if slug and not _SLUG.fullmatch(slug):
        raise ValueError(
            f"project is a slug, gh/OWNER/NAME or circleci/ID/ID, as the project's Settings, Overview show it; {slug!r} is none"
        )


def sample(source: SourceInfo, now: int) -> Delivery:
    """A finished workflow as CircleCI posts it, on the first branch that counts."""
    body = {
        "type": "workflow-completed",
        "project": {"name": "devstream-test"},
        "workflow": {"id": "devstream-test", "name": "build", "status": "success"},
        "pipeline": {"number": 1, "vcs": {"branch": sample_branch(source)}},
    }
    return Delivery({_EVENT: "workflow-completed"}, msgspec.json.encode(body), now)
