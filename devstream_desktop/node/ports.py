"""Port and peers of the last run.

The port is kept, so that invites and firewall rules stay true; the peers, so that they are found
again.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import socket
from typing import Annotated

import ifaddr
import msgspec

from devstream_desktop.control.errors import ControlError
from devstream_desktop.home import Home, read_kept, write_private
from devstream_desktop.mesh import address as addresses

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


def save_peers(home: Home, found: list[str]) -> None:
    """Remember these, where the disk has room: peers are found again without."""
    if found != load_peers(home):
        try:
            write_private(home.peers, msgspec.json.encode(found), durable=False)
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

    It is `host` itself, or for all interfaces this machine's best address, as it is now; loopback
    where there is none.
    """
    if not _is_any(host):
        return host
    return next(iter(hosts(six=":" in host)), "127.0.0.1")


def for_others(address: str) -> str:
    """Return an invite's address for a node that listens at `address`.

    Raises:
        ControlError: this machine has none that another could reach.

    """
    host, port = addresses.split(address)
    # Whoever listens on loopback means this machine; whoever listens everywhere does not.
    if _is_any(host) and not hosts(six=":" in host):
        raise ControlError(
            "this machine has no network address that another could reach now, so an invite would"
            " lead nowhere: connect it to a network, or name the address that it will have:"
            f" devstream team invite --address HOST:{port}"
        )
    return addresses.join(reachable(host), port)


def hosts(*, six: bool) -> list[str]:
    """List this machine's addresses that others may reach, the best first.

    That of the way out, then those of all interfaces: a LAN without a way out, and VPNs. IPv4, and
    with `six` IPv6.
    """
    found = [_way_out(socket.AF_INET, "192.0.2.1")]
    found += [_way_out(socket.AF_INET6, "2001:db8::1")] if six else []
    for adapter in ifaddr.get_adapters():
        found += [str(ip.ip) for ip in adapter.ips if ip.is_IPv4]
        found += [str(ip.ip[0]) for ip in adapter.ips if ip.is_IPv6 and six]
    return [host for host in dict.fromkeys(found) if host and not _is_local(host)]


def _way_out(family: socket.AddressFamily, towards: str) -> str:
    """Return the address used towards a documentation address (RFC 5737, RFC 3849)."""
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.setblocking(False)  # noqa: FBT003 - the library's name
        probe.connect((towards, 9))  # UDP picks a route and sends nothing
        return str(probe.getsockname()[0])
    return ""


def _is_any(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _is_local(host: str) -> bool:
    """Return true for an address that leads other machines nowhere."""
    ip = ipaddress.ip_address(host.partition("%")[0])
    return ip.is_loopback or ip.is_link_local or ip.is_unspecified or ip.is_multicast
