"""A source as it is configured: the values that `sources.toml` holds."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from devstream_desktop.errors import DevstreamError

WEBHOOK = "webhook"
POLL = "poll"
TAIL = "tail"
WAYS = (WEBHOOK, POLL, TAIL)
"""How facts come from a source: it posts them, it is asked, or its file is read."""


class SourcesError(DevstreamError):
    """`sources.toml` or a new source is not right; the message says where, why and what is allowed."""


class GitSource(msgspec.Struct, frozen=True, kw_only=True):
    """A repository that git is asked for. `interval` in seconds, 0 for the default."""

    name: str
    type: str = "git"
    url: str
    branches: tuple[str, ...] = ()
    service: str = ""
    interval: int = 0
    backfill: bool = False

    @property
    def is_local(self) -> bool:
        """Whether it is a path on this machine."""
        return is_local(self.url)

    @property
    def where(self) -> str:
        """What a person knows it by."""
        return self.url


class RemoteSource(msgspec.Struct, frozen=True, kw_only=True):
    """A service that posts to us, is asked by us, or both. `type` is the name of its collector."""

    name: str
    type: str
    ways: tuple[str, ...] = (WEBHOOK,)
    branches: tuple[str, ...] = ()
    service: str = ""
    environment: str = ""
    url: str = ""
    """The service's address, for polling and links; empty for the collector's own."""
    silent_after: int = 0
    """Seconds without a delivery until it counts as silent (0: silence is normal)."""
    interval: int = 0
    """Seconds between polls, 0 for the collector's own."""
    secret_path: bool = False
    """What it proves itself with is part of the address it posts to."""
    token_env: str = ""
    """The environment variable that holds the token for polling; empty: the vault has it, or there is none."""
    token_file: str = ""
    """The file that holds it, read each time."""
    options: dict[str, str | int | bool | tuple[str, ...]] = {}
    """What its collector declares beyond these."""

    @property
    def takes_webhooks(self) -> bool:
        return WEBHOOK in self.ways

    @property
    def polls(self) -> bool:
        return POLL in self.ways

    @property
    def tails(self) -> bool:
        return TAIL in self.ways

    @property
    def path(self) -> str:
        """The URL path it posts to, without the secret that may follow; empty when it does not post."""
        return f"/in/{self.name}" if self.takes_webhooks else ""

    @property
    def where(self) -> str:
        """What a person knows it by: the path it posts to, the file that is read, or the service's address."""
        return self.path or str(self.options.get("path", "") if self.tails else self.url)


Source = GitSource | RemoteSource


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
