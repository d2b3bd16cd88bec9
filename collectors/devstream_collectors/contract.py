"""What a collector module is given and gives back: plain values, so that real payloads test it without a server.

A collector is a module found by the entry point group `devstream.collectors`; the entry point's name is the source's `type`.
One that takes in webhooks has `SIGNATURE` (how its sender proves itself) and `normalise` (a delivery in, events or a named drop out).
It imports `devstream_desktop.stream` and this package, and does no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from devstream_desktop.stream.event import Event


@dataclass(frozen=True)
class SignatureScheme:
    """How a sender signs: one verifier serves them all (`intake/signature.py`). The algorithm is fixed here, never read from a request.

    `signed` is what goes under the HMAC: `{body}`, and `{timestamp}` and `{id}` where the sender signs those headers too.
    """

    header: str
    algorithm: Literal["sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    form: Literal["bare", "prefix", "pairs", "words"] = "prefix"
    """`bare`: the digest alone. `prefix`: `<label>=<digest>`. `pairs`: `v1=a,v1=b`, any may match. `words`: `v1,a v1,b`, any may match."""
    label: str = "sha256"
    signed: str = "{body}"
    timestamp_header: str = ""
    id_header: str = ""
    tolerance: int = 300
    """Seconds that a signed timestamp may be off."""


@dataclass(frozen=True)
class Delivery:
    """One authentic webhook delivery. Header names are lower case; `body` is JSON; `received` is UTC milliseconds."""

    headers: Mapping[str, str]
    body: bytes
    received: int


@dataclass(frozen=True)
class SourceInfo:
    """What the team configured for a source. Without `branches` the default branch counts, without `service` the repository's name."""

    name: str
    branches: tuple[str, ...] = ()
    service: str = ""


@dataclass(frozen=True)
class Normalised:
    """What became of a delivery: events, or the name of the reason why there is none."""

    events: tuple[Event, ...] = ()
    dropped: str = ""
    """A short fixed name that is counted: `ping`, `not-a-global-branch`. Never text from outside."""
    detail: str = ""
    """For a person who asks why."""


class WebhookCollector(Protocol):
    """The shape of a collector module that takes in webhooks."""

    SIGNATURE: SignatureScheme
    EVENT_HEADER: str
    """The header that names the sort of event, kept in the spool (lower case); empty when the body says it."""
    DELIVERY_HEADER: str
    """The header that is the same on a redelivery, for the replay cache (lower case); empty when there is none."""

    def normalise(self, delivery: Delivery, source: SourceInfo) -> Normalised:
        """The events of a delivery. Never raises for what a sender can put into it."""
        ...

    def sample(self, source: SourceInfo, now: int) -> Delivery:
        """A harmless delivery for `devstream source test`: what it becomes is marked as a test and quiet."""
        ...
