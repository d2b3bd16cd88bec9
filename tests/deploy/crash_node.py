"""An executor in a process of its own, for a test that kills it.

Takes a home and a request, prints each event it publishes.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec

from devstream_desktop.deploy.knowledge import Rights
from devstream_desktop.deploy.service import Deploys
from devstream_desktop.home import Home
from devstream_desktop.stream.entry import device_id
from devstream_desktop.stream.event import Event, decode_event


async def main(home: str, request: str) -> None:
    event = decode_event(bytes.fromhex(request))

    async def publish(events: list[Event]) -> None:
        for made in events:
            print(msgspec.json.encode(made).decode(), flush=True)  # noqa: T201 (what the test reads)

    deploys = Deploys(
        home=Home(Path(home)),
        device=event.executor,
        publish=publish,
        rights=Rights(lambda *_: True, lambda *_: [], lambda _: "ana", lambda: 1),
        now=lambda: event.time,
    )
    await deploys.start()
    await deploys.handle(event, device_id(b"a" * 32), "ana", fresh=True)
    await asyncio.Event().wait()


asyncio.run(main(*sys.argv[1:]))
