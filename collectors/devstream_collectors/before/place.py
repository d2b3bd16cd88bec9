"""Where a fact is from and for whom it is read: the scope in which its natural key is true, the branches that count, the time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from devstream_collectors.before.branches import USUAL_BRANCHES, is_global
from devstream_collectors.before.outcome import Dropped
from devstream_collectors.contract import SourceInfo
from devstream_desktop.stream.text import short_ref

LATE = 24 * 3600 * 1000
"""Milliseconds. Senders retry for days (Rollbar: 16); what is older than this is stored and shown, quietly."""
_AHEAD = 5 * 60 * 1000

_SCP = re.compile(r"(?:[^/@\s]+@)?(?P<host>[^/:@\s]{2,}):(?!//)(?P<path>.+)")
_AZURE_SSH = re.compile(r"(?:vs-)?ssh\.(?:dev\.azure|visualstudio)\.com/v3/([^/]+)/([^/]+)/([^/]+)")
_AZURE_OLD = re.compile(r"([^/.]+)\.visualstudio\.com/(?:defaultcollection/)?(.+)")
_SCHEMES = ("https", "http", "ssh", "git", "git+ssh")

_PART = re.compile(r"[A-Za-z0-9_.~-]+")


@dataclass(frozen=True)
class Place:
    """Where a fact is from, and for whom it is read."""

    source: SourceInfo
    scope: str
    """`host/owner/repository`, see `change.remote_scope`."""
    service: str
    received: int
    """UTC milliseconds."""
    default_branch: str = ""

    @property
    def branches(self) -> tuple[str, ...]:
        """Which branches count, as names or globs."""
        return self.source.branches or (
            (short_ref(self.default_branch),) if self.default_branch else USUAL_BRANCHES
        )


def check_branch(branch: str, place: Place) -> None:
    """Go on only with a branch the team watches.

    Raises:
        Dropped: it is another one.

    """
    if not is_global(branch, place.branches, ""):
        raise Dropped("not-a-global-branch", branch)


def moment(said: int, received: int) -> tuple[int, bool]:
    """The time of an event and whether it is late, from what the source said (0: nothing) and when it came in.

    A source whose clock is ahead of ours does not get to write into the future.
    """
    if said <= 0 or said > received + _AHEAD:
        return received, False
    return said, received - said > LATE


def remote_scope(url: str) -> str:
    """`host/owner/repository` of a remote, the same for each way to write it; empty for a path on this machine.

    Lower case, because forges take either: `git@GitHub.com:Acme/Shop.git` and `https://github.com/acme/shop` are one place.
    """
    if "://" in url:
        try:
            parts = urlsplit(url)
        except ValueError:
            return ""
        if parts.scheme not in _SCHEMES:
            return ""
        host, path = parts.hostname or "", parts.path
    else:
        match = _SCP.fullmatch(url)
        if match is None:
            return ""
        host, path = match["host"], match["path"]
    # Bitbucket Data Center puts `scm/` before what ssh has too.
    path = path.strip("/").removesuffix(".git").removeprefix("scm/").removeprefix("~")
    return _azure(f"{host}/{path}".lower()) if host and path else ""


def _azure(scope: str) -> str:
    """Azure Repos has three ways to write one place; all others stay as they are."""
    if match := _AZURE_SSH.fullmatch(scope):
        return "dev.azure.com/{}/{}/_git/{}".format(*match.groups())
    if match := _AZURE_OLD.fullmatch(scope):
        return f"dev.azure.com/{match[1]}/{match[2]}"
    return scope


def service_scope(service: str) -> str:
    """The scope of a repository that no forge names (a path, a hook that only knows its service): the service itself."""
    return f"service/{service}"


def page_scope(url: str | None) -> str:
    """`host:port/path` of a page, for what a CI server says of itself; empty when it is no web address.

    Unlike `remote_scope` it keeps the port and the case of the path: one machine often has several servers.
    """
    try:
        parts = urlsplit(url or "")
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return ""
    default = port in (None, 443 if parts.scheme == "https" else 80)
    return "/".join(
        text
        for text in (parts.hostname + ("" if default else f":{port}"), parts.path.strip("/"))
        if text
    )


def check_repository(name: str, form: str, *, deep: bool = False) -> None:
    """What an option `repository` holds; empty is fine.

    Args:
        name: its value.
        form: how it is written, for the message.
        deep: it may have more than two parts.

    Raises:
        ValueError: it is not a repository's name.

    """
    parts = name.split("/")
    good = all(_PART.fullmatch(part) and part not in (".", "..") for part in parts) and (
        len(parts) == 2 or (deep and len(parts) > 2)
    )
    if name and not good:
        raise ValueError(f"repository must be {form}")
