"""Branches: the ones that count for a team, and the ones that moved between two looks."""

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
"""The branches that count when no default branch is named. Bitbucket's webhooks never name one."""


@dataclass(frozen=True)
class Moved:
    """A branch that points elsewhere; `old` is empty for a new one, `new` for one that is gone."""

    branch: str
    old: str
    new: str


def is_global(branch: str, patterns: tuple[str, ...], default: str = "") -> bool:
    """Tell whether the team follows a branch.

    Args:
        branch: its name, without `refs/heads/`.
        patterns: exact names or globs over the whole name; a full ref is fine.
        default: the branch that counts when there are no patterns.

    """
    # Even `*` does not mean these.
    if not branch or branch.startswith(MERGE_QUEUE):
        return False
    if not patterns:
        return branch == default
    return any(fnmatchcase(branch, short_ref(pattern)) for pattern in patterns)


def defaults(branch: str | None) -> tuple[str, ...]:
    """Return the branches that count for a source that names none."""
    return (short_ref(branch),) if branch else USUAL_BRANCHES


def sample_branch(source: SourceInfo) -> str:
    """Choose a branch that counts, for a sample: the first named without a wildcard."""
    return next(iter(exact(source.branches)), "main")


def exact(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Keep the patterns that are names: each can be asked for by itself."""
    return tuple(name for name in map(short_ref, patterns) if not set("*?[") & set(name))


def globs(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Keep the patterns for which all branches must be listed."""
    return tuple(name for name in map(short_ref, patterns) if set("*?[") & set(name))


def moved(old: Mapping[str, str], new: Mapping[str, str]) -> list[Moved]:
    """Keep the branches that differ between two looks, by name."""
    pairs = [(name, old.get(name, ""), new.get(name, "")) for name in sorted({*old, *new})]
    return [Moved(name, before, after) for name, before, after in pairs if before != after]


def matching(heads: Mapping[str, str], patterns: tuple[str, ...]) -> dict[str, str]:
    """Keep the heads that match a pattern with a wildcard."""
    names = exact(patterns)
    return {
        name: head
        for name, head in heads.items()
        if name not in names and is_global(name, globs(patterns))
    }
