"""Carriers of a home: the file `carriers.json`, and their credentials in the vault."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import urlsplit

import msgspec

from devstream_desktop import machine
from devstream_desktop.address import is_loopback
from devstream_desktop.control.messages.status import CarrierStatus
from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home, write_private
from devstream_desktop.mesh.carrier.nats import proves

Kind = Literal["nats"]
MOST_URLS, MOST_URL = 16, 500
MOST_REPLICAS = 5
"""JetStream's own limit."""


class CarrierError(DevstreamError):
    """A carrier cannot be as it was asked; the message says why and what to do."""


class Vault(Protocol):
    """The node's sealed store. Its methods may block."""

    def seal(self, name: str, content: bytes) -> None:
        """Keep it, encrypted, under `name`."""
        ...

    def unseal(self, name: str) -> bytes:
        """Return the secret under `name`."""
        ...

    def remove(self, name: str) -> None:
        """Forget it."""
        ...


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One carrier of this home. Its name is its kind: a home has one of each."""

    kind: Kind
    urls: tuple[str, ...]
    """Servers of one cluster, `tls://HOST:PORT`."""
    ca: str = ""
    """A file with the authorities of their certificates; empty: this machine's."""
    replicas: int = 1
    """Copies of a stream to ask for when it is made."""
    relay: bool = True
    """Send the entries of others as well, for peers without a carrier."""
    sealed: bool = False
    """It has credentials in the vault."""
    made: str = ""
    """Tells a carrier from an earlier one of the same name."""


def load(home: Home) -> list[Settings]:
    """Read the carriers of a home; none when there is no file. Blocks.

    Raises:
        CarrierError: it cannot be read.

    """
    try:
        return msgspec.json.decode(home.carriers.read_bytes(), type=list[Settings])
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CarrierError(f"{home.carriers} cannot be read: {machine.reason(error)}") from None
    except (ValueError, RecursionError) as error:
        raise CarrierError(
            f"{home.carriers} is damaged ({error}); remove it and add the carrier again"
        ) from None


def add(home: Home, vault: Vault, settings: Settings, credentials: str = "") -> None:
    """Seal a carrier's credentials, then add it. Blocks.

    Raises:
        CarrierError: something of it is wrong, or there is one already.

    """
    known = load(home)
    if any(other.kind == settings.kind for other in known):
        raise CarrierError(
            f"there is a carrier {settings.kind} already;"
            f" devstream carrier remove {settings.kind} first"
        )
    _check(settings, credentials)
    if credentials:
        vault.seal(_sealed(settings.kind), credentials.encode())
    made = msgspec.structs.replace(settings, sealed=bool(credentials), made=secrets.token_hex(4))
    _save(home, [*known, made])


def remove(home: Home, vault: Vault, name: str) -> None:
    """Forget a carrier, its credentials and how far it was. Blocks.

    Raises:
        CarrierError: there is no such carrier.

    """
    settings = find(home, name)
    # The file first: a carrier without its credentials is broken, the other way round is not.
    _save(home, [one for one in load(home) if one.kind != name])
    if settings.sealed:
        vault.remove(_sealed(name))
    home.carrier_place(name).unlink(missing_ok=True)


def find(home: Home, name: str) -> Settings:
    """Return the carrier of a name. Blocks.

    Raises:
        CarrierError: there is no such carrier.

    """
    for one in load(home):
        if one.kind == name:
            return one
    raise CarrierError(f"there is no carrier {name!r}; devstream carrier add nats URL adds one")


def credentials_of(vault: Vault, settings: Settings) -> str:
    """Unseal a carrier's credentials; empty where it has none. Blocks.

    Raises:
        DevstreamError: the vault's own.

    """
    if not settings.sealed:
        return ""
    return vault.unseal(_sealed(settings.kind)).decode("utf-8", "replace")


def stopped(home: Home) -> tuple[CarrierStatus, ...]:
    """Return the carriers of a home whose node does not run. Blocks."""
    try:
        return tuple(
            CarrierStatus(name=one.kind, servers=one.urls, state="stopped") for one in load(home)
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


def _save(home: Home, carriers: Sequence[Settings]) -> None:
    write_private(home.carriers, msgspec.json.format(msgspec.json.encode(carriers), indent=2))


def _sealed(name: str) -> str:
    return f"carrier-{name}"
