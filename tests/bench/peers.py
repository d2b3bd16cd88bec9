"""Brokers whose consumer stores the same events into the same tables.

The consumer decodes each event and inserts its rows, and checks nothing: no signature, no chain, no
author, no state of a thing. So it does a part of the work that a desk does.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import nats
from floors import count
from processes import BenchError

_TIMEOUT_S = 900
_CHUNK = 500


@dataclass(frozen=True)
class Peer:
    """A broker from Debian."""

    name: str
    program: str
    package: str


PEERS = (
    Peer("NATS JetStream", "nats-server", "nats-server"),
    Peer("Redis Streams", "redis-server", "redis-server"),
)


class Consumed(msgspec.Struct):
    """Seconds of the clock and of the processor that the consumer took for all events."""

    seconds: float
    cpu: float


def consume(peer: Peer, folder: Path, signed: Sequence[bytes]) -> Consumed | None:
    """Have a consumer take everything from the broker; None where there is no broker.

    `signed` are entries, each its body and the signature of 64 bytes behind it.

    Raises:
        BenchError: the broker or the consumer did not do its part.

    """
    program = shutil.which(peer.program)
    if program is None:
        return None
    folder.mkdir()
    with running(program, folder) as port:
        if peer.program == "redis-server":
            _fill_redis(port, signed)
        else:
            asyncio.run(_fill_nats(port, signed))
        words = (peer.program, str(port), str(folder / "history.sqlite"), str(len(signed)))
        consumer = str(Path(__file__).with_name("peer_process.py"))
        done = subprocess.run(
            [sys.executable, consumer, *words],
            stdout=subprocess.PIPE,
            check=True,
            timeout=_TIMEOUT_S,
        )
    if count(folder / "history.sqlite") != {len(signed)}:
        raise BenchError(f"the consumer of {peer.name} did not store everything")
    return msgspec.json.decode(done.stdout, type=Consumed)


@contextlib.contextmanager
def running(program: str, folder: Path) -> Iterator[int]:
    """Run a broker on loopback, with its data in `folder`; yields its port."""
    port = _free_port()
    if program.endswith("redis-server"):
        words = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
        words += ["--appendonly", "yes", "--appendfsync", "everysec"]
    else:
        words = ["-p", str(port), "-a", "127.0.0.1", "-js", "-sd", str(folder / "js")]
    process = subprocess.Popen(
        [program, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def _wait_for(port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    raise BenchError(f"the broker does not listen on port {port}")


def redis_command(*words: bytes) -> bytes:
    """A command in Redis' own protocol (RESP)."""
    parts = [b"$%d\r\n%b\r\n" % (len(word), word) for word in words]
    return b"*%d\r\n%b" % (len(words), b"".join(parts))


def _fill_redis(port: int, signed: Sequence[bytes]) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        answers = connection.makefile("rb")
        for at in range(0, len(signed), _CHUNK):
            some = signed[at : at + _CHUNK]
            connection.sendall(
                b"".join(redis_command(b"XADD", b"s", b"*", b"e", one) for one in some)
            )
            for _ in some:
                size = answers.readline()
                if not size.startswith(b"$"):
                    raise BenchError(f"redis-server said {size!r}")
                answers.readline()


async def _fill_nats(port: int, signed: Sequence[bytes]) -> None:
    connection = await nats.connect(f"nats://127.0.0.1:{port}")
    stream = connection.jetstream()
    await stream.add_stream(name="s", subjects=["e"])
    for at in range(0, len(signed), _CHUNK):
        await asyncio.gather(*(stream.publish("e", one) for one in signed[at : at + _CHUNK]))
    await connection.close()
