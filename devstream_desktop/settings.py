"""The operator's settings of one node: `settings.toml` in its home, checked whole when it is read.

    [mesh]
    listen = "[::]:0"            address of the peer-to-peer listener; port 0: the last one used
    addresses = []               where others reach it besides, as behind a router
    peers = ["10.0.0.5:7400"]    peers to dial where multicast does not reach
    discovery = true             find peers on the local network (zeroconf)

    [intake]
    listen = "127.0.0.1:8900"    address at which webhooks come in; absent: nowhere

    [metrics]
    listen = "127.0.0.1:9464"    address of /health and /metrics; absent: nowhere

    [log]
    format = "text"              of a line in node.log: text or json
    level = "info"               the least that is logged: debug, info, warning or error
    rooms = {mesh = "warning"}   another level for a part of devstream

A command line option beats the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from devstream_desktop.address import EVERYWHERE
from devstream_desktop.address import problem as address_problem
from devstream_desktop.config import FieldError, TomlFile, read_text, typed
from devstream_desktop.errors import DevstreamError
from devstream_desktop.language import N_, _
from devstream_desktop.stream.text import clean


class SettingsError(DevstreamError):
    """A mistake in the settings: file, line, key and what is right."""

    # EX_CONFIG of sysexits.h: the service manager need not try again until somebody mends the file.
    exit_code = 78


_RULE = N_("HOST:PORT, such as 10.0.0.5:7400")
_Address = Annotated[str, msgspec.Meta(description=_RULE)]
_ROOMS = (
    "control",
    "deploy",
    "door",
    "history",
    "intake",
    "mesh",
    "node",
    "outlet",
    "team",
)
"""The parts of devstream that log."""
_Level = Annotated[
    Literal["debug", "info", "warning", "error"],
    msgspec.Meta(description=N_("debug, info, warning or error")),
]
_Addresses = Annotated[
    tuple[str, ...], msgspec.Meta(description=N_("a list of HOST:PORT, such as 10.0.0.5:7400"))
]


class MeshSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """This node's ways to its peers."""

    listen: _Address = EVERYWHERE
    addresses: _Addresses = ()
    peers: _Addresses = ()
    discovery: bool = True


class IntakeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The collector's address for webhooks."""

    listen: _Address = ""


class MetricsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Address of `/health` and `/metrics`."""

    listen: _Address = ""


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Form and detail of the node's log."""

    format: Annotated[Literal["text", "json"], msgspec.Meta(description=N_("text or json"))] = (
        "text"
    )
    level: _Level = "info"
    rooms: Annotated[
        dict[str, _Level],
        msgspec.Meta(description=N_('a level for a room, such as {mesh = "warning"}')),
    ] = {}


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything in `settings.toml`."""

    mesh: MeshSettings = msgspec.field(default_factory=MeshSettings)
    intake: IntakeSettings = msgspec.field(default_factory=IntakeSettings)
    metrics: MetricsSettings = msgspec.field(default_factory=MetricsSettings)
    log: LogSettings = msgspec.field(default_factory=LogSettings)


def load_settings(path: Path) -> Settings:
    """Read the settings in `path`; the defaults where there is no file.

    Raises:
        SettingsError: it cannot be read, or has a mistake.

    """
    text = read_text(path, SettingsError)
    return Settings() if text is None else parse_settings(text, str(path))


def parse_settings(text: str, name: str) -> Settings:
    """Read the text of a file; `name` is how messages call it.

    Raises:
        SettingsError: it has a mistake.

    """
    file = TomlFile(text, name, SettingsError)
    with file.table():
        return _checked(typed(file.document, Settings))


def _checked(settings: Settings) -> Settings:
    mesh, intake = settings.mesh, settings.intake
    addresses = [("mesh", "listen", mesh.listen)]
    addresses += [("intake", "listen", intake.listen)] if intake.listen else []
    addresses += [("metrics", "listen", settings.metrics.listen)] * bool(settings.metrics.listen)
    addresses += [("mesh", "peers", peer) for peer in mesh.peers]
    addresses += [("mesh", "addresses", one) for one in mesh.addresses]
    for table, key, address in addresses:
        if problem := address_problem(address, listen=key == "listen"):
            raise FieldError(f"{table}.{key}: {problem}", table, key, holding=address)
    for room in settings.log.rooms:
        if room not in _ROOMS:
            allowed = ", ".join(_ROOMS)
            why = _("log.rooms: {room} is no room; allowed: {names}")
            why = why.format(room=repr(clean(room, 40)), names=allowed)
            raise FieldError(why, "log", "rooms", holding=room)
    return settings
