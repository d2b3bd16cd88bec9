"""Status of a home without its keys, by its files."""

from __future__ import annotations

from msgspec.structs import replace

from devstream_desktop import __version__
from devstream_desktop.control.messages.status import SourceStatus, Status
from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home
from devstream_desktop.mesh.carrier.config import stopped
from devstream_desktop.node.outlets import outlets_of
from devstream_desktop.team import standing_of


def status_of_files(
    home: Home, *, locked: str = "", sources: tuple[SourceStatus, ...] = ()
) -> Status:
    """Read a status; `locked` says what a node waits for, when it does."""
    outlets, trouble = outlets_of(home)
    notices = (trouble,) if trouble else ()
    known = Status(
        version=__version__,
        locked=locked,
        sources=sources,
        outlets=outlets,
        carriers=stopped(home),
        notices=notices,
    )
    try:
        standing = standing_of(home)
    except (DevstreamError, ValueError, OSError):
        # In no team yet, or its files are broken, which the start itself will report.
        return known
    return replace(
        known,
        device=standing.device,
        person=standing.person,
        team=standing.team,
        team_id=standing.team_id,
        solo=standing.solo,
        members=len(standing.people),
        policy_version=standing.policy_version,
        policy_expires=standing.policy_expires,
        certificate_expires=standing.certificate_expires,
    )
