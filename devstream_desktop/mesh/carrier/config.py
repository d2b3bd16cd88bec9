"""Carriers of a home: the file `carriers.json`, and their credentials in the vault."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from devstream_desktop.address import is_loopback
from devstream_desktop.control.messages.status import CarrierStatus
from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home
from devstream_desktop.mesh.carrier.nats import proves
from devstream_desktop.sealed_list import SealedList, Vault

Kind = Literal["nats"]
MOST_URLS, MOST_URL = 16, 500
MOST_REPLICAS = 5
"""JetStream's own limit."""
_SITE = re.compile(r"[A-Za-z0-9_-]{1,64}")


class CarrierError(DevstreamError):
    """A carrier cannot be as it was asked; the message says why and what to do."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One carrier of a home."""

    kind: Kind
    """Also the name: a home has one of each at most."""
    urls: tuple[str, ...]
    """Servers of one cluster, `tls://HOST:PORT`."""
    ca: str = ""
    """A file with the authorities of their certificates; empty: this machine's."""
    replicas: int = 1
    """Copies of a stream to ask for when it is made."""
    relay: bool = True
    """Send the entries of others as well, for peers without a carrier."""
    site: str = ""
    """The site that one node reads and sends for; empty: each for itself."""
    sealed: bool = False
    """It has credentials in the vault."""
    made: str = ""
    """Tells a carrier from an earlier one of the same name."""

    @property
    def name(self) -> str:
        return self.kind


_FILE = msgspec.json.Decoder(list[Settings])


def carriers(home: Home) -> SealedList[Settings]:
    """Return the carriers of a home."""
    return SealedList(
        home.carriers, _FILE, "carrier", "devstream carrier", CarrierError, home.carrier_place
    )


def add(home: Home, vault: Vault, settings: Settings, credentials: str = "") -> None:
    """Seal a carrier's credentials, then add it. Blocks.

    Raises:
        CarrierError: something of it is wrong, or there is one already.

    """
    carriers(home).check_new(settings.name)
    _check(settings, credentials)
    made = msgspec.structs.replace(settings, sealed=bool(credentials), made=os.urandom(4).hex())
    carriers(home).add(vault, made, credentials.encode())


def credentials_of(home: Home, vault: Vault, settings: Settings) -> str:
    """Unseal a carrier's credentials; empty where it has none. Blocks.

    Raises:
        DevstreamError: the vault's own.

    """
    if not settings.sealed:
        return ""
    return carriers(home).secret(vault, settings.name).decode("utf-8", "replace")


def stopped(home: Home) -> tuple[CarrierStatus, ...]:
    """Return the carriers of a home whose node does not run. Blocks."""
    try:
        return tuple(
            CarrierStatus(name=one.name, servers=one.urls, state="stopped")
            for one in carriers(home).load()
        )
    except CarrierError as error:
        return (CarrierStatus(name="carriers", state="stopped", error=str(error)),)


def _check(settings: Settings, credentials: str) -> None:
    if not 0 < len(settings.urls) <= MOST_URLS:
        raise CarrierError(f"give 1 to {MOST_URLS} addresses, those of one cluster")
    for url in settings.urls:
        _check_url(url)
    if not 0 < settings.replicas <= MOST_REPLICAS:
        raise CarrierError(f"the replicas must be 1 to {MOST_REPLICAS}; 3 survive a lost server")
    if settings.site and not _SITE.fullmatch(settings.site):
        raise CarrierError("the site's name may have 1 to 64 letters, digits, - and _")
    if settings.ca and not Path(settings.ca).is_file():
        raise CarrierError(f"{settings.ca} is no file; give the authority's certificate in PEM")
    if credentials and not proves(credentials):
        raise CarrierError(
            "the credentials hold no user's seed; give the .creds file that nsc made,"
            " or a file with the seed of an nkey (SU...)"
        )


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= MOST_URL
    if not host or parts.scheme not in ("tls", "nats") or parts.path not in ("", "/") or not plain:
        raise CarrierError("the address must be one such as tls://nats.example.org:4222")
    # Whoever lists the processes reads the arguments of a command.
    if parts.username or parts.password or parts.query:
        raise CarrierError(
            "the address may hold no user, password or token; give a file with --creds"
        )
    if parts.scheme == "nats" and not is_loopback(host):
        raise CarrierError(
            f"nats:// is not encrypted, and {host} is another machine;"
            f" write tls://{parts.netloc}, and have the server speak TLS"
        )
