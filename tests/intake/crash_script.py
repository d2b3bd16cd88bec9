"""Stores deliveries as the receiver does and prints how many are stored, until it is killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from devstream_desktop.home import Home
from devstream_desktop.intake.store import Store
from devstream_desktop.intake.webhook.spool import Spool


async def main() -> None:
    store = Store(Home(Path(sys.argv[1])).intake)
    await store.open()
    spool = Spool(store)
    for number in range(100_000):
        body = (
            b'{"action":"opened","issue":{"number":%d,"title":"x"},"repository":{"name":"shop"}}'
            % number
        )
        await spool.put(
            "gh", f"delivery-{number}", {"x-github-event": "issues"}, body, 1_800_000_000_000
        )
        sys.stdout.write(f"{number + 1}\n")
        sys.stdout.flush()


asyncio.run(main())
