"""Every back end by its name in targets.toml."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from devstream_desktop.deploy.backends.contract import Backend
from devstream_desktop.deploy.backends.shell import Shell

BACKENDS: Mapping[str, Backend] = MappingProxyType({"shell": Shell()})
