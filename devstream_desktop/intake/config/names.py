"""Names and addresses of sources, and the error of a wrong one."""

from __future__ import annotations

import os
from pathlib import Path

from devstream_desktop.errors import DevstreamError


class SourcesError(DevstreamError):
    """`sources.toml` or a new source is wrong.

    The message says where, why and what is allowed.
    """


def secret_name(source: str) -> str:
    """Name of a source's secret in the vault."""
    return f"source-{source}"


def token_name(source: str) -> str:
    """Name in the vault of a source's token for polling."""
    return f"source-{source}-token"


def is_local(url: str) -> bool:
    """Tell whether a git URL is a path on this machine.

    The rule is git's own: no scheme, and no colon before the first slash.
    """
    return url.startswith("file://") or ("://" not in url and ":" not in url.split("/", 1)[0])


def absolute_url(url: str, folder: Path) -> str:
    """Make the path that a person typed in `folder` absolute; any other git URL stays as it is."""
    if not url or url.startswith(("-", "file://")) or not is_local(url):
        return url
    return os.path.normpath(folder / Path(url).expanduser())
