"""Port and peers of the last run.

The port is kept, so that invites and firewall rules stay true; the peers, so that they are found
again.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from typing import Annotated

import msgspec

from devstream_desktop.clock import now_ms
from devstream_desktop.door.acceptor import listen
from devstream_desktop.home import Home
from devstream_desktop.private_file import read_kept, write_private

_log = logging.getLogger(__name__)


Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
_MOST_PEERS = 24
_DAY_MS = 86_400_000
_KEEP_MS = 60 * _DAY_MS
"""Age at which an address that no longer works is forgotten."""


class _Ports(msgspec.Struct, frozen=True, kw_only=True):
    mesh: Port = 0


def load_port(home: Home) -> int:
    """Return the port of last time; 0 for a new home."""
    return (read_kept(home.ports, _Ports) or _Ports()).mesh


def save_port(home: Home, port: int) -> None:
    """Remember the port."""
    if port != load_port(home):
        write_private(home.ports, msgspec.json.encode(_Ports(mesh=port)), durable=False)


def load_peers(home: Home) -> list[str]:
    """List where peers were found of late, the latest first."""
    return list(_peers(home))


def save_peers(home: Home, found: Sequence[str], now: int) -> None:
    """Remember these, the best first, where the disk has room: peers are found again without.

    Those of earlier days stay, so that what works in this network hides nothing that worked in
    another. `now` is UTC milliseconds.
    """
    before = _peers(home)
    # A time that is a day old is near enough: the file is not written each minute.
    fresh = {one: now for one in found if not now - _DAY_MS < before.get(one, 0) <= now}
    known = {one: at for one, at in {**before, **fresh}.items() if at > now - _KEEP_MS}
    latest = sorted(known, key=lambda one: -known[one])[:_MOST_PEERS]
    if fresh or latest != list(before):
        try:
            content = msgspec.json.encode([(one, known[one]) for one in latest])
            write_private(home.peers, content, durable=False)
        except OSError as error:
            _log.warning("the addresses of peers are not kept for the next start: %s", error)


def _peers(home: Home) -> dict[str, int]:
    """Read when each address last worked, the latest first."""
    kept = read_kept(home.peers, list[tuple[str, int] | str]) or []
    # A mere address is of an earlier version: it counts as of today.
    known = dict((one, now_ms()) if isinstance(one, str) else one for one in kept)
    return dict(sorted(known.items(), key=lambda one: -one[1])[:_MOST_PEERS])


def free_or_new(host: str, port: int) -> int:
    """Choose `port` when `host` can listen on it, else a free one."""
    for wanted in (port, 0):
        with contextlib.suppress(OSError), listen(host, wanted) as probe:
            free: int = probe.getsockname()[1]
            return free
    return 0
