"""Buildkite: builds become events, by its webhooks or from its REST API.

Sources: https://buildkite.com/docs/apis/webhooks/pipelines/build-events, https://buildkite.com/docs/apis/rest-api/builds and, for the
signature, https://buildkite.com/docs/apis/webhooks/pipelines#webhook-signature.
"""

from __future__ import annotations

import msgspec

from devstream_collectors.before.branches import sample_branch
from devstream_collectors.before.outcome import Dropped, tolerant
from devstream_collectors.contract import (
    Collector,
    Delivery,
    Normalised,
    Option,
    Poll,
    SignatureScheme,
    SourceInfo,
    Token,
    Webhook,
)
from devstream_collectors.sources.buildkite.events import build_event
from devstream_collectors.sources.buildkite.payloads import BuildBody, PipelineBody
from devstream_collectors.sources.buildkite.poll import parse, requests

__all__ = ["COLLECTOR", "normalise", "parse", "requests", "sample"]

_EVENT = "x-buildkite-event"
_SETUP = """\
Webhook: in the organisation's Settings, Notification Services, Add, Webhook:
  Webhook URL    the address of your receiver with the path that is printed behind it
  Token          the text in the file that you give with --secret-file, sent as an X-Buildkite-Signature
  Events         build.running, build.finished
Polling, where Buildkite cannot reach this machine: --poll --organization NAME and --token-file with an API access token that has the scope
read_builds (Personal Settings, API Access Tokens)."""

COLLECTOR = Collector(
    title="Buildkite's webhooks, or its API polled",
    setup=_SETUP,
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
        headers=(_EVENT,),
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


class _Payload(msgspec.Struct, frozen=True):
    event: str | None = ""
    build: BuildBody | None = None
    pipeline: PipelineBody | None = None


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Normalised:
    """The event of one delivery, or the name of why there is none."""
    payload = msgspec.json.decode(delivery.body, type=_Payload, strict=False)
    name = payload.event or delivery.headers.get(_EVENT, "")
    if not name.startswith("build."):
        raise Dropped(
            "ping"
            if name == "ping"
            else "job-of-a-build"
            if name.startswith("job.")
            else "event-not-mapped",
            name,
        )
    if payload.build is None:
        raise Dropped("not-a-build", name)
    # The build may be further on than the event that told of it, so its own state counts.
    return Normalised(
        (
            build_event(
                payload.build,
                payload.pipeline or payload.build.pipeline or PipelineBody(),
                source,
                delivery.received,
            ),
        )
    )


def sample(source: SourceInfo, now: int) -> Delivery:
    """A finished build as Buildkite posts it, on the first branch that counts."""
    body = {
        "event": "build.finished",
        "build": {"number": 1, "state": "passed", "branch": sample_branch(source)},
        "pipeline": {
            "name": "devstream-test",
            "slug": "devstream-test",
            "default_branch": sample_branch(source),
        },
    }
    return Delivery({_EVENT: "build.finished"}, msgspec.json.encode(body), now)
