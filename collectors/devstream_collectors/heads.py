"""Branches as a poller sees them: what they point at now against what they did, for services that keep no record of pushes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from devstream_collectors.change import is_global
from devstream_desktop.stream.text import short_ref


@dataclass(frozen=True)
class Moved:
    """A branch that points elsewhere than it did; `old` is empty for a new branch, `new` for one that is gone."""

    branch: str
    old: str
    new: str


def exact(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """The names among the patterns: each can be asked for by itself."""
    return tuple(name for name in map(short_ref, patterns) if not set("*?[") & set(name))


def globs(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """The patterns for which all branches must be listed."""
    return tuple(name for name in map(short_ref, patterns) if set("*?[") & set(name))


def moved(old: Mapping[str, str], new: Mapping[str, str]) -> list[Moved]:
    """What changed, by name."""
    return [Moved(name, old.get(name, ""), new.get(name, "")) for name in sorted({*old, *new}) if old.get(name, "") != new.get(name, "")]


def matching(heads: Mapping[str, str], patterns: tuple[str, ...]) -> dict[str, str]:
    """Those of `heads` that match the globs among `patterns`, and are not asked for by name."""
    names = exact(patterns)
    return {name: head for name, head in heads.items() if name not in names and is_global(name, globs(patterns), "")}


def next_page(link: str) -> bool:
    """Whether a `Link` header has a next page (https://datatracker.ietf.org/doc/html/rfc8288)."""
    return 'rel="next"' in link
