"""HOST:PORT, as people write it and as it travels: the one reader of such texts.

HOST is an IPv4 address, an IPv6 address in brackets (`[fe80::1%eth0]` with the interface of a
link-local one), or a name.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re

from devstream_desktop.errors import DevstreamError
from devstream_desktop.language import _

EVERYWHERE = "[::]:0"
"""All interfaces, by IPv6 and IPv4, at any free port."""
EXAMPLE = "192.168.1.20:7400"
_MAX_NAME = 253
# With underscores, which names of Windows machines and containers have.
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?\.?")
_SCOPE = re.compile(r"[A-Za-z0-9._-]{1,32}")


class AddressError(DevstreamError, ValueError):
    """Not an address, or a name that does not resolve; the message says which."""


def split(address: str) -> tuple[str, int]:
    """Return host and port; an IP address in its usual form, without brackets.

    Port 0 is one that a listener chooses.

    Raises:
        AddressError: it is not HOST:PORT.

    """
    text = address.strip()
    host, separator, port = text.rpartition(":")
    if not separator or "]" in port:
        raise _wrong(address, _("it has no port") if text else _("it is empty"))
    if "/" in text:
        raise _wrong(address, _("it is a URL or a path"))
    if not (port.isascii() and port.isdigit() and len(port) <= 5) or int(port) > 65535:
        raise _wrong(address, _("its port is no number up to 65535"))
    if host.startswith("[") and host.endswith("]"):
        return _six(host[1:-1], address), int(port)
    if ":" in host:
        raise _wrong(address, _("an IPv6 address needs brackets, as in [2001:db8::20]:7400"))
    return _four_or_name(host, address), int(port)


def destination(address: str) -> tuple[str, int]:
    """Return host and port of an address that can be dialed.

    Raises:
        AddressError: it is not HOST:PORT, or nobody can be there.

    """
    host, port = split(address)
    if not port:
        raise _wrong(address, _("nobody can be dialed at port 0"))
    if is_any(host):
        why = _("{host} means all addresses of a machine, and leads to none")
        raise _wrong(address, why.format(host=host))
    return host, port


def join(host: str, port: int) -> str:
    """Return the text of an address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def problem(address: str, *, listen: bool = False) -> str:
    """Say why `address` cannot be dialed, or listened on; empty when it can."""
    try:
        split(address) if listen else destination(address)
    except AddressError as error:
        return str(error)
    return ""


def is_any(host: str) -> bool:
    """Return True for the host that means all interfaces."""
    ip = _ip(host)
    return ip is not None and ip.is_unspecified


def is_loopback(host: str) -> bool:
    """Return True for a host that is this machine, whoever asks."""
    ip = _ip(plain(host))
    return ip.is_loopback if ip is not None else host.lower().rstrip(".") == "localhost"


def plain(host: str) -> str:
    """Return an IP address as it is compared and shown; anything else as it is.

    Without the interface, and an IPv4 address never as an IPv6 one.
    """
    ip = _ip(host.partition("%")[0])
    return host if ip is None else str(getattr(ip, "ipv4_mapped", None) or ip)


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host)
    return None


def _six(host: str, address: str) -> str:
    ip, (_address, percent, scope) = _ip(host), host.partition("%")
    if not isinstance(ip, ipaddress.IPv6Address) or (percent and not _SCOPE.fullmatch(scope)):
        raise _wrong(address, _("what stands in brackets is no IPv6 address"))
    return str(ip)


def _four_or_name(host: str, address: str) -> str:
    with contextlib.suppress(UnicodeError):
        # A name with other letters, as resolvers know it.
        host = host if host.isascii() else host.encode("idna").decode()
    ip = _ip(host)
    # What ends in a number is an IPv4 address or a slip: resolvers take 10.1 for 10.0.0.1.
    number = host.rstrip(".").rpartition(".")[2].isdigit()
    name = _NAME.fullmatch(host) and ".." not in host and len(host) <= _MAX_NAME
    if ip is None and (number or not name):
        raise _wrong(address, _("its host is neither an IP address nor a name"))
    return host if ip is None else str(ip)


def _wrong(address: str, why: str) -> AddressError:
    shown = repr(address if len(address) <= 80 else f"{address[:80]}…")
    said = _("{address} is not an address: write HOST:PORT, as in {example} ({reason})")
    return AddressError(said.format(address=shown, example=EXAMPLE, reason=why))
