"""The newest rows, which are not in the index yet, searched by the same tokenizer in memory."""

from __future__ import annotations

import sqlite3

from devstream_desktop.history.aside import stored_event
from devstream_desktop.history.words import WAITING
from devstream_desktop.stream.query import index_text

TOKENIZE = 'tokenize = "unicode61 remove_diacritics 2"'


class Waiting:
    """An index of the few rows that wait; made anew when they are others."""

    def __init__(self) -> None:
        self._index: sqlite3.Connection | None = None
        self._rows: list[tuple[int, int]] = []

    def find(self, history: sqlite3.Connection, match: str, before: int) -> list[int]:
        """The ids of the waiting rows that answer, older than the row id `before`."""
        found = history.execute(WAITING).fetchall()
        if not found:
            return []
        rows = [(row_id, lsn) for row_id, lsn, *_ in found]
        if self._index is None or rows != self._rows:
            self.close()
            self._index = sqlite3.connect(":memory:", isolation_level=None)
            self._index.execute(f"CREATE VIRTUAL TABLE words USING fts5 (text, content = '', {TOKENIZE})")
            events = ((row_id, stored_event(body, signature)) for row_id, _, body, signature in found)
            texts = [(row_id, index_text(event)) for row_id, event in events if event is not None]
            self._index.executemany("INSERT INTO words (rowid, text) VALUES (?, ?)", texts)
            self._rows = rows
        query = "SELECT rowid FROM words WHERE words MATCH ? AND rowid < ?"
        return [row_id for (row_id,) in self._index.execute(query, (match, before))]

    def close(self) -> None:
        """Let the memory go; the next question makes it again."""
        if self._index is not None:
            self._index.close()
            self._index = None
