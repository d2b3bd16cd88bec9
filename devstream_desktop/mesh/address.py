"""Addresses to dial: those that another may name, and names as sockets need them.

nng is given IP literals only: its own resolver races when dialers come and go (nng issues 2110 and
2209).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket

from devstream_desktop.address import AddressError, destination, is_loopback, join, split

LOWEST_PORT = 1024
"""The lowest port that is dialed for an announcement or a rumour.

No node listens below, and nobody may have us knock at system services.
"""
RESOLVE_S = 5.0
"""Time for a name to resolve, else its address counts as unreachable."""


_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_SHARED = ipaddress.ip_network("100.64.0.0/10")
"""Of carriers, and of some VPNs (RFC 6598)."""
_THIS_NETWORK = ipaddress.ip_network("0.0.0.0/8")


def may_be_named(address: str, here: str) -> bool:
    """Return True when an address may be dialed on another node's word.

    `here` is the host that this node listens on. Whoever names addresses decides where all nodes of
    a team knock. So there are no names, which a resolver would be asked for; nothing that every
    machine has for itself, unless this node is found only there; and no way around that by an IPv4
    address in an IPv6 one.
    """
    try:
        host, port = split(address)
        ip = ipaddress.ip_address(host)
    except ValueError:
        return False
    odd = port < LOWEST_PORT or join(str(ip), port) != address
    if odd or ip.is_multicast or ip.is_unspecified or ip.is_link_local:
        return False
    # Every machine has these for itself, unless this node is found only there.
    if ip.is_loopback:
        return is_loopback(here)
    if isinstance(ip, ipaddress.IPv6Address):
        # An IPv4 address in an IPv6 one would be a way around the rules for IPv4.
        inner = ip.ipv4_mapped or ip.sixtofour or ip.teredo or ip in _NAT64 or "%" in host
        return (ip.is_private or ip.is_global) and not inner
    usable = ip.is_private or ip.is_global or ip in _SHARED
    return usable and not ip.is_reserved and ip not in _THIS_NETWORK


def may_be_said(address: str, here: str) -> bool:
    """Return True when an address may be dialed on an issuer's word.

    As `may_be_named`, and a name may be in it: that of a router that forwards a port. The addresses
    that it resolves to are judged when it is dialed.
    """
    try:
        host, port = destination(address)
        ipaddress.ip_address(host.partition("%")[0])
    except AddressError:
        return False
    except ValueError:
        return port >= LOWEST_PORT and not is_loopback(host)
    return may_be_named(address, here)


async def resolve(address: str) -> list[str]:
    """Return the address with its name replaced by IP literals, IPv4 first.

    Raises:
        AddressError: not an address, or the name does not resolve.

    """
    host, port = split(address)
    try:
        # An IP literal needs no resolver.
        return [join(str(ipaddress.ip_address(host)), port)]
    except ValueError:
        pass
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_S):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError:
        text = f"the name {host} did not resolve within {RESOLVE_S:.0f} s; use its IP address"
        raise AddressError(text) from None
    except (OSError, UnicodeError) as error:
        text = f"the name {host} does not resolve ({error}); check it or use its IP address"
        raise AddressError(text) from None
    found.sort(key=lambda item: item[0] != socket.AF_INET)
    # A link-local address of another leads from here by one interface, which a name does not say.
    hosts = dict.fromkeys(one for item in found if "%" not in (one := str(item[4][0])))
    if not hosts:
        text = (
            f"the name {host} has only link-local addresses; use an IP address with its interface"
        )
        raise AddressError(text)
    return [join(one, port) for one in hosts]
