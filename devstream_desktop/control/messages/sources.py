"""The sources a collector takes in: add one, remove one, send a test through one. How they are is told by `Status`."""

from __future__ import annotations

import msgspec

from devstream_desktop.control.messages.base import Done, Request


class AddSource(Request[Done], frozen=True, tag=True, kw_only=True):
    """Add a source; answered with `Done`: the URL path it posts to, else empty. `secret` and `token` are sealed, never stored plain.

    `location` is a repository's path or URL, or a service's address; the rest is as in `sources.toml`.
    """

    type: str
    name: str
    location: str = ""
    branches: tuple[str, ...] = ()
    secret: bytes = b""
    token: bytes = b""
    ways: tuple[str, ...] = ("webhook",)
    service: str = ""
    environment: str = ""
    interval: int = 0
    silent_after: int = 0
    secret_path: bool = False
    token_env: str = ""
    token_file: str = ""
    options: dict[str, str | int | bool | tuple[str, ...]] = msgspec.field(default_factory=dict)


class RemoveSource(Request[Done], frozen=True, tag=True, kw_only=True):
    """Answered with `Done`."""

    name: str


class ProbeSource(Request[Done], frozen=True, tag=True, kw_only=True):
    """Send a test event end to end; answered with `Done` (how far it got)."""

    name: str
