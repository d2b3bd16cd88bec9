"""Entries and events as no honest node makes them.

Any version, number, stamp, chain and content, with a genuine signature.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import msgspec

from devstream_desktop.mesh.wire import SignedEntry
from devstream_desktop.stream.entry import HASH_BYTES, VERSION, body_hash, next_hlc
from devstream_desktop.stream.event import Event, fact_key
from devstream_desktop.stream.words import Kind, Severity

_numbers = itertools.count(1)


def event(kind: Kind | str, state: str, *, time: int, **fields: object) -> bytes:
    """The payload of an event with any content.

    Nothing is cleaned or checked. `time` is UTC milliseconds.
    """
    given = {
        "kind": kind,
        "state": state,
        "service": "shop",
        "subject": "change/shop/main",
        "time": time,
        "severity": Severity.INFO,
    }
    if "key" not in fields:
        given["key"] = fact_key("raw", Kind.CLAIM, str(next(_numbers)))
    return msgspec.msgpack.encode(Event(**given | fields))


def nested(levels: int) -> bytes:
    """msgpack: a number inside so many arrays."""
    return b"\x91" * levels + b"\x01"


class RawFeed:
    """A feed that goes on as an honest one where nothing else is given.

    Args:
        public: The author's public key.
        epoch: Eight bytes; by them an author has as many feeds as it likes.
        sign: Signs the body of an entry.
        now: UTC milliseconds.

    """

    def __init__(
        self,
        public: bytes,
        epoch: int | bytes,
        sign: Callable[[bytes], SignedEntry],
        now: Callable[[], int],
    ) -> None:
        self.id = public + (epoch if isinstance(epoch, bytes) else epoch.to_bytes(8, "big"))
        self.seq = 0
        self.hlc = 0
        self.prev = b""
        self._sign, self._now = sign, now

    def entry(
        self,
        payload: bytes,
        *,
        version: int = VERSION,
        seq: int | None = None,
        hlc: int | None = None,
        prev: bytes | None = None,
    ) -> SignedEntry:
        """The next entry; what is given takes the place of what an honest device would write, and
        the feed goes on after it.

        Args:
            payload: msgpack of any sort.
            version: Of the entry.
            seq: Its number.
            hlc: Its stamp, a hybrid clock (`next_hlc(0, milliseconds)`).
            prev: The hash it claims to follow.

        """
        self.seq = self.seq + 1 if seq is None else seq
        self.hlc = next_hlc(self.hlc, self._now()) if hlc is None else hlc
        if prev is None:
            prev = b"" if self.seq == 1 else self.prev or bytes(HASH_BYTES)
        body = msgspec.msgpack.encode(
            [version, self.id, self.seq, self.hlc, prev, msgspec.Raw(payload)]
        )
        self.prev = body_hash(body)
        return self._sign(body)
