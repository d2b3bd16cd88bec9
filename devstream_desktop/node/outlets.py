"""Outlets added, removed, tried and described, whether a node runs or not."""

from __future__ import annotations

import base64

from devstream_desktop.clock import now_ms
from devstream_desktop.control.messages.status import OutletStatus
from devstream_desktop.home import Home
from devstream_desktop.keys import Vault
from devstream_desktop.outlet import config
from devstream_desktop.outlet.body import body_of, signed
from devstream_desktop.outlet.config import Outlet, OutletError, Target
from devstream_desktop.outlet.status import Serving, statuses
from devstream_desktop.stream.event import fact_key, make_event
from devstream_desktop.stream.words import Kind, Transition


def add_outlet(home: Home, outlet: Outlet, address: str, key: str) -> Target:
    """Add an outlet; see `outlet.config.add`. Blocks.

    Raises:
        OutletError, VaultError: each says what to do.

    """
    return config.add(home, Vault.open(home), outlet, address, key)


def remove_outlet(home: Home, name: str) -> None:
    """Remove an outlet with its address and key. Blocks.

    Raises:
        OutletError, VaultError: each says what to do.

    """
    config.outlets(home).find(name)
    config.outlets(home).remove(Vault.open(home), name)


def outlets_of(home: Home, serving: Serving | None = None) -> tuple[tuple[OutletStatus, ...], str]:
    """Return the status of each outlet. Blocks.

    The sentence says why there is none where their file cannot be read; else it is empty.
    """
    try:
        return statuses(home, serving), ""
    except OutletError as error:
        return (), str(error)


def try_outlet(home: Home, name: str) -> None:
    """Post a line of a test to an outlet. Blocks.

    Raises:
        OutletError, VaultError, PostError: each says why.

    """
    outlet = config.outlets(home).find(name)
    # With an HTTP client, which a node needs for this alone.
    from devstream_desktop.outlet.post import post

    target = config.target_of(home, Vault.open(home), name)
    now = now_ms()
    event = make_event(
        kind=Kind.SOURCE,
        state="active",
        service="devstream",
        subject=f"outlet/{name}",
        key=fact_key(f"outlet/{name}", Kind.SOURCE, "test", str(now)),
        time=now,
        title="test",
    )
    kind, body = body_of(outlet.form, event, Transition.NONE)
    headers = signed(target.key, event.key, now // 1000, body)
    post(target.address, {"content-type": kind, **headers}, body)


def read_feed(home: Home, name: str, intake: str) -> int:
    """Read a feed as a feed reader does; return its number of lines. Blocks.

    `intake` is the address of the node's port, `http://HOST:PORT`.

    Raises:
        OutletError, VaultError, PostError: each says why.

    """
    from devstream_desktop.outlet.post import get

    outlet = config.outlets(home).find(name)
    token = config.target_of(home, Vault.open(home), name).key
    password = base64.b64encode(f"{name}:{token}".encode()).decode()
    body = get(f"{intake}{outlet.path}", {"authorization": f"Basic {password}"})
    return body.count(b"<entry>")
