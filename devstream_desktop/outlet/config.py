"""Outlets of a home: the file `outlets.json`, and their addresses and secrets in the vault."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Sequence
from typing import Literal, Protocol, get_args
from urllib.parse import urlsplit

import msgspec

from devstream_desktop import machine
from devstream_desktop.clock import now_ms
from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home, write_private
from devstream_desktop.stream.query import InvalidQueryError, Query, parse_query

Form = Literal["cloudevents", "chat", "atom"]
"""The first two are posted; a feed is read at the collector."""
FORMS: tuple[Form, ...] = get_args(Form)
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_KEY = "whsec_"
"""The mark of a key in Standard Webhooks."""
_LEAST = 24
"""Bytes of a key, the least that Standard Webhooks allows."""
_MOST_ADDRESS = 2000
_TOKEN = re.compile(r"[A-Za-z0-9._~-]{24,200}")
"""The token of a feed: it is a part of a path, so these need no escape."""


class OutletError(DevstreamError):
    """An outlet cannot be as it was asked; the message says why and what to do."""


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


class Outlet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One address that lines are posted to, or a feed of them."""

    name: str
    form: Form = "cloudevents"
    search: str = ""
    """The search that a line must answer; empty: all of them."""
    host: str = ""
    """Of the address, for a person: the address itself may be a secret. A feed has none."""
    made: str = ""
    """Tells an outlet from an earlier one of the same name."""
    since: int = 0
    """Time when it was added, UTC milliseconds; 0 in the files of older versions."""

    @property
    def is_feed(self) -> bool:
        return self.form == "atom"

    @property
    def path(self) -> str:
        """Path of a feed, without its token."""
        return f"/out/{self.name}"


class Target(msgspec.Struct, frozen=True):
    """The sealed part of an outlet."""

    address: str
    """Empty for a feed."""
    key: str = ""
    """Signs what is posted (Standard Webhooks); empty: nothing does. Of a feed, its token."""


def load(home: Home) -> list[Outlet]:
    """Read the outlets of a home; none when there is no file. Blocks.

    Raises:
        OutletError: it cannot be read.

    """
    try:
        return msgspec.json.decode(home.outlets.read_bytes(), type=list[Outlet])
    except FileNotFoundError:
        return []
    except OSError as error:
        raise OutletError(f"{home.outlets} cannot be read: {machine.reason(error)}") from None
    except (ValueError, RecursionError) as error:
        raise OutletError(
            f"{home.outlets} is damaged ({error}); remove it and add the outlets again"
        ) from None


def add(home: Home, vault: Vault, outlet: Outlet, address: str, key: str = "") -> Target:
    """Seal an outlet's address and key, then add it. Blocks.

    Returns the sealed part: a key that was made here has to be given to the service.

    Raises:
        OutletError: something of it is wrong, or its name is taken.

    """
    known = load(home)
    if not _NAME.fullmatch(outlet.name):
        raise OutletError(
            f"{outlet.name!r} is not a name for an outlet; use 1 to 40 of a to z, 0 to 9 and -"
        )
    if any(other.name == outlet.name for other in known):
        raise OutletError(f"there is an outlet {outlet.name!r} already; choose another name")
    query_of(outlet)
    host = "" if outlet.is_feed else _host(address)
    target = _feed_target(address, key) if outlet.is_feed else _post_target(outlet, address, key)
    vault.seal(_sealed(outlet.name), msgspec.json.encode(target))
    made = msgspec.structs.replace(outlet, host=host, made=secrets.token_hex(4), since=now_ms())
    _save(home, [*known, made])
    return target


def remove(home: Home, vault: Vault, name: str) -> None:
    """Forget an outlet, its address and its key. Blocks.

    Raises:
        OutletError: there is no such outlet.

    """
    outlet = find(home, name)
    # The file first: an outlet without its address is broken, the other way round is not.
    _save(home, [one for one in load(home) if one.name != outlet.name])
    vault.remove(_sealed(name))
    home.outlet_state(name).unlink(missing_ok=True)


def find(home: Home, name: str) -> Outlet:
    """Return the outlet of a name. Blocks.

    Raises:
        OutletError: there is no such outlet.

    """
    known = load(home)
    for outlet in known:
        if outlet.name == name:
            return outlet
    names = ", ".join(outlet.name for outlet in known) or "none"
    raise OutletError(f"there is no outlet {name!r}; known: {names}")


def query_of(outlet: Outlet) -> Query:
    """Read the search of an outlet.

    Raises:
        OutletError: it is none, at least not in this version.

    """
    try:
        return parse_query(outlet.search)
    except InvalidQueryError as error:
        raise OutletError(f"the search {outlet.search!r} is none: {error}") from None


def target_of(vault: Vault, name: str) -> Target:
    """Unseal the address and key of an outlet. Blocks.

    Raises:
        DevstreamError: the vault's own.
        OutletError: what is sealed is none.

    """
    try:
        return msgspec.json.decode(vault.unseal(_sealed(name)), type=Target)
    except (ValueError, RecursionError):
        raise OutletError(f"the address of {name} is damaged; remove and add it again") from None


def key_of(text: str) -> bytes:
    """Return the bytes of a key, with or without `whsec_`; none if it is no base64."""
    try:
        return base64.b64decode(text.strip().removeprefix(_KEY), validate=True)
    except ValueError:
        return b""


def _post_target(outlet: Outlet, address: str, key: str) -> Target:
    if key and len(key_of(key)) < _LEAST:
        raise OutletError(
            "the key must be at least 24 bytes in base64, with or without whsec_ in front;"
            " leave --secret-file out to have one made"
        )
    if not key and outlet.form == "cloudevents":
        key = _KEY + base64.b64encode(secrets.token_bytes(32)).decode()
    return Target(address, key)


def _feed_target(address: str, key: str) -> Target:
    if address:
        raise OutletError("a feed is read here and posted nowhere; leave --address-file out")
    token = key or secrets.token_urlsafe(32)
    if not _TOKEN.fullmatch(token):
        raise OutletError(
            "the token of a feed must be 24 to 200 of A to Z, a to z, 0 to 9 and . _ ~ -;"
            " leave --secret-file out to have one made"
        )
    return Target("", token)


def _save(home: Home, outlets: Sequence[Outlet]) -> None:
    write_private(home.outlets, msgspec.json.format(msgspec.json.encode(outlets), indent=2))


def _sealed(name: str) -> str:
    return f"outlet-{name}"


def _host(address: str) -> str:
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    right = address.isascii() and address.isprintable() and " " not in address
    if not host or parts.scheme not in ("https", "http") or not right:
        raise OutletError("the address must be one line, such as https://chat.example.org/hooks/X")
    if parts.username or len(address) > _MOST_ADDRESS:
        raise OutletError("the address may have no user name in it, and at most 2000 characters")
    return host
