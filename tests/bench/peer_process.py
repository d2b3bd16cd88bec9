"""A consumer of a broker's stream that stores every event, and checks nothing.

    python peer_process.py redis-server|nats-server PORT DATABASE EVENTS

Prints what it took as one line of JSON.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec
import nats
from nats.js.api import AckPolicy, ConsumerConfig
from peers import Consumed, redis_command

from devstream_desktop.history.database import open_writer
from devstream_desktop.history.telling import Row, Telling
from devstream_desktop.stream.entry import parse_entry
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.fact import fact_id
from devstream_desktop.stream.search_text import index_text

SIGNATURE_BYTES = 64
REDIS_BATCH, NATS_BATCH = 2_000, 500
"""As many as each client reads at once without a wait."""


class Tables:
    """The tables of a history, filled without a look at what comes."""

    def __init__(self, path: Path) -> None:
        self._connection = open_writer(path)
        self._connection.execute("INSERT INTO feeds (id, feed) VALUES (1, x'00')")
        self._connection.execute("INSERT INTO senders VALUES (1, 'peer')")
        self._decode = msgspec.msgpack.Decoder(Event).decode
        self.count = 0

    def store(self, signed: Sequence[bytes]) -> None:
        """Store these in one transaction."""
        log, lines, words = [], [], []
        for one in signed:
            self.count += 1
            entry = parse_entry(one[:-SIGNATURE_BYTES], one[-SIGNATURE_BYTES:])
            event = self._decode(entry.payload)
            telling = Telling(self.count, entry, event, fact_id(event, entry.device), struck=False)
            log.append((self.count, 1, entry.seq, 1, False, entry.body, entry.signature))
            lines.append(telling.row(entry.hlc))
            words.append((entry.hlc, index_text(event)))
        put = self._connection.executemany
        self._connection.execute("BEGIN IMMEDIATE")
        put("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?)", log)
        put(
            f"INSERT INTO lines ({', '.join(Row._fields)}) VALUES"
            f" ({', '.join('?' * len(Row._fields))})",
            lines,
        )
        put("INSERT INTO words (rowid, text) VALUES (?, ?)", words)
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the database."""
        self._connection.close()


def from_redis(port: int, tables: Tables, events: int) -> None:
    """Read the stream `s` to its end."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        answers, last = connection.makefile("rb", buffering=1 << 20), b"0"
        while tables.count < events:
            words = (b"XREAD", b"COUNT", str(REDIS_BATCH).encode(), b"STREAMS", b"s", last)
            connection.sendall(redis_command(*words))
            last, some = _read_stream(answers)
            tables.store(some)


def _read_stream(answers: BinaryIO) -> tuple[bytes, list[bytes]]:
    """The last id and the values of an answer to XREAD of one stream with one field."""
    # [[name, [[id, [field, value]], …]]], each length before its content.
    for _ in range(4):
        answers.readline()
    count, last = int(answers.readline()[1:]), b""
    some: list[bytes] = []
    for _ in range(count):
        answers.readline()
        last = _read_word(answers)
        answers.readline()
        _read_word(answers)
        some.append(_read_word(answers))
    return last, some


def _read_word(answers: BinaryIO) -> bytes:
    size = int(answers.readline()[1:])
    return answers.read(size + 2)[:-2]


async def from_nats(port: int, tables: Tables, events: int) -> None:
    """Read the stream `s` to its end."""
    connection = await nats.connect(f"nats://127.0.0.1:{port}")
    config = ConsumerConfig(ack_policy=AckPolicy.NONE)
    consumer = await connection.jetstream().pull_subscribe("e", stream="s", config=config)
    while tables.count < events:
        tables.store([message.data for message in await consumer.fetch(NATS_BATCH, timeout=30)])
    await connection.close()


def main() -> None:
    program, port, path, events = sys.argv[1:]
    tables = Tables(Path(path))
    began, cpu = time.monotonic(), time.process_time()
    if program == "redis-server":
        from_redis(int(port), tables, int(events))
    else:
        asyncio.run(from_nats(int(port), tables, int(events)))
    tables.close()
    took = Consumed(time.monotonic() - began, time.process_time() - cpu)
    sys.stdout.write(msgspec.json.encode(took).decode())


if __name__ == "__main__":
    main()
