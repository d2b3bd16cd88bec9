"""The sign of life of a site's relay: a short signed word that the broker keeps no copy of."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from devstream_desktop.mesh.core import Core
from devstream_desktop.mesh.replica import intervals
from devstream_desktop.mesh.replica.intervals import Ranges
from devstream_desktop.mesh.wire import Number, Short
from devstream_desktop.stream.bounds import check_msgpack
from devstream_desktop.stream.entry import FEED_BYTES, MAX_SEQ, SIGNATURE_BYTES, public_key

MOST_RANGES = 64
"""Ranges of numbers in a beat, the newest."""
MOST_BYTES = 4096
MOST_OFF_MS = 10_000
"""The most that a beat's time differs from now, milliseconds.

Above, it is taken for a replay.
"""
_MOST_VALUES = 3 * MOST_RANGES + 16
_encoder = msgspec.msgpack.Encoder()


class Beat(msgspec.Struct, array_like=True, frozen=True):
    """The word of a site's relay."""

    site: Short
    device: Short
    time: Number
    """The team's time, UTC milliseconds."""
    made: Short = ""
    """Names the log."""
    read: Annotated[list[tuple[Number, Number]], Meta(max_length=MOST_RANGES)] = []
    """Numbers of the log that it has taken in."""
    feed: Annotated[bytes, Meta(max_length=FEED_BYTES)] = b""
    """The feed of its newest arrival; empty where it has none."""
    seq: Number = 0

    def ranges(self) -> Ranges:
        """Return the numbers taken in, as a set."""
        return intervals.union((one, last) for one, last in self.read if one <= last <= MAX_SEQ)


_decoder = msgspec.msgpack.Decoder(Beat)


def seal(core: Core, beat: Beat) -> bytes:
    """Sign a beat of this device."""
    body = _encoder.encode(beat)
    return core.identity.sign(_preamble(core.team) + body) + body


def unseal(core: Core, site: str, word: bytes) -> Beat | None:
    """Read a beat of a member of this site; None for anything else.

    Its time is not looked at.
    """
    body = word[SIGNATURE_BYTES:]
    if not body or len(word) > MOST_BYTES:
        return None
    try:
        check_msgpack(body, _MOST_VALUES)
        beat = _decoder.decode(body)
        key = public_key(beat.device)
    except ValueError:
        return None
    if beat.site != site or core.gate(beat.device) is not None:
        return None
    signed = core.identity.verify(key, _preamble(core.team) + body, word[:SIGNATURE_BYTES])
    return beat if signed else None


def _preamble(team: str) -> bytes:
    """Make the bytes signed before the body.

    So a signature means nothing anywhere else.
    """
    return b"devstream/relay/1\0" + team.encode() + b"\0"
