"""Publishing: the calls of one moment share one commit to disk."""

from __future__ import annotations

import asyncio

from devstream_desktop.mesh.core import Core
from devstream_desktop.stream.entry import Entry


class Publisher:
    """Appends to this device's feed."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._waiting: list[tuple[list[bytes], asyncio.Future[list[Entry]]]] = []

    async def publish(self, payloads: list[bytes]) -> list[Entry]:
        """Append these payloads; on disk and on its way when this returns.

        Raises:
            MalformedEntryError: a payload is too large; none of these was appended.

        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Entry]] = loop.create_future()
        self._waiting.append((payloads, future))
        # A commit to disk costs more than an entry, so whoever comes until then shares it.
        if len(self._waiting) == 1:
            loop.call_soon(self._publish_all)
        return await future

    def _publish_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            every = [payload for payloads, _ in waiting for payload in payloads]
            entries = self._core.append(every)
        except Exception as error:  # noqa: BLE001 - handed to the callers below
            # One payload that is too large must not take the others with it.
            if len(waiting) > 1:
                for item in waiting:
                    self._waiting = [item]
                    self._publish_all()
            elif not waiting[0][1].done():
                waiting[0][1].set_exception(error)
            return
        self._core.announce(entries)
        at = 0
        for payloads, future in waiting:
            # The caller may have given up waiting; its entries are published all the same.
            if not future.done():
                future.set_result(entries[at : at + len(payloads)])
            at += len(payloads)
