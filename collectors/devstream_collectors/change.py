"""What all sources of commits share: which branches count, where a repository is, and the identity of a push.

A push that is seen by webhook, by poll and by a post-receive hook is one fact, so its key must come from here and nowhere else.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from devstream_collectors.contract import SourceInfo
from devstream_desktop.stream.event import fact_key
from devstream_desktop.stream.text import short_ref
from devstream_desktop.stream.words import Kind

HEADS = "refs/heads/"
MERGE_QUEUE = "gh-readonly-queue/"
"""Branches that GitHub's merge queue makes for itself; no person pushed them."""
_SCP = re.compile(r"(?:[^/@\s]+@)?(?P<host>[^/:@\s]{2,}):(?!//)(?P<path>.+)")
_AZURE_SSH = re.compile(r"(?:vs-)?ssh\.(?:dev\.azure|visualstudio)\.com/v3/([^/]+)/([^/]+)/([^/]+)")
_AZURE_OLD = re.compile(r"([^/.]+)\.visualstudio\.com/(?:defaultcollection/)?(.+)")
_SCHEMES = ("https", "http", "ssh", "git", "git+ssh")


def is_global(branch: str, patterns: tuple[str, ...], default: str) -> bool:
    """Whether `branch` is one the team wants to hear of: it equals or matches (glob, the whole name) one of `patterns`.

    A pattern may be a full ref. Without patterns only `default` counts; a merge queue's own branches never do.
    """
    if not branch or branch.startswith(MERGE_QUEUE):
        return False
    if not patterns:
        return branch == default
    return any(fnmatchcase(branch, short_ref(pattern)) for pattern in patterns)


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


def change_key(scope: str, ref: str, state: str, revision: str, previous: str = "") -> str:
    """The identity of a change: the branch and what it points at now.

    What it was before counts only where the same end can be reached again and is news each time: a force-push and a deletion.
    """
    branch = short_ref(ref)
    if state == "deleted":
        return fact_key(scope, Kind.CHANGE, branch, "deleted", previous)
    if state == "force-pushed":
        return fact_key(scope, Kind.CHANGE, branch, revision, previous)
    return fact_key(scope, Kind.CHANGE, branch, revision)


def change_subject(service: str, ref: str) -> str:
    """The row that changes of one branch belong to."""
    return f"change/{service}/{short_ref(ref)}"


def sample_branch(source: SourceInfo) -> str:
    """A branch that counts, for a sample: the first that is named without a wildcard."""
    return next((short_ref(pattern) for pattern in source.branches if not set("*?[") & set(pattern)), "main")
