"""Two replicas with logs in memory, and what tests of one rule do with them."""

from __future__ import annotations

import msgspec

from devstream_desktop.mesh.replica.catalogue import signed
from devstream_desktop.mesh.wire import BATCH_BYTES
from devstream_desktop.stream.entry import (
    encode_body,
    parse_entry,
)

HOUR = 3_600_000
DAY = 24 * HOUR
NOW = 1_700_000_000_000


def payloads(count, start=0):
    return [b"\xcd" + n.to_bytes(2, "big") for n in range(start, start + count)]


def give(entries, to, now=NOW, sender="peer"):
    return to.rules.ingest([signed(entry) for entry in entries], sender, now)


def exchange(to, source, now=NOW, size=BATCH_BYTES):
    records = source.catalogue.records(to.feeds.digest.differing(source.feeds.digest.buckets()))
    return give(
        source.catalogue.serve(to.wants.want(records, now) + to.wants.doubts(records), size),
        to,
        now,
    )


def forged(entry, **changes):
    """`entry` with a body changed and the signature kept."""
    parts = {
        "feed": entry.feed,
        "seq": entry.seq,
        "hlc": entry.hlc,
        "prev": entry.prev,
        "payload": entry.payload,
    } | changes
    return parse_entry(encode_body(**parts), entry.signature)


def resigned(replica, entry, **changes):
    """An entry that the author could have signed instead."""
    body = forged(entry, **changes).body
    return parse_entry(body, replica.signatures.sign(body))


def spoilt(entry):
    return msgspec.structs.replace(entry, signature=bytes(64))
