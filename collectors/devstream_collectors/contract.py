"""What a collector module is given and gives back: plain values, so that real payloads test it without a server.

A collector is a module found by the entry point group `devstream.collectors`; the entry point's name is the source's `type`.
It has `COLLECTOR`, which declares what it is, and the functions of the ways it declares: `normalise` and `sample` for webhooks,
`requests` and `parse` for polling, `read` for a file's lines. It imports `devstream_desktop.stream` and this package, and does no I/O: no
clock, no network, no file. `collectors/README.md` shows how to write one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from devstream_desktop.stream.event import Event

__all__ = [
    "Basic",
    "Collector",
    "Delivery",
    "Normalised",
    "Option",
    "Poll",
    "PollCollector",
    "Polled",
    "Request",
    "Response",
    "SecretPath",
    "SignatureScheme",
    "SourceInfo",
    "Tail",
    "TailCollector",
    "Token",
    "Webhook",
    "WebhookCollector",
]


@dataclass(frozen=True)
class SignatureScheme:
    """How a sender signs: one verifier serves them all.

    `signed` is what goes under the HMAC: `{body}`, and `{timestamp}` and `{id}` where the sender signs those too.
    """

    header: str
    algorithm: Literal["sha1", "sha224", "sha256", "sha384", "sha512"] = "sha256"
    """`sha1` only for senders that know no other; as an HMAC it still stands."""
    encoding: Literal["hex", "base64"] = "hex"
    form: Literal["bare", "prefix", "pairs", "words"] = "prefix"
    """`bare`: the digest alone. `prefix`: `<label>=<digest>`. `pairs`: `v1=a,v1=b`, any may match. `words`: `v1,a v1,b`, any may match."""
    label: str = "sha256"
    signed: str = "{body}"
    over: Literal["raw", "payload"] = "raw"
    """`payload`: of a form, the signature is over its field `payload` (Gitea), not over the bytes that came."""
    key: Literal["text", "whsec"] = "text"
    """`whsec`: the secret is base64, with or without `whsec_` in front (Standard Webhooks)."""
    timestamp_header: str = ""
    timestamp_label: str = ""
    """Of form `pairs`: the timestamp is in the same header, under this label (Buildkite)."""
    timestamp_field: str = ""
    """The timestamp is this top-level field of the signed JSON, a number (Linear)."""
    id_header: str = ""
    tolerance: int = 300
    """Seconds that a timestamp may be off; it may be in seconds or milliseconds."""


@dataclass(frozen=True)
class Token:
    """The secret itself, in a header: `X-Gitlab-Token: s3cret`, `Authorization: Bearer s3cret`."""

    header: str = "authorization"
    prefix: str = "Bearer "


@dataclass(frozen=True)
class Basic:
    """HTTP Basic: the secret is `user:password`."""

    header: str = "authorization"


@dataclass(frozen=True)
class SecretPath:
    """The sender can send no secret, so a long one is in the path: `/in/<source>/<secret>`, made by us and never logged."""


OptionValue = str | int | bool | tuple[str, ...]


@dataclass(frozen=True)
class Option:
    """One setting of a source beyond those that all have: `name = ...` in `sources.toml`, `--name` of `source add TYPE`."""

    name: str
    """Of a to z and `_`; on the command line `_` is `-`."""
    help: str
    """One line for a person: what it is, an example, and what it is when it is left out."""
    kind: Literal["text", "whole", "flag", "list", "file"] = "text"
    """`list` may be given more than once. `file` is a path; the collector is given the file's text."""
    needed: Literal["", "always", "webhook", "poll"] = ""
    """For which way the source must have it; empty: it may be left out."""


@dataclass(frozen=True)
class Webhook:
    """How a sender posts to us."""

    auth: tuple[SignatureScheme | Token | Basic | SecretPath, ...]
    """How it can prove itself; any one of these is enough."""
    headers: tuple[str, ...] = ()
    """The headers that `normalise` reads, lower case; `ce-*` stands for all that begin so. `content-type` is always there."""
    delivery_header: str = ""
    """The header that is the same on a redelivery, for the replay cache (lower case); empty when there is none."""
    body: Literal["json", "any"] = "json"
    """`json`: anything else is answered 400, and a form's field `payload` is taken for the body. `any`: the bytes as they came."""
    handshake: bool = False
    """The sender first asks with OPTIONS (https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md)."""


@dataclass(frozen=True)
class Poll:
    """How a service is asked."""

    url: str = ""
    """The address that requests begin with when the source has no `url`; empty: the source must have one."""
    auth: tuple[Token | Basic, ...] = (Token(),)
    """How the token is sent. Of two, `Basic` is for a token with a colon in it (`user:token`)."""
    needs_token: bool = False
    """Nothing can be read without a token."""
    interval: int = 30
    """Seconds between two rounds when the source says nothing else."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with each request."""
    expiry_header: str = ""
    """The header of an answer that says when the token ends (lower case)."""


@dataclass(frozen=True)
class Tail:
    """A file on the collector's own machine is followed, as its option `path` names it."""

    interval: int = 1
    """Seconds between two looks when the source says nothing else."""


