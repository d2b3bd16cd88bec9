"""The executor's view of its team: the policy of the moment, and what the stream tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from devstream_desktop.deploy.checks import Check
from devstream_desktop.stream.words import Role


@dataclass(frozen=True)
class Rights:
    """The policy of the moment; nothing is remembered of an earlier one."""

    may: Callable[[str, Role, str, str], bool]
    """(person, role, target, environment); false for all while the policy is not in force."""
    who_may: Callable[[Role, str, str], Sequence[str]]
    """The persons with a role there; empty names mean anywhere."""
    person_of: Callable[[str], str]
    """The person of a device; empty for a stranger and a revoked one."""
    version: Callable[[], int]


@dataclass(frozen=True)
class Told:
    """A change that the stream tells of."""

    sha: str
    title: str = ""
    author: str = ""
    at: int = 0
    url: str = ""
    ref: str = ""


class Knowledge(Protocol):
    """The history as the executor asks it; each call reads the disk, in a thread."""

    def deployed(self, target: str, environment: str) -> tuple[str, int]:
        """Return the last success told there, commit and time; empty for none."""

    def checks(self, shas: Sequence[str]) -> Mapping[str, tuple[Check, ...]]:
        """Return the builds and tests of commits, by commit."""

    def succeeded(self, target: str, sha: str) -> frozenset[str]:
        """Return the environments that a commit was told to have reached."""

    def change(self, target: str, start: str) -> Told | None:
        """Return the news of a commit, also by its beginning; None for nothing."""

    def newest(self, target: str, ref: str) -> Told | None:
        """Return the newest commit told of a ref; None for none."""

    def between(self, target: str, old: str, new: str) -> tuple[Told, ...]:
        """Return the changes after `old` up to `new`, newest first."""

    def incidents(self, target: str, environment: str) -> tuple[str, ...]:
        """Return the open incidents there, a line each."""


class Nothing:
    """The knowledge of an executor without a history."""

    def deployed(self, target: str, environment: str) -> tuple[str, int]:
        """Know of no deploy."""
        del target, environment
        return "", 0

    def checks(self, shas: Sequence[str]) -> Mapping[str, tuple[Check, ...]]:
        """Know of no check."""
        del shas
        return {}

    def succeeded(self, target: str, sha: str) -> frozenset[str]:
        """Know of no success."""
        del target, sha
        return frozenset()

    def change(self, target: str, start: str) -> Told | None:
        """Know of no commit."""
        del target, start
        return None

    def newest(self, target: str, ref: str) -> Told | None:
        """Know of no ref."""
        del target, ref
        return None

    def between(self, target: str, old: str, new: str) -> tuple[Told, ...]:
        """Know of no change."""
        del target, old, new
        return ()

    def incidents(self, target: str, environment: str) -> tuple[str, ...]:
        """Know of no incident."""
        del target, environment
        return ()
