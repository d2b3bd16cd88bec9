"""The contract of a collector module: plain values, so that payloads test it without a server.

A collector is a module found by the entry point group `devstream.collectors`; the entry point's
name is the source's `type`. It has `COLLECTOR`, which declares what it is, and the functions of the
ways it declares: `normalise` and `sample` for webhooks, `requests` and `parse` for polling, `read`
for a file's lines. It imports `devstream_desktop.stream` and this package, and does no I/O: no
clock, no network, no file. `collectors/README.md` shows how to write one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from devstream_desktop.stream.event import Event
from devstream_desktop.stream.words import Kind

OptionValue = str | int | bool | tuple[str, ...]


@dataclass(frozen=True)
class SignatureScheme:
    """A sender's way to sign: one verifier serves them all.

    What is declared is fixed: nothing in a request chooses an algorithm or a way.
    """

    header: str
    algorithm: Literal["sha1", "sha224", "sha256", "sha384", "sha512"] = "sha256"
    """`sha1` only for senders that know no other; as an HMAC it still stands."""
    encoding: Literal["hex", "base64"] = "hex"
    form: Literal["bare", "prefix", "pairs", "words"] = "prefix"
    """The form of the header; of `pairs` and `words` any digest may match.

    `bare`: the digest alone. `prefix`: `<label>=<digest>`. `pairs`: `v1=a,v1=b`. `words`: `v1,a
    v1,b`.
    """
    label: str = "sha256"
    signed: str = "{body}"
    """The text under the HMAC; it may have `{timestamp}` and `{id}` too."""
    over: Literal["raw", "payload"] = "raw"
    """`payload`: of a form, its field `payload` is signed (Gitea), not the bytes that came."""
    key: Literal["text", "whsec"] = "text"
    """`whsec`: the secret is base64, with or without `whsec_` in front (Standard Webhooks)."""
    timestamp_header: str = ""
    timestamp_label: str = ""
    """Of form `pairs`: the timestamp is in the same header, under this label (Buildkite)."""
    timestamp_field: str = ""
    """The top-level field of the signed JSON that is the timestamp (Linear)."""
    id_header: str = ""
    tolerance: int = 300
    """Seconds that a timestamp may be off; it may be in seconds or milliseconds."""


@dataclass(frozen=True)
class Token:
    """The secret in a header: `X-Gitlab-Token: s3cret`, `Authorization: Bearer s3cret`."""

    header: str = "authorization"
    prefix: str = "Bearer "


@dataclass(frozen=True)
class Basic:
    """HTTP Basic: the secret is `user:password`."""

    header: str = "authorization"


@dataclass(frozen=True)
class SecretPath:
    """A long secret in the path, `/in/<source>/<secret>`. It is for a sender that can send none.

    We make it, and never log it.
    """


@dataclass(frozen=True)
class Option:
    """A setting beyond those that all sources have.

    It is `options.name = ...` in `sources.toml` and `--name` of `source add TYPE`.
    """

    name: str
    """Of a to z and `_`; on the command line `_` is `-`."""
    help: str
    """One line for a person: what it is, an example, and what it is when it is left out."""
    kind: Literal["text", "whole", "flag", "list", "file"] = "text"
    """`list` may be given more than once. `file` is a path; the collector gets the file's text."""
    needed: Literal["", "always", "webhook", "poll"] = ""
    """For which way the source must have it; empty: it may be left out."""


@dataclass(frozen=True)
class Certified:
    """Bodies signed by a certificate that they name (AWS SNS).

    Both are regular expressions that a whole address must match, so that a sender cannot choose
    whose certificate it is, nor what this node asks.
    """

    certificate: str
    confirm: str
    """Of what confirms that the sender may post here."""


@dataclass(frozen=True)
class Signed:
    """The signed part of a body, and what it is signed with."""

    certificate: str
    """The certificate's address."""
    digest: Literal["sha1", "sha256"]
    """The digest of an RSA signature (PKCS #1 v1.5)."""
    text: bytes
    signature: bytes


