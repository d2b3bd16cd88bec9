"""Names and addresses of sources, and what is wrong with one."""

from __future__ import annotations

import os
from pathlib import Path

from devstream_desktop.errors import DevstreamError


class SourcesError(DevstreamError):
    """`sources.toml` or a new source is not right; the message says where, why and what is allowed."""


def secret_name(source: str) -> str:
    """Under which name the vault seals the secret of a source."""
    return f"source-{source}"


def token_name(source: str) -> str:
    """Under which name the vault seals the token a source is polled with."""
    return f"source-{source}-token"


def is_local(url: str) -> bool:
    """Whether a git URL is a path on this machine: git's own rule, no scheme and no colon before the first slash."""
    return url.startswith("file://") or ("://" not in url and ":" not in url.split("/", 1)[0])


def absolute_url(url: str, folder: Path) -> str:
    """A git URL as a person typed it in `folder`, for `GitSource`: a path becomes absolute, anything else stays as it is."""
    if not url or url.startswith(("-", "file://")) or not is_local(url):
        return url
    return os.path.normpath(folder / Path(url).expanduser())
