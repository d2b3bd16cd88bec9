"""Outlets added, removed, tried and described, whether a node runs or not."""

from __future__ import annotations

import base64

from devstream_desktop.clock import now_ms
from devstream_desktop.control.messages.sealed import AddOutlet
from devstream_desktop.control.messages.status import OutletStatus
from devstream_desktop.home import Home
from devstream_desktop.keys import SealedFiles, Vault
from devstream_desktop.outlet import config
from devstream_desktop.outlet.body import body_of, signed
from devstream_desktop.outlet.config import Outlet, OutletError, Target
from devstream_desktop.outlet.status import Serving, statuses
from devstream_desktop.stream.event import fact_key, make_event
from devstream_desktop.stream.words import Kind, Transition

NO_PORT = (
    "this node has no port for a feed yet: start it again with --intake HOST:PORT, "
    "or write listen under [intake] in settings.toml"
)


def add_outlet(home: Home, vault: Vault, asked: AddOutlet) -> Target:
    """Add an outlet; see `outlet.config.add`. Blocks.

    Raises:
        OutletError, VaultError: each says what to do.

    """
    outlet = Outlet(asked.name, asked.form, asked.search)
    return config.add(home, vault, outlet, asked.address, asked.key)


def remove_outlet(home: Home, name: str) -> None:
    """Remove an outlet with its address and key. Blocks.

    Raises:
        OutletError: there is none.

    """
    config.outlets(home).remove(SealedFiles(home), name)


def outlets_of(home: Home, serving: Serving | None = None) -> tuple[tuple[OutletStatus, ...], str]:
    """Return the status of each outlet. Blocks.

    The sentence says why there is none where their file cannot be read; else it is empty.
    """
    try:
        return statuses(home, serving), ""
    except OutletError as error:
        return (), str(error)


def try_outlet(home: Home, vault: Vault | None, name: str, intake: str) -> str:
    """Post a test to an outlet, or read its feed; blocks.

    Returns a sentence. Without a vault the home's is opened. `intake` is the address of the
    node's port, `http://HOST:PORT`; empty where it has none.

    Raises:
        OutletError, VaultError, PostError: each says why.

    """
    outlet = config.outlets(home).find(name)
    vault = vault or Vault.open(home)
    if outlet.is_feed:
        if not intake:
            raise OutletError(NO_PORT)
        lines = _read_feed(home, vault, outlet, intake)
        return f"{name} is served; it has {lines} of the newest lines"
    # With an HTTP client, which a node needs for this alone.
    from devstream_desktop.outlet.post import post

    target = config.target_of(home, vault, name)
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
    return f"{name} took it"


def _read_feed(home: Home, vault: Vault, outlet: Outlet, intake: str) -> int:
    """Read a feed as a feed reader does; return its number of lines."""
    from devstream_desktop.outlet.post import get

    token = config.target_of(home, vault, outlet.name).key
    password = base64.b64encode(f"{outlet.name}:{token}".encode()).decode()
    body = get(f"{intake}{outlet.path}", {"authorization": f"Basic {password}"})
    return body.count(b"<entry>")
