"""Progress of an outlet: its place in the stream, and how it goes; a file in the home."""

from __future__ import annotations

import msgspec

from devstream_desktop.home import Home
from devstream_desktop.outlet.config import Outlet
from devstream_desktop.private_file import write_private


class State(msgspec.Struct, frozen=True):
    """The place of an outlet in the stream, and how it goes. The node alone writes it."""

    arrival: int = -1
    """The newest row that was posted or left out; -1: it has not begun."""
    made: str = ""
    posted: int = 0
    refused: int = 0
    """Lines that the service would not have."""
    late: int = 0
    """Lines that waited so long that they were left out."""
    trouble: str = ""
    """The reason why nothing is posted now, for a person."""
    seen: int = 0
    """Time of the last post that was taken, UTC milliseconds; 0: never."""


def read_state(home: Home, outlet: Outlet) -> State:
    """Read how an outlet goes; an empty state for one that never ran. Blocks."""
    try:
        state = msgspec.json.decode(home.outlet_state(outlet.name).read_bytes(), type=State)
    except (OSError, ValueError, RecursionError):
        return State(made=outlet.made)
    return state if state.made == outlet.made else State(made=outlet.made)


def write_state(home: Home, outlet: Outlet, state: State) -> None:
    """Keep how an outlet goes; on the disk when this returns. Blocks.

    Raises:
        OSError: as `private_file.write_private`.

    """
    write_private(home.outlet_state(outlet.name), msgspec.json.encode(state))
