"""An executor's mark on a run that it started at a tool."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from devstream_desktop.stream.run_mark import EXECUTOR, REQUEST

_MAX = 128


class Mark(NamedTuple):
    """A deploy request and the device of its executor; both empty on the runs of others."""

    request: str = ""
    executor: str = ""


NOBODYS = Mark()


def mark_of(named: Iterable[tuple[str, str]]) -> Mark:
    """Read the mark among names and values; half a mark is none."""
    found = {name: value for name, value in named if name in (REQUEST, EXECUTOR)}
    mark = Mark(found.get(REQUEST, ""), found.get(EXECUTOR, ""))
    return mark if all(mark) and len(mark.request) <= _MAX >= len(mark.executor) else NOBODYS
