"""One entry of a feed: a signed envelope for an event, stamped by a hybrid logical clock.

A feed is the append-only, hash-chained list of what one device authored in one database. Its id is
the device's public key and the epoch of the database, so the key that verifies an entry is in the
entry itself and nothing has to be looked up.

    body      = msgpack [version, feed, seq, hlc, prev, payload]      at most 4 KiB
    payload   = the event (its first element is the kind). A node that does not know the version
                does not read it; it is bounded all the same (bounds.py)
    prev      = BLAKE2b-128 of the previous body of this feed, empty for the first
    signature = Ed25519 over `preamble(team)` and exactly these bytes; relays change neither
"""

from __future__ import annotations

import base64
from functools import cached_property, lru_cache

import msgspec

from devstream_desktop.stream.blake2 import blake2b
from devstream_desktop.stream.bounds import check_msgpack
from devstream_desktop.stream.event import Event, decode_event

VERSION = 1
MAX_BODY = 4096
HASH_BYTES = 16
KEY_BYTES = 32
EPOCH_BYTES = 8
FEED_BYTES = KEY_BYTES + EPOCH_BYTES
SIGNATURE_BYTES = 64
COUNTER_BITS = 16
MAX_HLC = (1 << 63) - 1
MAX_SEQ = 1 << 53
"""Largest number of an entry; no author gets there.

With larger ones the number after one, or a sum of some, is none that SQLite or a message can hold.
"""


class MalformedEntryError(ValueError):
    """Bytes that are no entry; whoever sent them is broken or hostile."""


class _Body(msgspec.Struct, array_like=True, frozen=True):
    version: int
    feed: bytes
    seq: int
    hlc: int
    prev: bytes
    payload: msgspec.Raw


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Body)


class Entry(msgspec.Struct, frozen=True, dict=True):
    """A parsed entry beside the exact bytes it came as.

    Parsing proves its shape, never its signature.
    """

    body: bytes
    signature: bytes
    version: int
    feed: bytes
    seq: int
    hlc: int
    prev: bytes
    payload: bytes
    hash: bytes
    """Hash of the body: the entry's identity, and `prev` of the next entry.

    Never over the signature.
    """

    @property
    def id(self) -> str:
        """The identity in text."""
        return self.hash.hex()

    @property
    def device(self) -> str:
        """The device id of the author."""
        return device_id(self.feed[:KEY_BYTES])

    @cached_property
    def event(self) -> Event:
        """The event of the payload, as its author signed it.

        Decoded by the first who asks and handed on with the entry: judging, storing and reporting
        an arrival all need it, relaying it does not.

        Raises:
            InvalidEventError: the payload is no event that this version understands.

        """
        return decode_event(self.payload)


def body_hash(body: bytes) -> bytes:
    """BLAKE2b-128 of a body."""
    return blake2b(body, digest_size=HASH_BYTES).digest()


def encode_body(*, feed: bytes, seq: int, hlc: int, prev: bytes, payload: bytes) -> bytes:
    """Make the bytes to sign for a new entry.

    Raises:
        MalformedEntryError: it would be larger than an entry may be.
    """
    body = _encoder.encode(_Body(VERSION, feed, seq, hlc, prev, msgspec.Raw(payload)))
    if len(body) > MAX_BODY:
        raise MalformedEntryError(f"an entry of {len(body)} bytes is over the limit of {MAX_BODY}")
    return body


def parse_entry(body: bytes, signature: bytes) -> Entry:
    """Parse the entry in `body`.

    Raises:
        MalformedEntryError: wrong size, shape or range, or it nests too deeply.
    """
    if len(body) > MAX_BODY or len(signature) != SIGNATURE_BYTES:
        raise MalformedEntryError("wrong size")
    try:
        # Before decoding: what nests deeply would exhaust the decoder's stack.
        check_msgpack(body, MAX_BODY)
        parsed = _decoder.decode(body)
    except ValueError as error:
        raise MalformedEntryError(str(error)) from None
    version, feed, seq, hlc, prev = parsed.version, parsed.feed, parsed.seq, parsed.hlc, parsed.prev
    if len(feed) != FEED_BYTES or not 0 < seq <= MAX_SEQ or not 0 < hlc <= MAX_HLC or version < 1:
        raise MalformedEntryError("out of range")
    # The first entry of a feed has nothing before it.
    if len(prev) != (HASH_BYTES if seq > 1 else 0):
        raise MalformedEntryError("wrong previous hash")
    return Entry(
        body, signature, version, feed, seq, hlc, prev, bytes(parsed.payload), body_hash(body)
    )


def preamble(team: str) -> bytes:
    """Make the bytes signed before the body: the type and the team.

    So a signature means nothing anywhere else.
    """
    return b"devstream/event/1\0" + team.encode() + b"\0"


@lru_cache(maxsize=2048)
def device_id(public_key: bytes) -> str:
    """Return the 52 lower-case base32 characters of an Ed25519 public key: the id is the key."""
    return base64.b32encode(public_key).decode().rstrip("=").lower()


# Python's base32 is slow, and each version of a policy names the same devices.
@lru_cache(maxsize=2048)
def public_key(device: str) -> bytes:
    """Return the Ed25519 public key of a device id.

    Raises:
        ValueError: it is not a device id.

    """
    if len(device) != 52:
        raise ValueError("a device id has 52 characters")
    key = base64.b32decode(device.upper() + "====")
    # Base32 has several spellings of one key, and an id must have one.
    if device_id(key) != device:
        raise ValueError("not the canonical form of a device id")
    return key


def hlc_time(hlc: int) -> int:
    """Return the wall-clock part of a hybrid logical clock, UTC milliseconds."""
    return hlc >> COUNTER_BITS


def contradict(one: Entry, other: Entry) -> bool:
    """Return True when no honest device could have written both entries.

    Two entries under one number, a clock that ran back, or a broken chain prove that.
    """
    if one.feed != other.feed or one.hash == other.hash:
        return False
    if one.seq == other.seq:
        return True
    # Stamps of a feed grow with its numbers, and each entry names the hash of the one before.
    low, high = (one, other) if one.seq < other.seq else (other, one)
    return low.hlc >= high.hlc or (high.seq == low.seq + 1 and high.prev != low.hash)


def next_hlc(last: int, now: int) -> int:
    """Make the stamp of a new entry.

    It is after everything seen, and not before the wall clock `now` (milliseconds).
    """
    return max(last + 1, now << COUNTER_BITS)
