"""CloudEvents over HTTP, one by one or many at once: of what they carry, CDEvents make lines.

Sources:
https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/http-protocol-binding.md, its
JSON format, and the web hooks beside it. What to do with events of other types a team says by
rules: a source of type `generic` takes structured ones as plain JSON.
"""

from __future__ import annotations

from devstream_collectors.contract import Basic, Collector, SecretPath, Token, Webhook
from devstream_collectors.sources.cloudevents.webhook import normalise, sample
from devstream_desktop.stream.words import Kind

__all__ = ["COLLECTOR", "normalise", "sample"]

_SETUP = """\
Post CloudEvents 1.0 to the address of your receiver with the path that is printed behind it, \
structured, binary or in batches, as JSON. With --secret-file send its text as `Authorization: \
Bearer <text>`, or as user:password by Basic; without, the path is the secret. Senders that ask \
first (OPTIONS, WebHook-Request-Origin) are answered.
Types that make lines: CDEvents (dev.cdevents.*) 0.4 to 0.6: branch, build, change merged, \
incident, pipelinerun, service, testsuiterun, ticket. No CDEvent says which branch is the \
default: name those that count with --branch, or each that is made or deleted makes a line. For \
other types use `devstream source add generic` with rules."""

COLLECTOR = Collector(
    title="CloudEvents (structured, binary, batch), of which CDEvents make lines",
    setup=_SETUP,
    kinds=(Kind.CHANGE, Kind.BUILD, Kind.TEST, Kind.DEPLOY, Kind.INCIDENT, Kind.TICKET),
    webhook=Webhook(
        auth=(Token(), Basic(), SecretPath()), headers=("ce-*",), body="any", handshake=True
    ),
)
