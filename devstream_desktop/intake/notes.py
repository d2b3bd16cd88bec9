"""Small values that survive a restart: places of pollers, states of sources."""

from __future__ import annotations

import sqlite3

from devstream_desktop.intake.store import Store


class Notes:
    """Small values by name: where each poller is, how each source was."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read(self, name: str) -> bytes:
        """Return the value, empty when there is none."""

        def select(connection: sqlite3.Connection) -> bytes:
            row = connection.execute("SELECT value FROM note WHERE name = ?", (name,)).fetchone()
            return bytes(row[0]) if row else b""

        return await self._store.run(select)

    async def write(self, name: str, value: bytes) -> None:
        """Keep `value`; on the disk when this returns. An empty one forgets the name."""

        def replace(connection: sqlite3.Connection) -> None:
            if value:
                connection.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (name, value))
            else:
                connection.execute("DELETE FROM note WHERE name = ?", (name,))

        await self._store.run(replace)
