"""The messages: each question of the dialer has one answer of the listener."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from devstream_desktop.mesh.wire.values import (
    ANSWER_BYTES,
    ASK_BYTES,
    BUCKET_BYTES,
    BUCKETS,
    Addresses,
    Batch,
    Bucket,
    Documents,
    FeedList,
    Index,
    Number,
    Pairs,
    Peers,
    Place,
    RangeList,
    RecordList,
    Short,
    Size,
)


class Hello(msgspec.Struct, array_like=True, frozen=True, tag=1):
    """The dialer's introduction.

    `wall` is its clock (UTC ms), `port` where it listens (0: it cannot be dialed).
    """

    protocol: int
    team: Short
    device: Short
    index: Index
    policy: Number
    wall: Number
    port: Annotated[int, Meta(ge=0, le=65535)]
    version: Short = ""
    addresses: Addresses = []
    """The addresses at which it believes to be reached, HOST:PORT."""


class Tail(msgspec.Struct, array_like=True, frozen=True, tag=2):
    """A question for entries after `lsn` of the numbering `index`.

    Answered when there is one, at the latest after `wait` milliseconds.
    """

    index: Index
    lsn: Number
    wait: Annotated[int, Meta(ge=0, le=60_000)]
    size: Size
    policy: Number


class Push(msgspec.Struct, array_like=True, frozen=True, tag=3):
    """Entries that the listener may lack.

    None, only to show the policy's version.
    """

    entries: Batch
    policy: Number


class Digest(msgspec.Struct, array_like=True, frozen=True, tag=4):
    """A hash over each bucket of feeds.

    `after`: the end of the last page of records, to have the next.
    """

    buckets: Annotated[
        bytes, Meta(min_length=BUCKETS * BUCKET_BYTES, max_length=BUCKETS * BUCKET_BYTES)
    ]
    after: Place | None = None


class Offer(msgspec.Struct, array_like=True, frozen=True, tag=5):
    """The dialer's records of the buckets that differ, and frozen feeds.

    The listener's own among them. `more`: another page follows.
    """

    records: RecordList
    frozen: FeedList
    more: bool = False


class Fetch(msgspec.Struct, array_like=True, frozen=True, tag=6):
    """A question for entries of these ranges, in this order.

    Each from its newest down, as many as fit `size` bytes.
    """

    ranges: RangeList
    size: Size


class AskPeers(msgspec.Struct, array_like=True, frozen=True, tag=7):
    """A question for the addresses of others."""


class Proof(msgspec.Struct, array_like=True, frozen=True, tag=8):
    """Proofs that the listener lacks, and feeds to prove.

    Of those the dialer lacks the proof.
    """

    give: Pairs
    ask: FeedList


class AskPolicy(msgspec.Struct, array_like=True, frozen=True, tag=9):
    """Documents that the listener lacks, and the dialer's version."""

    version: Number
    documents: Documents


class AskNode(msgspec.Struct, array_like=True, frozen=True, tag=10):
    """A question to this node alone, about a topic; asked without HELLO."""

    topic: Short
    body: Annotated[bytes, Meta(max_length=ASK_BYTES)]


class Welcome(msgspec.Struct, array_like=True, frozen=True, tag=21):
    """The answer to HELLO: the same of the listener, and others' addresses."""

    protocol: int
    team: Short
    device: Short
    index: Index
    policy: Number
    wall: Number
    peers: Peers
    version: Short = ""
    addresses: Addresses = []


class News(msgspec.Struct, array_like=True, frozen=True, tag=22):
    """The answer to TAIL.

    `resync`: compare digests, the cursor alone does not say all.
    """

    index: Index
    lsn: Number
    entries: Batch
    summary: Annotated[bytes, Meta(max_length=8)]
    policy: Number
    resync: bool


class Pushed(msgspec.Struct, array_like=True, frozen=True, tag=23):
    """The answer to PUSH: the count of entries stored, and a pause.

    `busy`: for so many milliseconds no more should be pushed.
    """

    stored: Number
    policy: Number
    resync: bool
    busy: Annotated[int, Meta(ge=0, le=60_000)] = 0


class Records(msgspec.Struct, array_like=True, frozen=True, tag=24):
    """The answer to DIGEST: buckets that differ, with the listener's records.

    True as of its arrival number `lsn`. Of the frozen feeds those in these buckets, and the
    dialer's own. `end`: where this page ends, when there is another.
    """

    index: Index
    lsn: Number
    buckets: Annotated[list[Bucket], Meta(max_length=BUCKETS)]
    records: RecordList
    frozen: FeedList
    end: Place | None = None


class Wants(msgspec.Struct, array_like=True, frozen=True, tag=25):
    """The answer to OFFER: ranges that the listener lacks, newest first.

    And the frozen feeds whose proof it lacks. `more`: it lacks more than fits, and is to be offered
    it again.
    """

    ranges: RangeList
    proofs: FeedList
    more: bool = False


class Entries(msgspec.Struct, array_like=True, frozen=True, tag=26):
    """The answer to FETCH."""

    entries: Batch


class PeerList(msgspec.Struct, array_like=True, frozen=True, tag=27):
    """The answer to PEERS."""

    peers: Peers


class Proofs(msgspec.Struct, array_like=True, frozen=True, tag=28):
    """The answer to PROOF."""

    pairs: Pairs


class Policies(msgspec.Struct, array_like=True, frozen=True, tag=29):
    """The answer to POLICY: newer documents, and the listener's version."""

    version: Number
    documents: Documents


class NodeAnswer(msgspec.Struct, array_like=True, frozen=True, tag=31):
    """The answer to ASKNODE."""

    body: Annotated[bytes, Meta(max_length=ANSWER_BYTES)]


class Refused(msgspec.Struct, array_like=True, frozen=True, tag=30):
    """The answer to anything that is not granted.

    `peers` are others to try when this node is full.
    """

    reason: Short
    peers: Peers
    busy: bool = False


Request = Hello | Tail | Push | Digest | Offer | Fetch | AskPeers | Proof | AskPolicy | AskNode
Reply = (
    Welcome
    | News
    | Pushed
    | Records
    | Wants
    | Entries
    | PeerList
    | Proofs
    | Policies
    | Refused
    | NodeAnswer
)
