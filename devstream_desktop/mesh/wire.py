"""The messages between two nodes as typed structs: decoding is validation.

A frame is one flag byte (0 plain, 1 zlib) and a msgpack array `[tag, fields...]`. The dialer asks,
the listener answers:

    HELLO   who I am, my policy's version, my clock     -> Welcome, or Refused (other team, busy)
    TAIL    what arrived after my cursor, wait for it   -> News: entries, the new cursor, a summary
    PUSH    entries that you lack                       -> Pushed: how many were stored
    DIGEST  64 hashes over all feeds                    -> Records of the buckets that differ
    OFFER   my records of those buckets, a page of them -> Wants: what of it the listener lacks
    FETCH   ranges of feeds, newest first               -> Entries, at most one batch
    PEERS   where others are                            -> PeerList
    PROOF   proofs of frozen feeds, given and asked     -> Proofs
    POLICY  signed policy documents, given and asked    -> Policies

A field more than we know is ignored, so new ones are added at the end.
"""

from __future__ import annotations

import zlib
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from devstream_desktop.stream.bounds import check_msgpack
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
BATCH_ENTRIES = 2500
"""The most entries in a message: so many of the smallest fit BATCH_BYTES."""
MESSAGE_BYTES = 1024 * 1024
"""The most bytes that a socket receives.

nng's own default is no limit. A larger message closes the connection.
"""
EXPANDED_BYTES = 1024 * 1024
"""The most bytes that a compressed message may grow to."""
MAX_VALUES = 150_000
"""The most values in one message.

Some more than an honest node sends (`fitting`). To look at them and decode them takes 30 ms, and
some 10 MB.
"""
COMPRESS_FROM = 1024
"""Smaller messages cost more to compress than to send."""
BUCKETS = 64
"""The digest's width: 512 bytes.

Each bucket that differs costs about 1 KB of records at 1,500 feeds.
"""
BUCKET_BYTES = 8
MAX_RECORDS = 4000
MAX_GAPS = 500
MAX_RANGES = 4000
MAX_PEERS = 16
MAX_PAIRS = 100
MAX_DOCUMENTS = 1000

_PLAIN, _ZLIB = 0, 1


class MalformedMessageError(ValueError):
    """Bytes that are no message. Their sender is broken or hostile."""


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
FeedList = Annotated[list[Feed], Meta(max_length=MAX_RECORDS)]
Pairs = Annotated[list[Pair], Meta(max_length=MAX_PAIRS)]
Batch = Annotated[list[SignedEntry], Meta(max_length=BATCH_ENTRIES)]
RecordList = Annotated[list[Record], Meta(max_length=MAX_RECORDS)]
RangeList = Annotated[list[Range], Meta(max_length=MAX_RANGES)]


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


class Refused(msgspec.Struct, array_like=True, frozen=True, tag=30):
    """The answer to anything that is not granted.

    `peers` are others to try when this node is full.
    """

    reason: Short
    peers: Peers
    busy: bool = False


Request = Hello | Tail | Push | Digest | Offer | Fetch | AskPeers | Proof | AskPolicy
Reply = Welcome | News | Pushed | Records | Wants | Entries | PeerList | Proofs | Policies | Refused

PAGE_BYTES = MESSAGE_BYTES * 3 // 4
"""Bytes of records and frozen feeds in one message.

However they compress. The rest is for the frozen feeds of the other's own.
"""
_RECORD_BYTES, _GAP_BYTES = 92, 19


def record_bytes(gaps: int) -> int:
    """Return the most bytes of a record with so many gaps."""
    return _RECORD_BYTES + _GAP_BYTES * gaps


_M = TypeVar("_M")
_encoder = msgspec.msgpack.Encoder()
_requests: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


def encode(message: Request | Reply) -> bytes:
    """Return the frame of a message."""
    packed = _encoder.encode(message)
    if len(packed) <= COMPRESS_FROM:
        return bytes((_PLAIN,)) + packed
    return bytes((_ZLIB,)) + zlib.compress(packed, 1)


def decode_request(frame: bytes) -> Request:
    """Decode the request in a frame.

    Raises:
        MalformedMessageError: it is none, or grows too large.

    """
    return _decode(_requests, frame)


def decode_reply(frame: bytes) -> Reply:
    """Decode the reply in a frame.

    Raises:
        MalformedMessageError: it is none, or grows too large.

    """
    return _decode(_replies, frame)


def _decode(decoder: msgspec.msgpack.Decoder[_M], frame: bytes) -> _M:
    try:
        content = _expand(frame)
        # Before it is decoded: nesting and counts of foreign bytes are bounded.
        check_msgpack(content, MAX_VALUES)
        return decoder.decode(content)
    except ValueError as error:
        raise MalformedMessageError(str(error)) from None


def _expand(frame: bytes) -> bytes:
    if not frame or len(frame) > MESSAGE_BYTES:
        raise MalformedMessageError("wrong size")
    if frame[0] == _PLAIN:
        return frame[1:]
    if frame[0] != _ZLIB:
        raise MalformedMessageError("unknown flag")
    # Bounded while it expands, so that a small bomb stays small.
    stream = zlib.decompressobj()
    try:
        expanded = stream.decompress(frame[1:], EXPANDED_BYTES)
    except zlib.error as error:
        raise MalformedMessageError(str(error)) from None
    # Either cut off, or it goes on beyond the bound.
    if not stream.eof:
        raise MalformedMessageError("cut short, or larger than a message may be")
    return expanded
