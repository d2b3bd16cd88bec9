"""Replicas over logs in memory, for what is decided by the rules alone.

A generated claim costs a millisecond and no socket.
"""

from __future__ import annotations

import random
from types import SimpleNamespace

from memory_log import MemoryLog
from nodes import fake_sign, fake_verify

from devstream_desktop.mesh.replica.catalogue import signed
from devstream_desktop.mesh.replica.identity import Identity
from devstream_desktop.mesh.replica.outcome import Outcome
from devstream_desktop.mesh.replica.replica import Replica
from devstream_desktop.stream.entry import (
    Entry,
    device_id,
    encode_body,
    next_hlc,
    parse_entry,
    preamble,
)

DAY = 86_400_000
NOW = 1_700_000_000_000
MEMBERS = 8
"""Keys of members are one number repeated, below this; all others are strangers'."""


def key_of(number: int) -> bytes:
    return bytes([number]) * 32


def is_member(key: bytes) -> bool:
    return key in {key_of(number) for number in range(MEMBERS)}


def replica(number: int = 1, log: MemoryLog | None = None, **given: object) -> Replica:
    """The replica of a member, or of what an image of its disk holds."""
    log = log or MemoryLog(key_of(number), random.Random(number))
    authors = {"is_author": is_member, "ended": lambda _: None, "refusal": lambda _: None, **given}
    return Replica(
        store=log,
        identity=Identity(device_id(log.key), "t", fake_sign(log.key), fake_verify),
        authors=SimpleNamespace(**authors),
        retention_ms=30 * DAY,
    )


def payloads(count: int, start: int = 0) -> list[bytes]:
    return [b"\xcd" + n.to_bytes(2, "big") for n in range(start, start + count)]


def give(to: Replica, *entries: Entry, sender: str = "mallory", now: int = NOW) -> Outcome:
    return to.rules.ingest([signed(entry) for entry in entries], sender, now)


def entry(
    key: bytes,
    *,
    epoch: int = 0,
    seq: int = 1,
    at: int = NOW,
    prev: bytes | None = None,
    payload: bytes = b"\x01",
) -> Entry:
    """Any entry at all, signed with the key it is of."""
    prev = prev if prev is not None else b"" if seq == 1 else bytes(16)
    body = encode_body(
        feed=key + epoch.to_bytes(8, "big"),
        seq=seq,
        hlc=next_hlc(0, at),
        prev=prev,
        payload=payload,
    )
    return parse_entry(body, fake_sign(key)(preamble("t") + body))
