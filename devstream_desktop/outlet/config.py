"""Outlets of a home: the file `outlets.json`, and their addresses and secrets in the vault."""

from __future__ import annotations

import base64
import os
import re
from typing import Literal, get_args
from urllib.parse import urlsplit

import msgspec

from devstream_desktop.clock import now_ms
from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home
from devstream_desktop.sealed_list import SealedList, Vault
from devstream_desktop.stream.query import Query

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


_FILE = msgspec.json.Decoder(list[Outlet])


def outlets(home: Home) -> SealedList[Outlet]:
    """Return the outlets of a home."""
    return SealedList(
        home.outlets, _FILE, "outlet", "devstream out", OutletError, home.outlet_state
    )


def add(home: Home, vault: Vault, outlet: Outlet, address: str, key: str = "") -> Target:
    """Seal an outlet's address and key, then add it. Blocks.

    Returns the sealed part: a key that was made here has to be given to the service.

    Raises:
        OutletError: something of it is wrong, or its name is taken.

    """
    if not _NAME.fullmatch(outlet.name):
        raise OutletError(
            f"{outlet.name!r} is not a name for an outlet; use 1 to 40 of a to z, 0 to 9 and -"
        )
    outlets(home).check_new(outlet.name)
    query_of(outlet)
    host = "" if outlet.is_feed else _host(address)
    target = _feed_target(address, key) if outlet.is_feed else _post_target(outlet, address, key)
    made = msgspec.structs.replace(outlet, host=host, made=os.urandom(4).hex(), since=now_ms())
    outlets(home).add(vault, made, msgspec.json.encode(target))
    return target


def query_of(outlet: Outlet) -> Query:
    """Read the search of an outlet.

    Raises:
        OutletError: it is none, at least not in this version.

    """
    # Most nodes have no outlet, and nobody types a search there.
    from devstream_desktop.stream.query_text import InvalidQueryError, parse_query

    try:
        return parse_query(outlet.search)
    except InvalidQueryError as error:
        raise OutletError(f"the search {outlet.search!r} is none: {error}") from None


def target_of(home: Home, vault: Vault, name: str) -> Target:
    """Unseal the address and key of an outlet. Blocks.

    Raises:
        DevstreamError: the vault's own.
        OutletError: what is sealed is none.

    """
    try:
        return msgspec.json.decode(outlets(home).secret(vault, name), type=Target)
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
        key = _KEY + base64.b64encode(os.urandom(32)).decode()
    return Target(address, key)


def _feed_target(address: str, key: str) -> Target:
    if address:
        raise OutletError("a feed is read here and posted nowhere; leave --address-file out")
    token = key
    if not token:
        # Late: it loads OpenSSL, and most that read the file make no token.
        import secrets

        token = secrets.token_urlsafe(32)
    if not _TOKEN.fullmatch(token):
        raise OutletError(
            "the token of a feed must be 24 to 200 of A to Z, a to z, 0 to 9 and . _ ~ -;"
            " leave --secret-file out to have one made"
        )
    return Target("", token)


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
