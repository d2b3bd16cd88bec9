"""Messages between the benchmark and its processes.

One JSON line a message, the first one the job.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class NodeJob(msgspec.Struct, frozen=True):
    """Everything a real node needs; `policies` are the team's signed documents, `fill` how many
    events it begins with.

    `peers` it dials always, `hints` as it likes; `carrier` is the address of a NATS server.
    """

    home: str
    seed: bytes
    ca: str
    certificate: str
    key: str
    policies: list[bytes]
    peers: list[str] = []
    fill: int = 0
    hints: list[str] = []
    carrier: str = ""


class CrowdJob(msgspec.Struct, frozen=True):
    """Many nodes in one process, which only listen."""

    jobs: list[NodeJob]


class BareJob(msgspec.Struct, frozen=True):
    """A bare socket.

    A source that tells `count` messages to `receivers`, or (with an address) a receiver of them.
    """

    ca: str
    certificate: str
    key: str
    count: int
    size: int
    receivers: int = 0
    every: float = 0.0
    address: str = ""


class StreamJob(msgspec.Struct, frozen=True):
    """A bare client of a stream: with a `size` it tells messages of so many bytes, when asked to.

    Without, it hears `count`.
    """

    url: str
    count: int = 0
    size: int = 0


class Keeps(StrEnum):
    """A receiver's use of a delivery: none, its raw bytes on the disk, or its events in a log."""

    NOTHING = "nothing"
    RAW = "raw"
    EVENTS = "events"


class IntakeJob(msgspec.Struct, frozen=True):
    """A receiver of one webhook source."""

    home: str
    source: str
    secret: bytes
    keeps: Keeps


class Publish(msgspec.Struct, frozen=True, tag=True):
    """Publish `count` events, one each `every` seconds. Answered when the last is out."""

    count: int
    every: float


class Until(msgspec.Struct, frozen=True, tag=True):
    """Wait until this many foreign events are stored and this many links are live."""

    events: int = 0
    links: int = 0
    seconds: float = 60.0
    carried: bool = False
    """Until its carrier has read and sent everything as well."""
    memory: bool = False
    """Report the memory, too, which takes some milliseconds to count."""


Command = Publish | Until


class Ready(msgspec.Struct, frozen=True, tag=True):
    """It listens at `address`."""

    address: str


class Report(msgspec.Struct, frozen=True, tag=True):
    """The time of each number's commit or arrival, in monotonic nanoseconds.

    And the CPU seconds that the whole process has used so far.
    """

    times: dict[int, int]
    cpu: float
    events: int
    began: int = 0
    """The time at which a node began to dial."""
    copies: int = 0
    """Foreign entries that peers sent, known ones included."""
    memory: int = 0
    """Bytes that only this process has (USS), where asked for."""
    written: int = 0
    """Bytes that it wrote to files and sockets."""
    block: float = 0.0
    """Milliseconds of processor time of the longest turn of its loop since it began to dial."""
    seen: int = 0
    """The time at which the last stored event could be seen and found."""


Answer = Ready | Report
