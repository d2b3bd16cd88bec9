"""The floor of `carried`: a bare client of JetStream. Nothing is signed, stored or passed on."""

from __future__ import annotations

import asyncio
import os
import struct
import sys
import time

import msgspec
import nats
from messages import Answer, Publish, Ready, Report, StreamJob
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

STREAM, SUBJECT = "bare", "bare"
TIMEOUT_S = 30.0
_NUMBER = struct.Struct("!I")


def say(answer: Answer) -> None:
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
    sys.stdout.flush()


async def tell(job: StreamJob) -> None:
    connection = await nats.connect(job.url)
    stream = connection.jetstream()
    await stream.add_stream(name=STREAM, subjects=[SUBJECT])
    say(Ready(job.url))
    command = msgspec.json.decode(await asyncio.to_thread(sys.stdin.readline), type=Publish)
    filling, times, due = os.urandom(job.size), {}, time.monotonic()
    for number in range(command.count):
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        due += command.every
        times[number] = time.monotonic_ns()
        await stream.publish(SUBJECT, _NUMBER.pack(number) + filling)
    say(Report(times, time.process_time(), command.count))
    await asyncio.to_thread(sys.stdin.read)
    await connection.close()


async def hear(job: StreamJob) -> None:
    connection = await nats.connect(job.url)
    config = ConsumerConfig(ack_policy=AckPolicy.NONE, deliver_policy=DeliverPolicy.NEW)
    messages = await connection.jetstream().subscribe(SUBJECT, stream=STREAM, config=config)
    say(Ready(""))
    times: dict[int, int] = {}
    began = 0.0
    while len(times) < job.count:
        message = await messages.next_msg(timeout=TIMEOUT_S)
        times[_NUMBER.unpack_from(message.data)[0]] = time.monotonic_ns()
        began = began or time.process_time()
    say(Report(times, time.process_time() - began, job.count - 1))
    await connection.close()


if __name__ == "__main__":
    given = msgspec.json.decode(sys.stdin.readline(), type=StreamJob)
    asyncio.run(tell(given) if given.size else hear(given))
