"""A source as it is configured: the values that `sources.toml` holds."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from devstream_desktop.errors import DevstreamError


class SourcesError(DevstreamError):
    """`sources.toml` or a new source is not right; the message says where, why and what is allowed."""


class GitSource(msgspec.Struct, frozen=True, kw_only=True):
    """A repository that is polled. `interval` in seconds, 0 for the default."""

    name: str
    url: str
    branches: tuple[str, ...] = ()
    service: str = ""
    interval: int = 0
    backfill: bool = False

    @property
    def type(self) -> str:
        return "git"

    @property
    def is_local(self) -> bool:
        """Whether it is a path on this machine."""
        return is_local(self.url)


class WebhookSource(msgspec.Struct, frozen=True, kw_only=True):
    """A sender that posts to us. `type` is the name of its collector, `silent_after` seconds (0: silence is normal)."""

    name: str
    type: str
    branches: tuple[str, ...] = ()
    service: str = ""
    silent_after: int = 0

    @property
    def path(self) -> str:
        """The URL path it posts to."""
        return f"/in/{self.name}"


Source = GitSource | WebhookSource


def secret_name(source: str) -> str:
    """Under which name the vault seals the secret of a source."""
    return f"source-{source}"


def is_local(url: str) -> bool:
    """Whether a git URL is a path on this machine: git's own rule, no scheme and no colon before the first slash."""
    return url.startswith("file://") or ("://" not in url and ":" not in url.split("/", 1)[0])


def absolute_url(url: str, folder: Path) -> str:
    """A git URL as a person typed it in `folder`, for `GitSource`: a path becomes absolute, anything else stays as it is."""
    if not url or url.startswith(("-", "file://")) or not is_local(url):
        return url
    return os.path.normpath(folder / Path(url).expanduser())
