"""The values in messages, and the most of each in one."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from devstream_desktop.stream.entry import (
    FEED_BYTES,
    HASH_BYTES,
    MAX_BODY,
    MAX_HLC,
    SIGNATURE_BYTES,
)

PROTOCOL = 1
BATCH_BYTES = 256 * 1024
"""Bytes of entries in one message.

A quarter of the receive limit, so that it also fits with everything around it.
"""
ASK_BYTES, ANSWER_BYTES = 16 * 1024, 512 * 1024
"""Most bytes of a question to one node, and of its answer."""
BATCH_ENTRIES = 2500
"""The most entries in a message: so many of the smallest fit BATCH_BYTES."""
MESSAGE_BYTES = 1024 * 1024
"""The most bytes that a socket receives.

nng's own default is no limit. A larger message closes the connection.
"""
BUCKETS = 64
"""The digest's width: 512 bytes.

Each bucket that differs costs about 1 KB of records at 1,500 feeds.
"""
BUCKET_BYTES = 8
MAX_RECORDS = 4000
MAX_GAPS = 500
MAX_RANGES = 4000
MAX_PEERS = 16
MAX_ADDRESSES = 8
MAX_PAIRS = 100
MAX_DOCUMENTS = 1000
PAGE_BYTES = MESSAGE_BYTES * 3 // 4
"""Bytes of records and frozen feeds in one message.

However they compress. The rest is for the frozen feeds of the other's own.
"""
_RECORD_BYTES, _GAP_BYTES = 92, 19

Feed = Annotated[bytes, Meta(min_length=FEED_BYTES, max_length=FEED_BYTES)]
Index = Annotated[bytes, Meta(min_length=16, max_length=16)]
Number = Annotated[int, Meta(ge=0, le=MAX_HLC)]
Hash = Annotated[bytes, Meta(max_length=HASH_BYTES)]
Short = Annotated[str, Meta(max_length=200)]
Size = Annotated[int, Meta(ge=1, le=BATCH_BYTES)]
Bucket = Annotated[int, Meta(ge=0, lt=BUCKETS)]
Documents = Annotated[list[bytes], Meta(max_length=MAX_DOCUMENTS)]


class SignedEntry(msgspec.Struct, array_like=True, frozen=True):
    """An entry on the wire: the signed bytes, and the signature."""

    body: Annotated[bytes, Meta(max_length=MAX_BODY)]
    signature: Annotated[bytes, Meta(min_length=SIGNATURE_BYTES, max_length=SIGNATURE_BYTES)]


class Range(msgspec.Struct, array_like=True, frozen=True):
    """Numbers `first` to `last` of a feed."""

    feed: Feed
    first: Number
    last: Number


class Record(msgspec.Struct, array_like=True, frozen=True):
    """A node's part of one feed.

    Everything above `floor` up to `head` but the `gaps`.
    """

    feed: Feed
    floor: Number
    head: Number
    head_hash: Hash
    head_hlc: Number
    gaps: Annotated[list[tuple[Number, Number]], Meta(max_length=MAX_GAPS)]


class Place(msgspec.Struct, array_like=True, frozen=True):
    """A feed's place in the order of all.

    The latest head first, then by id. Frozen feeds come last, as if they had no stamp.
    """

    hlc: Number
    feed: Feed


class PeerAddress(msgspec.Struct, array_like=True, frozen=True):
    """An address at which a device can be dialed."""

    device: Short
    address: Short


class Pair(msgspec.Struct, array_like=True, frozen=True):
    """Two entries of one feed that cannot both be honest."""

    first: SignedEntry
    second: SignedEntry


Peers = Annotated[list[PeerAddress], Meta(max_length=MAX_PEERS)]
Addresses = Annotated[list[Short], Meta(max_length=MAX_ADDRESSES)]
FeedList = Annotated[list[Feed], Meta(max_length=MAX_RECORDS)]
Pairs = Annotated[list[Pair], Meta(max_length=MAX_PAIRS)]
Batch = Annotated[list[SignedEntry], Meta(max_length=BATCH_ENTRIES)]
RecordList = Annotated[list[Record], Meta(max_length=MAX_RECORDS)]
RangeList = Annotated[list[Range], Meta(max_length=MAX_RANGES)]


def record_bytes(gaps: int) -> int:
    """Return the most bytes of a record with so many gaps."""
    return _RECORD_BYTES + _GAP_BYTES * gaps
