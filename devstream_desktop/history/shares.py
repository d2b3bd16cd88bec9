"""The share of a too large history that each author may take.

If simply the oldest went, one member who floods the team could push out everybody's history. So
each author has a share, and what others do not need of theirs is shared again. An author whom the
policy gives a device's role has a larger one, because it speaks for many.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from devstream_desktop.history.database import friendly, open_reader
from devstream_desktop.history.space import used_bytes
from devstream_desktop.stream.entry import KEY_BYTES

MOST_BYTES = 2 << 30
"""Of a history on the disk, about 1.4 million events."""
_ROOM = 0.9
"""One tenth more goes than must. So it is not done again at once."""


def floors(path: Path, weight: Callable[[bytes], int]) -> dict[bytes, int]:
    """Return the number, by feed, up to which entries should go.

    The rest then fits `MOST_BYTES`. Takes seconds for a large history: not to be called on the
    loop. Nothing is changed.

    Args:
        path: Of the history.
        weight: How large the share of the author with this public key is, against others'.

    Raises:
        HistoryError: it cannot be read.

    """
    with friendly(path), closing(open_reader(path)) as connection:
        used = used_bytes(connection)
        if used <= MOST_BYTES:
            return {}
        rows: list[tuple[int, bytes, int]] = connection.execute(
            "SELECT feeds.id, feeds.feed, SUM(LENGTH(log.body) + LENGTH(log.signature))"
            " FROM log JOIN feeds ON feeds.id = log.feed GROUP BY feeds.id"
        ).fetchall()
        authors: dict[bytes, int] = {}
        for _, feed, held in rows:
            authors[feed[:KEY_BYTES]] = authors.get(feed[:KEY_BYTES], 0) + held
        wanted = round(sum(authors.values()) * _ROOM * MOST_BYTES / used)
        left = kept({author: (held, weight(author)) for author, held in authors.items()}, wanted)
        found: dict[bytes, int] = {}
        for row_id, feed, held in rows:
            author = feed[:KEY_BYTES]
            if left[author] < authors[author]:
                (floor,) = connection.execute(
                    "SELECT MAX(seq) FROM (SELECT seq, SUM(LENGTH(body) + LENGTH(signature)) OVER"
                    " (ORDER BY seq DESC) AS newer"
                    " FROM log WHERE feed = ?) WHERE newer > ?",
                    (row_id, held * left[author] // authors[author]),
                ).fetchone()
                if floor is not None:
                    found[feed] = floor
    return found


def kept(authors: Mapping[bytes, tuple[int, int]], most: int) -> dict[bytes, int]:
    """Return the bytes that each author keeps: all that it holds, or its share of `most`.

    `authors` has what each holds and its weight. What is left of a share goes to the others.
    """
    result: dict[bytes, int] = {}
    waiting = dict(authors)
    while waiting:
        weights = sum(weight for _, weight in waiting.values())
        small = {
            author for author, (held, weight) in waiting.items() if held * weights <= most * weight
        }
        if not small:
            return result | {
                author: most * weight // weights for author, (_, weight) in waiting.items()
            }
        for author in small:
            held, _ = waiting.pop(author)
            result[author] = held
            most -= held
    return result
