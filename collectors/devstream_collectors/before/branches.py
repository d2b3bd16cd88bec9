"""Branches: which count for a team, and what moved between two looks at them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from devstream_collectors.contract import SourceInfo
from devstream_desktop.stream.text import short_ref

HEADS = "refs/heads/"
MERGE_QUEUE = "gh-readonly-queue/"
"""Branches that GitHub's merge queue makes for itself; no person pushed them."""

USUAL_BRANCHES = ("main", "master")
"""What counts when neither the team nor the forge says which branch is the default: Bitbucket's webhooks never do."""


@dataclass(frozen=True)
class Moved:
    """A branch that points elsewhere than it did; `old` is empty for a new branch, `new` for one that is gone."""

    branch: str
    old: str
    new: str


def is_global(branch: str, patterns: tuple[str, ...], default: str) -> bool:
    """Whether `branch` is one the team wants to hear of: it equals or matches (glob, the whole name) one of `patterns`.

    A pattern may be a full ref. Without patterns only `default` counts; a merge queue's own branches never do.
    """
    if not branch or branch.startswith(MERGE_QUEUE):
        return False
    if not patterns:
        return branch == default
    return any(fnmatchcase(branch, short_ref(pattern)) for pattern in patterns)


def sample_branch(source: SourceInfo) -> str:
    """A branch that counts, for a sample: the first that is named without a wildcard."""
    return next(
        (short_ref(pattern) for pattern in source.branches if not set("*?[") & set(pattern)), "main"
    )


def exact(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """The names among the patterns: each can be asked for by itself."""
    return tuple(name for name in map(short_ref, patterns) if not set("*?[") & set(name))


def globs(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """The patterns for which all branches must be listed."""
    return tuple(name for name in map(short_ref, patterns) if set("*?[") & set(name))


def moved(old: Mapping[str, str], new: Mapping[str, str]) -> list[Moved]:
    """What changed, by name."""
    return [
        Moved(name, old.get(name, ""), new.get(name, ""))
        for name in sorted({*old, *new})
        if old.get(name, "") != new.get(name, "")
    ]


def matching(heads: Mapping[str, str], patterns: tuple[str, ...]) -> dict[str, str]:
    """Those of `heads` that match the globs among `patterns`, and are not asked for by name."""
    names = exact(patterns)
    return {
        name: head
        for name, head in heads.items()
        if name not in names and is_global(name, globs(patterns), "")
    }
