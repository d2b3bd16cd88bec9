"""Outlets added, removed and tried, whether a node runs or not.

The node looks at the file again and again, and a sealed secret is a file of its own: so a command
may change both while it runs.
"""

from __future__ import annotations

from devstream_desktop.clock import now_ms
from devstream_desktop.home import Home
from devstream_desktop.keys import Vault
from devstream_desktop.outlet import config
from devstream_desktop.outlet.body import body_of, signed
from devstream_desktop.outlet.config import Outlet, Target
from devstream_desktop.outlet.post import post
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
    config.remove(home, Vault.open(home), name)


def try_outlet(home: Home, name: str) -> None:
    """Post a line of a test to an outlet. Blocks.

    Raises:
        OutletError, VaultError, PostError: each says why.

    """
    outlet = config.find(home, name)
    target = config.target_of(Vault.open(home), name)
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
