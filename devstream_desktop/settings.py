"""The operator's settings of one node: `settings.toml` in its home, checked whole when it is read.

    [mesh]
    listen = "0.0.0.0:0"            address of the peer-to-peer listener; port 0 takes the last one used, or a free one
    peers = ["10.0.0.5:7400"]       peers to dial where multicast does not reach
    discovery = true                find peers on the local network (zeroconf)

    [intake]
    listen = "127.0.0.1:8900"       where webhooks come in; absent: nowhere

A command line option beats the file.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec

from devstream_desktop.errors import DevstreamError


class SettingsError(DevstreamError):
    """A mistake in the settings: file, line, reason and what is allowed."""


class MeshSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How this node meets its peers."""

    listen: str = "0.0.0.0:0"
    peers: tuple[str, ...] = ()
    discovery: bool = True


class IntakeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the collector takes webhooks in."""

    listen: str = ""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything in `settings.toml`."""

    mesh: MeshSettings = msgspec.field(default_factory=MeshSettings)
    intake: IntakeSettings = msgspec.field(default_factory=IntakeSettings)


def load_settings(path: Path) -> Settings:
    """The settings in `path`; the defaults when there is no file.

    Raises:
        SettingsError: it cannot be read, or has a mistake.

    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    try:
        settings = msgspec.convert(tomllib.loads(text), Settings)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: {error}") from None
    except msgspec.ValidationError as error:
        raise SettingsError(f"{path}, line {_line_of(text, str(error))}: {error}; allowed are {_allowed()}") from None
    for name, address in [("mesh.listen", settings.mesh.listen), ("intake.listen", settings.intake.listen or "127.0.0.1:0")]:
        if problem := address_problem(address):
            raise SettingsError(f"{path}, line {_line_of(text, address)}: {name} {problem}")
    for peer in settings.mesh.peers:
        if problem := address_problem(peer):
            raise SettingsError(f"{path}, line {_line_of(text, peer)}: mesh.peers {problem}")
    return settings


def address_problem(address: str) -> str:
    """Why `address` is not a HOST:PORT; empty when it is one."""
    host, _, port = address.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        return f"{address!r} is not HOST:PORT, such as 10.0.0.5:7400"
    return ""


def _allowed() -> str:
    return "[mesh] listen, peers, discovery and [intake] listen"


def _line_of(text: str, needle: str) -> int:
    """The line that `needle` stands on, or what a validation error names: an unknown field, else the end of its path."""
    named = re.search(r"unknown field `(\w+)`", needle) or re.search(r"at `\$\.(?:\w+\.)*(\w+)", needle)
    wanted = named[1] if named else needle
    return next((number for number, line in enumerate(text.splitlines(), 1) if wanted in line), 1)
