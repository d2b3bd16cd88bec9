"""The floor of `live`: bare nng requests and replies over the same mutual TLS. Nothing is signed,
stored or passed on.

Each receiver asks and waits; the source answers all of them when the next message is due, which is
what a long poll is.
"""

from __future__ import annotations

import asyncio
import os
import struct
import sys
import time

import msgspec
import pynng
from memory import unique_memory
from messages import Answer, BareJob, Ready, Report

from devstream_desktop.mesh.transport.link import Credentials, tls_config

_NUMBER = struct.Struct("!I")
TIMEOUT_MS = 30_000


def say(answer: Answer) -> None:
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
    sys.stdout.flush()


async def tell(job: BareJob) -> None:
    credentials = Credentials(job.ca, job.certificate, job.key)
    times: dict[int, int] = {}
    with pynng.Rep0(
        tls_config=tls_config(credentials, server=True),
        recv_timeout=TIMEOUT_MS,
        send_timeout=TIMEOUT_MS,
    ) as socket:
        listener = socket.listen("tls+tcp://127.0.0.1:0")
        port = pynng.ffi.new("int *")
        pynng.check_err(pynng.lib.nng_listener_get_int(listener.listener, b"tcp-bound-port", port))
        contexts = [socket.new_context() for _ in range(job.receivers)]
        say(Ready(f"127.0.0.1:{port[0]}"))
        filling = os.urandom(job.size)
        due = 0.0
        for number in range(job.count):
            await asyncio.gather(*(context.arecv() for context in contexts))
            due = due or time.monotonic()
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due += job.every
            times[number] = time.monotonic_ns()
            await asyncio.gather(
                *(context.asend(_NUMBER.pack(number) + filling) for context in contexts)
            )
        say(Report(times, time.process_time(), job.count))
        await asyncio.to_thread(sys.stdin.read)
        for context in contexts:
            context.close()


async def hear(job: BareJob) -> None:
    credentials = Credentials(job.ca, job.certificate, job.key)
    times: dict[int, int] = {}
    with pynng.Req0(
        tls_config=tls_config(credentials, server=False),
        recv_timeout=TIMEOUT_MS,
        send_timeout=TIMEOUT_MS,
    ) as socket:
        socket.dial(f"tls+tcp://{job.address}", block=True)
        say(Ready(""))
        began = 0.0
        for _ in range(job.count):
            await socket.asend(b"next")
            message = await socket.arecv()
            times[_NUMBER.unpack_from(message)[0]] = time.monotonic_ns()
            began = began or time.process_time()
        say(Report(times, time.process_time() - began, job.count - 1, memory=unique_memory()))


if __name__ == "__main__":
    given = msgspec.json.decode(sys.stdin.readline(), type=BareJob)
    asyncio.run(hear(given) if given.address else tell(given))
