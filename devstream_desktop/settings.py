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
from devstream_desktop.toml_lines import line_of


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
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path}: {error}") from None
    try:
        settings = msgspec.convert(document, Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{path}, line {line_of(text, _keys_of(str(error)))}: {error}; allowed are {_allowed()}") from None
    addresses = [("mesh", "listen", settings.mesh.listen), ("intake", "listen", settings.intake.listen or "127.0.0.1:0")]
    for table, key, address in [*addresses, *(("mesh", "peers", peer) for peer in settings.mesh.peers)]:
        if problem := address_problem(address):
            raise SettingsError(f"{path}, line {line_of(text, (table, key), address)}: {table}.{key} {problem}")
    return settings


def address_problem(address: str) -> str:
    """Why `address` is not a HOST:PORT; empty when it is one."""
    host, _, port = address.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        return f"{address!r} is not HOST:PORT, such as 10.0.0.5:7400"
    return ""


def _allowed() -> str:
    return "[mesh] listen, peers, discovery and [intake] listen"


def _keys_of(error: str) -> tuple[str, ...]:
    """The keys that a validation error names: its path, and the field that is unknown."""
    path = re.search(r"at `\$\.([\w.]+)", error)
    unknown = re.search(r"unknown field `([^`]*)`", error)
    return (*(path[1].split(".") if path else ()), *([unknown[1]] if unknown else ()))
