"""Whether a history's database is whole; read only, so it may be asked while a node writes."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from devstream_desktop.history.database import HistoryError, friendly, open_reader

_MOST = 5


def problems(path: Path) -> tuple[str, ...]:
    """What is wrong with the history at `path`, a sentence each; empty when it is whole. Reads the whole file: seconds for a gigabyte."""
    try:
        with closing(open_reader(path)) as connection, friendly(path):
            found = [str(row[0]) for row in connection.execute(f"PRAGMA quick_check({_MOST})")]
    except HistoryError as error:
        return (str(error),)
    return () if found == ["ok"] else tuple(f"the history {path} is damaged: {line}" for line in found)
