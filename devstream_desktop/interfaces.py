"""This machine's own addresses, read when asked: a laptop changes its network while it runs."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import ifaddr

MOST_NAMED = 6
"""Addresses that are named to others, the best first."""
_INNER = re.compile(r"docker|veth|br-[0-9a-f]{12}|virbr|vmnet|vboxnet|cni|podman|lxc|lxd")
"""Beginnings of the interfaces of containers and virtual machines.

Others rarely reach those.
"""
_TABLE = Path("/proc/net/if_inet6")
_UNSTABLE = 0x01 | 0x08 | 0x20 | 0x40
"""IFA_F_TEMPORARY, _DADFAILED, _DEPRECATED and _TENTATIVE of linux/if_addr.h."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def own_addresses() -> frozenset[str]:
    """Return the IP addresses of this machine; a link-local IPv6 one with its interface.

    Without those that the system changes by itself, for privacy.

    Raises:
        OSError: they cannot be read, as when no file descriptor is left.

    """
    return frozenset(host for host, _, _ in _own())


def own_networks() -> list[Network]:
    """Return the networks that this machine is in.

    Raises:
        OSError: as `own_addresses`.

    """
    parts = [(host.partition("%")[0], length) for host, _, length in _own()]
    return [ipaddress.ip_network(f"{host}/{length}", strict=False) for host, length in parts]


def reachable_hosts(*, four: bool = True, six: bool = True) -> list[str]:
    """List this machine's addresses that others may reach, the best first.

    That of the way out, then those of all interfaces: a LAN without a way out, and VPNs. Of an IPv6
    network one.
    """
    own = [(host, inner) for host, inner, _ in _own() if not _leads_nowhere(host)]
    known, four_and_six = {host for host, _ in own}, {False: four, True: six}
    out = [_way_out(socket.AF_INET, "192.0.2.1"), _way_out(socket.AF_INET6, "2001:db8::1")]
    found = [host for host in out if host in known]
    # Those of containers last: the same ones are on many machines.
    found += [host for host, _ in sorted(own, key=lambda one: (one[1], ":" in one[0]))]
    wanted = [host for host in dict.fromkeys(found) if four_and_six[":" in host]]
    by_network: dict[str, str] = {}
    for host in wanted:
        network = str(ipaddress.ip_network(f"{host}/64", strict=False)) if ":" in host else host
        by_network.setdefault(network, host)
    return list(by_network.values())[:MOST_NAMED]


def _own() -> list[tuple[str, bool, int]]:
    """List each address, True for a container's, and its network's bits."""
    unstable, found = set(_unstable()), []
    for adapter in ifaddr.get_adapters():
        inner = _INNER.match(adapter.name) is not None
        for ip in adapter.ips:
            host = str(ip.ip) if ip.is_IPv4 else str(ipaddress.ip_address(ip.ip[0]))
            link_local = not ip.is_IPv4 and ipaddress.ip_address(host).is_link_local
            # Every container brings such a one, and nobody is found there.
            if host in unstable or (link_local and inner):
                continue
            host = f"{host}%{ip.ip[2]}" if link_local else host
            found.append((host, inner, int(ip.network_prefix)))
    return found


def _unstable() -> Iterator[str]:
    """Yield Linux's IPv6 addresses that come and go, or are not free."""
    with contextlib.suppress(OSError, ValueError):
        for line in _TABLE.read_text().splitlines():
            digits, _, _, _, flags, _ = line.split()
            if int(flags, 16) & _UNSTABLE:
                yield str(ipaddress.IPv6Address(int(digits, 16)))


def _way_out(family: socket.AddressFamily, towards: str) -> str:
    """Return the address used towards a documentation address (RFC 5737, RFC 3849)."""
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.setblocking(False)  # noqa: FBT003 - the library's name
        probe.connect((towards, 9))  # UDP picks a route and sends nothing
        return str(probe.getsockname()[0])
    return ""


def _leads_nowhere(host: str) -> bool:
    """Return True for an address that leads other machines nowhere."""
    ip = ipaddress.ip_address(host.partition("%")[0])
    return ip.is_loopback or ip.is_link_local or ip.is_unspecified or ip.is_multicast
