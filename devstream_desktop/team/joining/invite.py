"""The invite: one line to paste, that lets one device into one team.

    ds1-base32( version[1]=1  pin[32]  id[5]  secret[16]  issuer[32]  address  checksum[3] )

`pin` is the SHA-256 of the team's CA certificate, `issuer` the Ed25519 key of the device to join
at, `address` its HOST:PORT, and the checksum the start of the SHA-256 of all before it: it tells a
slip of the hand from a wrong secret. Base32 in lower case without padding, some 170 characters.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from dataclasses import dataclass
from ipaddress import ip_address

from devstream_desktop.stream.entry import device_id
from devstream_desktop.team.joining.errors import JoinError, Problem

ID_BYTES = 5
SECRET_BYTES = 16

_PREFIX = "ds1-"
_VERSION = 1
_CHECKSUM_BYTES = 3
_FIXED = 1 + 32 + ID_BYTES + SECRET_BYTES + 32
_MAX_TEXT = 800
_MAX_HOST = 253
# With underscores, which names of Windows machines and containers have.
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?")


@dataclass(frozen=True)
class Invite:
    """An invite, read or about to be written. The secret is in it: never log one."""

    pin: bytes
    id: bytes
    secret: bytes
    issuer: bytes
    address: str

    @property
    def issuer_device(self) -> str:
        """The device id of the issuer."""
        return device_id(self.issuer)

    def __repr__(self) -> str:
        return f"Invite({self.id.hex()} at {self.address})"


def new_invite(pin: bytes, issuer: bytes, address: str) -> Invite:
    """Return an invite with a fresh id and secret.

    Raises:
        JoinError: the address is not HOST:PORT.

    """
    split_address(address)
    return Invite(pin, os.urandom(ID_BYTES), os.urandom(SECRET_BYTES), issuer, address)


def write_invite(invite: Invite) -> str:
    """Return the line to paste."""
    blob = (
        bytes([_VERSION])
        + invite.pin
        + invite.id
        + invite.secret
        + invite.issuer
        + invite.address.encode()
    )
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
    if blob[0] != _VERSION:
        raise JoinError(Problem.NEWER)
    pin, rest = blob[1:33], blob[33:]
    invite_id, secret, issuer = (
        rest[:ID_BYTES],
        rest[ID_BYTES : ID_BYTES + SECRET_BYTES],
        rest[ID_BYTES + SECRET_BYTES :][:32],
    )
    try:
        address = blob[_FIXED:].decode("ascii")
    except UnicodeDecodeError:
        raise JoinError(Problem.MISTYPED) from None
    split_address(address)
    return Invite(pin, invite_id, secret, issuer, address)


def split_address(address: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT` or `[IPV6]:PORT`.

    Raises:
        JoinError: it is neither.

    """
    host, _, port = address.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        valid = _is_ipv6(host)
    else:
        valid = len(host) <= _MAX_HOST and _HOST.fullmatch(host) is not None
    if (
        not valid
        or not port.isascii()
        or not port.isdigit()
        or len(port) > 5
        or not 0 < int(port) < 65536
    ):
        raise JoinError(Problem.MISTYPED, "its address is not HOST:PORT")
    return host, int(port)


def join_address(host: str, port: int) -> str:
    """`HOST:PORT`, an IPv6 host in brackets."""
    return f"[{host}]:{port}" if _is_ipv6(host) else f"{host}:{port}"


def _is_ipv6(host: str) -> bool:
    try:
        return ip_address(host).version == 6 and "%" not in host
    except ValueError:
        return False


def _base32(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()
