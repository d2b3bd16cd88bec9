"""Many real nodes in one process, for another node to be linked with.

They listen, and dial nobody.
"""

from __future__ import annotations

import asyncio
import logging
import sys

import msgspec
from messages import CrowdJob, Ready
from node_process import Node, say


async def main() -> None:
    nodes = [Node(job) for job in msgspec.json.decode(sys.stdin.readline(), type=CrowdJob).jobs]
    for node in nodes:
        say(Ready(await node.mesh.start()))
    await asyncio.to_thread(sys.stdin.read)
    await asyncio.gather(*(node.mesh.stop() for node in nodes))
    for node in nodes:
        node.history.close()


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    asyncio.run(main())
