"""Port and peers of the last run.

The port is kept, so that invites and firewall rules stay true; the peers, so that they are found
again.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
from typing import Annotated

import msgspec

from devstream_desktop.home import Home, read_kept, write_private
from devstream_desktop.team import reachable_host

_log = logging.getLogger(__name__)


Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
_MOST_PEERS = 1_000


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
    """List where peers were found last time, best first."""
    return (read_kept(home.peers, list[str]) or [])[:_MOST_PEERS]


def save_peers(home: Home, addresses: list[str]) -> None:
    """Remember these, where the disk has room: peers are found again without."""
    if addresses != load_peers(home):
        try:
            write_private(home.peers, msgspec.json.encode(addresses), durable=False)
        except OSError as error:
            _log.warning("the addresses of peers are not kept for the next start: %s", error)


def free_or_new(host: str, port: int) -> int:
    """Choose `port` when `host` can listen on it, else a free one."""
    for wanted in (port, 0):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # As the listener itself does: a port of a minute ago counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, wanted))
            except OSError:
                continue
            free: int = probe.getsockname()[1]
            return free
    return 0


def reachable(host: str) -> str:
    """Choose what others can dial when we listen on `host`.

    It is `host` itself, or for all interfaces this machine's address on the way out.
    """
    try:
        return reachable_host() if ipaddress.ip_address(host).is_unspecified else host
    except ValueError:
        return host