@dataclass(frozen=True)
class Webhook:
    """The way of a sender that posts to us."""

    auth: tuple[SignatureScheme | Token | Basic | SecretPath, ...]
    """The proofs it can give; any one of them is enough."""
    headers: tuple[str, ...] = ()
    """The headers that `normalise` reads, lower case; `ce-*` stands for all that begin so.

    `content-type` is always there.
    """
    delivery_header: str = ""
    """The header that is the same on a redelivery (lower case); empty when there is none."""
    body: Literal["json", "any"] = "json"
    """`json`: anything else is answered 400, and a form's field `payload` is taken for the body.

    `any`: the bytes as they came.
    """
    handshake: bool = False
    """The sender first asks with OPTIONS.

    https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md
    """
    certified: Certified | None = None
    """Beside its proof by `auth` the body is signed; without a signature a path is not enough."""
    answer: tuple[int, str] = (202, "accepted\n")
    """Status and text that its sender takes for success.

    It is the same for a delivery that came before.
    """


@dataclass(frozen=True)
class Poll:
    """The way of a service that is asked."""

    url: str = ""
    """The address of a source without a `url` of its own; empty: the source must have one."""
    auth: tuple[Token | Basic, ...] = (Token(),)
    """The ways to send the token. Of two, `Basic` is for a token with a colon (`user:token`)."""
    needs_token: bool = False
    """Nothing can be read without a token."""
    interval: int = 30
    """Seconds between two rounds when the source says nothing else."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with each request."""
    expiry_header: str = ""
    """The answer's header with the end of the token, in lower case."""


@dataclass(frozen=True)
class Tail:
    """A file on the collector's own machine, named by the option `path`."""

    interval: int = 1
    """Seconds between two looks when the source says nothing else."""


@dataclass(frozen=True)
class Git:
    """The way of a git repository: git itself is asked for its branches."""

    interval: int = 20
    """Seconds between two looks at a URL, unless the source says otherwise."""
    local_interval: int = 1
    """The same of a path on this machine."""


@dataclass(frozen=True)
class Collector:
    """The declaration of a collector: its module's `COLLECTOR`."""

    title: str
    """One line for the list of types."""
    setup: str
    """Steps in the sender's settings: the places to click and the text to paste.

    Each line is a paragraph, which is wrapped to the terminal; `  URL      the address` sets one in
    under its name.
    """
    options: tuple[Option, ...] = ()
    webhook: Webhook | None = None
    poll: Poll | None = None
    tail: Tail | None = None
    git: Git | None = None
    kinds: tuple[Kind, ...] = ()
    """The kinds of lines that come of it; empty: the team says which (`generic`)."""


@dataclass(frozen=True)
class SourceInfo:
    """The team's configuration of a source.

    Without `branches` the default branch counts, without `service` the sender's own name.
    """

    name: str
    branches: tuple[str, ...] = ()
    service: str = ""
    environment: str = ""
    """For what a delivery says nothing of its environment."""
    url: str = ""
    """The service's address without a slash at the end: the source's own, else the collector's."""
    options: Mapping[str, OptionValue] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Return an option, empty when it is not set; of a `file` option the file's text."""
        value = self.options.get(name, "")
        return value if isinstance(value, str) else ""

    def whole(self, name: str) -> int:
        """Return a `whole` option, 0 when it is not set."""
        value = self.options.get(name, 0)
        return value if isinstance(value, int) else 0

    def flag(self, name: str) -> bool:
        """Tell whether a `flag` option is set and true."""
        return self.options.get(name) is True

    def many(self, name: str) -> tuple[str, ...]:
        """Return the values of a `list` option."""
        value = self.options.get(name, ())
        return value if isinstance(value, tuple) else ()


@dataclass(frozen=True)
class Delivery:
    """One authentic webhook delivery. Header names are lower case; `received` is UTC ms."""

    headers: Mapping[str, str]
    body: bytes
    received: int


@dataclass(frozen=True)
class Normalised:
    """The outcome of a delivery: events, or the name of the reason why there is none."""

    events: tuple[Event, ...] = ()
    dropped: str = ""
    """A short fixed name that is counted: `ping`, `not-a-global-branch`. Never foreign text."""
    detail: str = ""
    """For a person who asks why."""


