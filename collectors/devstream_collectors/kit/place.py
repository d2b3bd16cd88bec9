"""The place of a fact: its scope, its service and the source."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.branches import USUAL_BRANCHES, is_global
from devstream_collectors.kit.outcome import Dropped

_AHEAD = 5 * 60 * 1000
"""Milliseconds that a sender's clock may be ahead of ours."""
_SCP = re.compile(r"(?:[^/@\s]+@)?(?P<host>[^/:@\s]{2,}):(?!//)(?P<path>.+)")
_AZURE_SSH = re.compile(r"(?:vs-)?ssh\.(?:dev\.azure|visualstudio)\.com/v3/([^/]+)/([^/]+)/([^/]+)")
_AZURE_OLD = re.compile(r"([^/.]+)\.visualstudio\.com/(?:defaultcollection/)?(.+)")
_SCHEMES = ("https", "http", "ssh", "git", "git+ssh")
_PART = re.compile(r"[A-Za-z0-9_.~-]+")


@dataclass(frozen=True)
class Place:
    """The place of facts, and the source that they are read for.

    The scope is where a natural key is true, the same by webhook and by poll: `host/owner/name` of
    a repository (`remote_scope`), the address of a tracker or a job (`page_scope`). It is never the
    source's name, unless the service does not say where it is.
    """

    source: SourceInfo
    received: int
    """UTC milliseconds."""
    scope: str = ""
    service: str = ""
    """The sender's name for it: a repository, a job, an app."""
    default_branches: tuple[str, ...] = USUAL_BRANCHES
    """The branches that count when the source names none.

    Empty: all of them, for a way in that has looked at the branches before.
    """

    def at(self, scope: str, service: str = "") -> Place:
        """Return this place with another scope and service."""
        return replace(self, scope=scope, service=service)

    @property
    def branches(self) -> tuple[str, ...]:
        """The branches that count, as names or globs; empty: all of them."""
        return self.source.branches or self.default_branches

    def about(self, service: str = "") -> str:
        """Name the service of a line: the team's name for it, else the sender's.

        Args:
            service: what the fact itself says, which may be more than the place says.

        """
        return self.source.service or service or self.service or self.source.name

    def check_branch(self, branch: str) -> None:
        """Go on only with a branch that counts.

        Raises:
            Dropped: it does not.

        """
        if self.branches and not is_global(branch, self.branches):
            raise Dropped("not-a-global-branch", branch)

    def moment(self, said: int) -> int:
        """Return a fact's time; see `moment`."""
        return moment(said, self.received)


def moment(said: int, received: int) -> int:
    """Return a fact's time in UTC milliseconds.

    Args:
        said: the source's time of it, 0 for none. A clock ahead of ours writes nothing into the
            future; one that is far ahead is not believed.
        received: when it came in. A fact of exactly this time is one whose source says none.

    """
    if said <= 0 or said > received + _AHEAD:
        return received
    return said if said <= received else received + 1


def remote_scope(url: str) -> str:
    """Return the scope of a git remote, `host/owner/name`; empty for a path on this machine.

    It is the same for each way to write one, and lower case, because forges take either:
    `git@GitHub.com:Acme/Shop.git` and `https://github.com/acme/shop` are one place.
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
    """Return the scope of a repository that no forge names: a path on this machine."""
    return f"service/{service}"


def page_scope(url: str | None) -> str:
    """Return the scope of a web page, `host:port/path`; empty for anything else.

    Unlike `remote_scope` it keeps the port and the case of the path: one machine often has several
    CI servers.
    """
    try:
        parts = urlsplit(url or "")
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return ""
    usual = port in (None, 443 if parts.scheme == "https" else 80)
    host = parts.hostname if usual else f"{parts.hostname}:{port}"
    return "/".join(text for text in (host, parts.path.strip("/")) if text)


def check_repository(name: str, form: str, *, deep: bool = False) -> None:
    """Check the option `repository`; empty is fine.

    Args:
        name: its value.
        form: how it is written, for the message.
        deep: it may have more than two parts.

    Raises:
        ValueError: it is not a repository's name.

    """
    parts = name.split("/")
    good = all(_PART.fullmatch(part) and part not in (".", "..") for part in parts)
    if name and not (good and (len(parts) == 2 or (deep and len(parts) > 2))):
        raise ValueError(f"repository must be {form}")