@dataclass(frozen=True)
class Collector:
    """What a module says of itself: the module's `COLLECTOR`."""

    title: str
    """One line for the list of types."""
    setup: str
    """What `source add TYPE --help` prints below the options: where to click in the sender's settings, and what to paste there."""
    options: tuple[Option, ...] = ()
    webhook: Webhook | None = None
    poll: Poll | None = None
    tail: Tail | None = None


@dataclass(frozen=True)
class SourceInfo:
    """What the team configured for a source. Without `branches` the default branch counts, without `service` the sender's own name."""

    name: str
    branches: tuple[str, ...] = ()
    service: str = ""
    environment: str = ""
    """For what a delivery says nothing of its environment."""
    url: str = ""
    """The service's address without a slash at the end: the source's own, else the collector's."""
    options: Mapping[str, OptionValue] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """The option of that name, empty when it is not set; of a `file` option the file's text."""
        value = self.options.get(name, "")
        return value if isinstance(value, str) else ""

    def whole(self, name: str) -> int:
        """The whole number of that name, 0 when it is not set."""
        value = self.options.get(name, 0)
        return value if isinstance(value, int) else 0

    def flag(self, name: str) -> bool:
        """Whether the option of that name is set and true."""
        return self.options.get(name) is True

    def many(self, name: str) -> tuple[str, ...]:
        """The values of the `list` option of that name."""
        value = self.options.get(name, ())
        return value if isinstance(value, tuple) else ()


@dataclass(frozen=True)
class Delivery:
    """One authentic webhook delivery. Header names are lower case; `received` is UTC milliseconds."""

    headers: Mapping[str, str]
    body: bytes
    received: int


@dataclass(frozen=True)
class Normalised:
    """What became of a delivery: events, or the name of the reason why there is none."""

    events: tuple[Event, ...] = ()
    dropped: str = ""
    """A short fixed name that is counted: `ping`, `not-a-global-branch`. Never text from outside."""
    detail: str = ""
    """For a person who asks why."""


@dataclass(frozen=True)
class Request:
    """One thing to ask. It is sent with the source's token; the first of a chain also with the ETag of its last answer."""

    path: str
    """`/repos/acme/shop/actions/runs?per_page=20`: put behind the source's address. A whole URL (a `next` link) must have its origin."""
    tag: str = ""
    """For `parse`, to know what is answered."""
    method: Literal["GET", "POST"] = "GET"
    body: bytes = b""
    """JSON, of a POST (a search, GraphQL); such a request may not change anything."""
    accept: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of this request alone, beside `Poll.headers` (a page by `Range`)."""
    missing_ok: bool = False
    """404 and 410 are answers too: `parse` sees their status. Otherwise only 200 to 299 reach it."""


@dataclass(frozen=True)
class Response:
    """The answer to a request. Header names are lower case; `received` is UTC milliseconds."""

    request: Request
    status: int
    headers: Mapping[str, str]
    body: bytes
    received: int


@dataclass(frozen=True)
class Polled:
    """What an answer comes to: events, where to go on next time, and what to ask right now.

    A first request and all that follows from it are one chain. The cursor at its end is kept when every answer of the chain was
    good and its events are in the stream; else the next round begins where this one did, and the keys absorb what is said twice.
    """

    events: tuple[Event, ...] = ()
    cursor: bytes = b""
    """Opaque to all but the collector; at most 64 KiB, never empty. For the next `parse` of this round and the next round's `requests`."""
    requests: tuple[Request, ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)
    """Why facts made no line, by short fixed names as in `Normalised`, and how often."""


class CollectorModule(Protocol):
    """What every collector module has.

    A module whose options can be wrong in ways that their kinds do not tell also has `check(source: SourceInfo) -> None`, which raises
    `ValueError` with a sentence: it is asked when a source is added and when it starts.
    """

    COLLECTOR: Collector


class WebhookCollector(CollectorModule, Protocol):
    """The shape of a collector module that takes in webhooks (`COLLECTOR.webhook` is set)."""

    def normalise(self, delivery: Delivery, source: SourceInfo) -> Normalised:
        """The events of a delivery. Never raises for what a sender can put into it."""
        ...

    def sample(self, source: SourceInfo, now: int) -> Delivery:
        """A harmless delivery for `devstream source test`: what it becomes is marked as a test and quiet."""
        ...


class PollCollector(CollectorModule, Protocol):
    """The shape of a collector module that polls (`COLLECTOR.poll` is set)."""

    def requests(self, cursor: bytes, source: SourceInfo, now: int) -> tuple[Request, ...]:
        """What a round begins with. `cursor` is empty at first contact; `now` is UTC milliseconds."""
        ...

    def parse(self, response: Response, cursor: bytes, source: SourceInfo) -> Polled:
        """What an answer comes to. At first contact (see `requests`) its events are stored quietly, the newest 20 of them.

        Raises:
            ValueError: the answer is not what the service should say; the chain counts as failed, and `status` shows the message.

        """
        ...


class TailCollector(CollectorModule, Protocol):
    """The shape of a collector module that reads a file's lines (`COLLECTOR.tail` is set)."""

    def read(self, lines: tuple[str, ...], cursor: bytes, source: SourceInfo, now: int) -> Polled:
        """What new lines come to, in order, without their ends; none when time passed without any, which may be news as well.

        At first contact (`cursor` is empty) there are no lines: what is in the file by then is no news. Called with the same lines and
        cursor again, at another time, it gives events with the same keys. `now` is UTC milliseconds.
        """
        ...