@dataclass(frozen=True)
class Request:
    """One thing to ask; it is sent with the source's token.

    The first of a chain is also sent with the ETag of its last answer.
    """

    path: str
    """Put behind the source's address: `/repos/acme/shop/actions/runs?per_page=20`.

    A whole URL (a `next` link) must have the address' origin.
    """
    tag: str = ""
    """For `parse`, to know what is answered."""
    method: Literal["GET", "POST"] = "GET"
    body: bytes = b""
    """JSON, of a POST (a search, GraphQL); such a request may not change anything."""
    accept: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of this request alone, beside `Poll.headers` (a page by `Range`)."""
    missing_ok: bool = False
    """404 and 410 are answers too: `parse` sees them. Otherwise only 200 to 299 reach it."""
    optional: bool = False
    """401 and 403 are as well: this token need not be allowed to read it."""


@dataclass(frozen=True)
class Response:
    """The answer to a request. Header names are lower case; `received` is UTC milliseconds."""

    request: Request
    status: int
    headers: Mapping[str, str]
    body: bytes
    received: int


@dataclass(frozen=True)
class Gap:
    """Facts that a service has and that are not read: more happened than a round asks for."""

    what: str
    """A name for a person, in the plural: `runs of main`."""
    count: int = 0
    """The number of them; 0 where the service does not say it."""
    since: int = 0
    """The newest fact that was known before, UTC milliseconds; 0: the last round."""
    until: int = 0
    """The oldest fact that was read, UTC milliseconds; 0: now."""


@dataclass(frozen=True)
class Polled:
    """The outcome of an answer: events, where to go on next time, and what to ask right now.

    A first request and all that follows from it are one chain. The cursor at its end is kept when
    every answer of the chain was good and its events are in the stream; else the next round begins
    where this one did, and the keys absorb what is said twice.
    """

    events: tuple[Event, ...] = ()
    cursor: bytes = b""
    """Opaque to all but the collector; at most 64 KiB, never empty.

    For the next `parse` of this round and the next round's `requests`.
    """
    requests: tuple[Request, ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)
    """The number of facts without a line, by reasons as in `Normalised`."""
    gap: Gap | None = None
    """Facts that are not read; told as a line, and in the source's status."""


class CollectorModule(Protocol):
    """The part that every collector module has.

    A module whose options can be wrong in ways that their kinds do not tell also has
    `check(source: SourceInfo) -> None`, which raises `ValueError` with a sentence: it is asked when
    a source is added and when it starts.
    """

    COLLECTOR: Collector


class WebhookCollector(CollectorModule, Protocol):
    """A collector module that takes in webhooks (`COLLECTOR.webhook` is set)."""

    def normalise(self, delivery: Delivery, source: SourceInfo) -> Normalised:
        """Make the events of a delivery. Never raises for what a sender can put into it."""
        ...

    def sample(self, source: SourceInfo, now: int) -> Delivery:
        """Make a harmless delivery for `devstream source test`; what it becomes is quiet."""
        ...


class CertifiedCollector(WebhookCollector, Protocol):
    """A collector module whose sender signs by certificate (`webhook.certified` is set)."""

    def signed(self, delivery: Delivery) -> Signed | None:
        """Say what is signed; None for a body without a signature that can be checked."""
        ...

    def confirmation(self, delivery: Delivery, source: SourceInfo) -> str:
        """Return the address that confirms what the body asks; empty when it asks nothing."""
        ...


class PollCollector(CollectorModule, Protocol):
    """A collector module that polls (`COLLECTOR.poll` is set)."""

    def requests(self, cursor: bytes, source: SourceInfo, now: int) -> tuple[Request, ...]:
        """Begin a round. `cursor` is empty at first contact; `now` is UTC milliseconds."""
        ...

    def parse(self, response: Response, cursor: bytes, source: SourceInfo) -> Polled:
        """Read an answer. At first contact its events are stored quietly, the newest 20 of them.

        Raises:
            ValueError: the answer is not what the service should say; the chain counts as failed,
                and `status` shows the message.

        """
        ...


class TailCollector(CollectorModule, Protocol):
    """A collector module that reads a file's lines (`COLLECTOR.tail` is set)."""

    def read(self, lines: tuple[str, ...], cursor: bytes, source: SourceInfo, now: int) -> Polled:
        """Read new lines, in order, without their ends; none when time passed without any.

        At first contact (`cursor` is empty) there are no lines: what is in the file by then is no
        news. Called with the same lines and cursor again, at another time, it gives events with the
        same keys. `now` is UTC milliseconds.
        """
        ...
