"""Status of outlets: how each goes, from its files and from the node that serves it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from devstream_desktop.control.messages.status import OutletStatus
from devstream_desktop.errors import DevstreamError
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.outlet.config import Outlet, outlets, query_of
from devstream_desktop.outlet.feeds import Feeds
from devstream_desktop.outlet.selection import waiting
from devstream_desktop.outlet.state import read_state

NO_PORT = (
    "nobody can read it, because this node has no port for it; start it with --intake HOST:PORT, "
    "or write listen under [intake] in settings.toml"
)


@dataclass(frozen=True)
class Serving:
    """A node that serves the outlets of a home."""

    troubles: Mapping[str, str]
    """Reasons why outlets cannot be served at all, by name."""
    feeds: Feeds | None
    """The feeds; None where the node has no port for them."""


def statuses(home: Home, serving: Serving | None = None) -> tuple[OutletStatus, ...]:
    """Return the status of each outlet, by name. Without a node all are stopped. Blocks.

    Raises:
        OutletError: the file of the outlets cannot be read.

    """
    listed = sorted(outlets(home).load(), key=lambda outlet: outlet.name)
    with Reader(home.history) as reader:
        return tuple(
            _feed(outlet, serving) if outlet.is_feed else _post(outlet, serving, home, reader)
            for outlet in listed
        )


def _post(outlet: Outlet, serving: Serving | None, home: Home, reader: Reader) -> OutletStatus:
    state = read_state(home, outlet)
    return OutletStatus(
        name=outlet.name,
        form=outlet.form,
        location=outlet.host,
        search=outlet.search,
        state=_state(outlet, serving, state.trouble, state.seen),
        seen=state.seen,
        error=serving.troubles.get(outlet.name, state.trouble) if serving else state.trouble,
        told=state.posted,
        waiting=_waiting(outlet, reader, state.arrival),
        refused=state.refused,
        late=state.late,
    )


def _feed(outlet: Outlet, serving: Serving | None) -> OutletStatus:
    feed = serving.feeds.get(outlet.name) if serving and serving.feeds else None
    trouble = feed.trouble if feed is not None else ""
    if serving is not None:
        trouble = serving.troubles.get(outlet.name, trouble if serving.feeds else NO_PORT)
    return OutletStatus(
        name=outlet.name,
        form=outlet.form,
        location=outlet.path,
        search=outlet.search,
        state=_state(outlet, serving, trouble, feed.seen if feed else 0),
        seen=feed.seen if feed else 0,
        error=trouble,
        told=feed.reads if feed else 0,
        refused=feed.refused if feed else 0,
    )


def _state(outlet: Outlet, serving: Serving | None, trouble: str, seen: int) -> str:
    if serving is None:
        return "stopped"
    if outlet.name in serving.troubles:
        return "broken"
    return "failing" if trouble else "active" if seen else "new"


def _waiting(outlet: Outlet, reader: Reader, arrival: int) -> int:
    if arrival < 0:
        return 0
    # A home whose history is not there yet, or cannot be read, says so elsewhere.
    try:
        return waiting(reader, query_of(outlet), arrival)
    except DevstreamError:
        return 0
