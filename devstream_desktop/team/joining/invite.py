"""The invite: one line to paste, that lets one device into one team.

    ds1-base32( version[1]  pin[32]  id[5]  secret[16]  issuer[32]  addresses  checksum[3] )

`pin` is the SHA-256 of the team's CA certificate, `issuer` the Ed25519 key of the device to join
at, and the checksum the start of the SHA-256 of all before it: it tells a slip of the hand from a
wrong secret. Base32 in lower case without padding, 170 to 270 characters.

Version 1 has one address, the text HOST:PORT. Version 2 has up to four, each a byte and what it
says: 4 and an IPv4 address, 6 and an IPv6 one, or 7 + n and a name of n bytes; then the port.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from devstream_desktop.address import AddressError, destination, join
from devstream_desktop.stream.entry import device_id
from devstream_desktop.team.joining.errors import JoinError, Problem

ID_BYTES = 5
SECRET_BYTES = 16
MAX_ADDRESSES = 4
"""So many that the line stays short enough to paste."""

_PREFIX = "ds1-"
_ONE, _SEVERAL = 1, 2
"""Versions, by the number of addresses. Nodes of before read the first only."""
_CHECKSUM_BYTES = 3
_FIXED = 1 + 32 + ID_BYTES + SECRET_BYTES + 32
_MAX_TEXT = 800
_FOUR, _SIX, _NAMED = 4, 6, 7
_IP_BYTES = {_FOUR: 4, _SIX: 16}
_MAX_NAME = 255 - _NAMED


@dataclass(frozen=True)
class Invite:
    """An invite, read or about to be written. The secret is in it: never log one."""

    pin: bytes
    id: bytes
    secret: bytes
    issuer: bytes
    addresses: tuple[str, ...]
    """HOST:PORT, the likeliest first."""

    @property
    def address(self) -> str:
        """The likeliest address."""
        return self.addresses[0]

    @property
    def issuer_device(self) -> str:
        """The device id of the issuer."""
        return device_id(self.issuer)

    def __repr__(self) -> str:
        return f"Invite({self.id.hex()} at {', '.join(self.addresses)})"


def new_invite(pin: bytes, issuer: bytes, *addresses: str) -> Invite:
    """Return an invite to these addresses with a fresh id and secret.

    More than a few are cut.

    Raises:
        AddressError: one of them is none that can be dialed, or there is none.

    """
    if not addresses:
        raise AddressError("an invite needs an address at which this machine is reached")
    places = [destination(address) for address in addresses]
    if any("%" in host for host, _ in places):
        raise AddressError("an address with an interface, as after %, leads from this machine only")
    if any(len(host) > _MAX_NAME for host, _ in places):
        raise AddressError("the name is too long for an invite: use the IP address")
    named = tuple(dict.fromkeys(join(*place) for place in places))[:MAX_ADDRESSES]
    return Invite(pin, os.urandom(ID_BYTES), os.urandom(SECRET_BYTES), issuer, named)


def write_invite(invite: Invite) -> str:
    """Return the line to paste."""
    several = len(invite.addresses) > 1
    head = bytes([_SEVERAL if several else _ONE])
    head += invite.pin + invite.id + invite.secret + invite.issuer
    packed = b"".join(map(_packed, invite.addresses)) if several else invite.address.encode()
    blob = head + packed
    return _PREFIX + _base32(blob + hashlib.sha256(blob).digest()[:_CHECKSUM_BYTES])


def read_invite(text: str) -> Invite:
    """Return the invite in a pasted text.

    Blanks and line breaks that a mail or chat put in are dropped.

    Raises:
        JoinError: it is no invite, mistyped, or of a newer version; the message says which.

    """
    joined = "".join(text[: 2 * _MAX_TEXT].split()).lower()
    if not joined.startswith(_PREFIX):
        raise JoinError(Problem.NOT_AN_INVITE)
    body = joined[len(_PREFIX) :]
    try:
        raw = base64.b32decode(body.upper() + "=" * (-len(body) % 8))
    except (binascii.Error, ValueError):
        raise JoinError(Problem.MISTYPED) from None
    blob, checksum = raw[:-_CHECKSUM_BYTES], raw[-_CHECKSUM_BYTES:]
    if (
        len(joined) > _MAX_TEXT
        or len(blob) <= _FIXED
        or _base32(raw) != body
        or hashlib.sha256(blob).digest()[:_CHECKSUM_BYTES] != checksum
    ):
        raise JoinError(Problem.MISTYPED)
    if blob[0] not in (_ONE, _SEVERAL):
        raise JoinError(Problem.NEWER)
    pin, rest = blob[1:33], blob[33:]
    invite_id, secret, issuer = (
        rest[:ID_BYTES],
        rest[ID_BYTES : ID_BYTES + SECRET_BYTES],
        rest[ID_BYTES + SECRET_BYTES :][:32],
    )
    try:
        packed = blob[_FIXED:]
        named = [packed.decode("ascii")] if blob[0] == _ONE else list(_unpacked(packed))
        addresses = tuple(join(*destination(address)) for address in named)
    except ValueError:
        raise JoinError(Problem.MISTYPED, "no address in it can be dialed") from None
    return Invite(pin, invite_id, secret, issuer, addresses)


def _packed(address: str) -> bytes:
    host, port = destination(address)
    try:
        ip: IPv4Address | IPv6Address = ip_address(host)
        head = bytes([_FOUR if ip.version == 4 else _SIX]) + ip.packed
    except ValueError:
        head = bytes([_NAMED + len(host)]) + host.encode()
    return head + port.to_bytes(2, "big")


def _unpacked(content: bytes) -> Iterator[str]:
    """Yield the addresses.

    Raises:
        ValueError: it is cut, or there are too many.

    """
    at = 0
    for _ in range(MAX_ADDRESSES):
        kind, at = content[at], at + 1
        end = at + _IP_BYTES.get(kind, kind - _NAMED)
        if end <= at or end + 2 > len(content):
            break
        host = content[at:end]
        shown = str(ip_address(host)) if kind in _IP_BYTES else host.decode("ascii")
        yield join(shown, int.from_bytes(content[end : end + 2], "big"))
        at = end + 2
        if at == len(content):
            return
    raise ValueError("the addresses of an invite are cut")


def _base32(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()
