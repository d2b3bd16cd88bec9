"""Branches: the ones that count for a team, and the ones that moved between two looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

import msgspec

from devstream_collectors.contract import SourceInfo
from devstream_desktop.stream.text import short_ref

HEADS = "refs/heads/"
MERGE_QUEUE = "gh-readonly-queue/"
"""Branches that GitHub's merge queue makes for itself; no person pushed them."""
USUAL_BRANCHES = ("main", "master")
"""The branches that count when no default branch is named. Bitbucket's webhooks never name one."""
MAX_HEADS = 40_000
"""Bytes that the branches of a glob have in a cursor; the rest is for what else is known."""


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


def fits(heads: Mapping[str, str], room: int = MAX_HEADS) -> bool:
    """Tell whether a cursor has room for so many branches: whoever pushes can make any number."""
    return len(msgspec.json.encode(heads)) <= room


def check_fits(heads: Mapping[str, str], room: int = MAX_HEADS) -> None:
    """Refuse more branches than a cursor has room for.

    Raises:
        ValueError: there are.

    """
    if not fits(heads, room):
        raise ValueError(
            f"{len(heads)} branches or more match, too many to follow; name fewer with --branch"
        )


def as_text(heads: Mapping[str, str]) -> str:
    """Write the branches of earlier pages for the next step."""
    return msgspec.json.encode(heads).decode()


def of_text(text: str) -> dict[str, str]:
    """Read the branches of earlier pages; see `as_text`."""
    return msgspec.json.decode(text, type=dict[str, str]) if text else {}
