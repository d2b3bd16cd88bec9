"""A small node that is killed again and again.

It publishes, ingests what a peer sends, prunes and tends, and says what it has done.

Run as `kill_writer.py FOLDER`; each line on standard input is the seed of one life. The process is
forked for each from one that has everything imported, and the child says on standard output its
process id, then every number that it acknowledges.
"""

from __future__ import annotations

import hashlib
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.log import History
from devstream_desktop.mesh.replica.identity import Identity
from devstream_desktop.mesh.replica.replica import Replica
from devstream_desktop.mesh.wire import SignedEntry
from devstream_desktop.stream.entry import (
    KEY_BYTES,
    Entry,
    body_hash,
    device_id,
    encode_body,
    preamble,
)
from devstream_desktop.stream.event import encode_event, fact_key, make_event
from devstream_desktop.stream.words import Kind

OWN, PEER = bytes(range(32)), bytes(range(1, 33))
PEER_FEED = PEER + b"one feed"
TEAM = "team"
RETENTION_MS = 20_000
STEP_MS = 10


def sign(message: bytes) -> bytes:
    return hashlib.blake2b(message).digest()


def verify(_: bytes, message: bytes, signature: bytes) -> bool:
    return sign(message) == signature


def payload(name: str) -> bytes:
    event = make_event(
        kind=Kind.BUILD,
        state="failed",
        service="shop",
        subject="build/shop/main",
        key=fact_key("kill", Kind.BUILD, name),
        time=1_760_000_000_000,
        title=f"fact {name}",
    )
    return encode_event(event)


def peer_entry(seq: int, prev: bytes) -> SignedEntry:
    """The peer's entry of this number, the same in every life."""
    body = encode_body(
        feed=PEER_FEED, seq=seq, hlc=clock(seq) << 16, prev=prev, payload=payload(f"peer {seq}")
    )
    return SignedEntry(body, sign(preamble(TEAM) + body))


def clock(seq: int) -> int:
    return 1_760_000_000_000 + seq * STEP_MS


def open_replica(folder: Path, history: History, rng: random.Random) -> Replica:
    return Replica(
        store=history,
        identity=Identity(device_id(OWN), TEAM, sign, verify),
        authors=SimpleNamespace(
            is_author=lambda _: True, ended=lambda _: None, refusal=lambda _: None
        ),
        retention_ms=RETENTION_MS,
    )


def live(folder: Path, seed: int, say: Callable[[str], None]) -> None:
    """One life, to its sudden end."""
    rng = random.Random(seed)
    history = History(folder / "history.sqlite", FeedMirror(folder / "feed.json"), OWN, TEAM)
    replica = open_replica(folder, history, rng)
    heads = {state.feed: state for state in replica.feeds.states()}
    state = heads.get(PEER_FEED)
    seq = state.head if state else 0
    prev = state.head_entry.hash if state and state.head_entry else b""
    say(f"open {history.epoch.hex()}")
    for number in range(100_000):
        what = rng.random()
        if what < 0.45:
            entries: list[Entry] = replica.own.publish(
                [payload(f"{seed} {number} {n}") for n in range(rng.choice((1, 1, 1, 5)))],
                clock(seq),
            )
            say(
                "own "
                + " ".join(f"{entry.feed[KEY_BYTES:].hex()}:{entry.seq}" for entry in entries)
            )
        elif what < 0.9:
            batch = []
            for _ in range(rng.choice((1, 1, 20, 300))):
                seq += 1
                batch.append(peer_entry(seq, prev))
                prev = body_hash(batch[-1].body)
            replica.rules.ingest(batch, "peer", clock(seq), later=rng.random() < 0.5)
            for _ in range(rng.choice((0, 1, 5))):
                history.keep_up()
            say(f"peer {seq}")
        elif what < 0.95:
            replica.prune(clock(seq))
            say(f"floor {clock(seq) - RETENTION_MS}")
        elif what < 0.97:
            history.checkpoint()
        else:
            history.tend()


def main() -> None:
    folder = Path(sys.argv[1])
    for line in sys.stdin:
        if os.fork() == 0:

            def say(text: str) -> None:
                os.write(1, f"{text}\n".encode())

            say(f"pid {os.getpid()}")
            live(folder, int(line), say)
            os._exit(0)
        _, status = os.wait()
        os.write(1, f"ended {os.waitstatus_to_exitcode(status)} {time.monotonic()}\n".encode())


if __name__ == "__main__":
    main()
