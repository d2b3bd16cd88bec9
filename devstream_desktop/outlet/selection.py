"""Lines of the history that leave by an outlet. All of it blocks."""

from __future__ import annotations

from collections.abc import Iterator

from devstream_desktop.history.reader import Reader
from devstream_desktop.outlet.body import leaves
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.subject import Line

_PAGE = 50
_PAGES = 20
"""Pages that are looked through: what was filled in from before leaves by no outlet."""
MOST_WAITING = 500
"""Lines that are counted as waiting at most."""


def wanted(reader: Reader, query: Query, line: Line) -> bool:
    """Tell whether a line leaves, and the search finds it."""
    if line.struck or not leaves(line.event):
        return False
    if query.everything:
        return True
    # The search is that of the history window, word for word.
    found = reader.page(query, before=line.id + 1, limit=1, superseded=True)
    return any(one.id == line.id for one in found)


def latest(reader: Reader, query: Query, limit: int) -> list[Line]:
    """Return the newest lines, newest first, as the history window shows them."""
    found: list[Line] = []
    for page in _pages(reader, query, superseded=False):
        found += page
        if len(found) >= limit:
            break
    return found[:limit]


def waiting(reader: Reader, query: Query, arrival: int) -> int:
    """Count the lines that came after `arrival`, up to `MOST_WAITING`."""
    if reader.newest() <= arrival:
        return 0
    count = 0
    for page in _pages(reader, query, superseded=True):
        new = sum(line.arrival > arrival for line in page)
        count += new
        # Rows are in order of their time, which is nearly that of their arrival.
        if count >= MOST_WAITING or (page and not new):
            break
    return min(count, MOST_WAITING)


def _pages(reader: Reader, query: Query, *, superseded: bool) -> Iterator[list[Line]]:
    """Page through the lines that leave, the newest first; a page may be empty."""
    before: int | None = None
    for _ in range(_PAGES):
        page = reader.page(query, before=before, limit=_PAGE, superseded=superseded)
        yield [line for line in page if not line.struck and leaves(line.event)]
        if len(page) < _PAGE:
            return
        before = page[-1].id
