"""Branches of a repository that cannot be followed: counted and named.

Each is set aside alone, so that it costs the others nothing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping

from devstream_desktop.stream.text import clean

AGAIN_S = 900.0
"""Seconds until a branch is asked for again."""
_NAMED = 3
_NAME = 30


class OddBranches:
    """The odd branches of one source.

    `dropped` counts each once, `steady` is a clock in seconds.
    """

    def __init__(self, dropped: Counter[str], steady: Callable[[], float] = time.monotonic) -> None:
        self._dropped = dropped
        self._steady = steady
        self._odd: set[str] = set()
        self._kept_back: dict[str, tuple[str, float]] = {}
        self._unsaid: set[str] = set()
        self._why = ""

    @property
    def odd(self) -> set[str]:
        """Names that no branch can have, among those that count."""
        return self._odd

    @odd.setter
    def odd(self, names: set[str]) -> None:
        self._count("odd-branch-name", names - self._odd)
        self._odd = names

    def cannot_have(self, branches: Mapping[str, str], why: str) -> None:
        """Keep back branches whose commits could not be fetched."""
        self._count("branch-cannot-be-had", set(branches) - set(self._kept_back))
        again = self._steady() + AGAIN_S
        self._kept_back |= {name: (revision, again) for name, revision in branches.items()}
        self._why = why

    def cannot_say(self, branch: str) -> None:
        """Note a branch whose name makes no line."""
        self._count("odd-branch-name", {branch} - self._unsaid)
        self._unsaid.add(branch)

    def is_kept_back(self, branch: str, revision: str) -> bool:
        """Tell whether a branch's commit could not be fetched of late."""
        kept, again = self._kept_back.get(branch, ("", 0.0))
        return bool(revision) and kept == revision and self._steady() < again

    def keep_back(self, new: Mapping[str, str], old: Mapping[str, str]) -> dict[str, str]:
        """Return the branches, those kept back as they were before."""
        as_before = {
            name: old.get(name, "")
            for name, revision in new.items()
            if self.is_kept_back(name, revision)
        }
        return {name: revision for name, revision in {**new, **as_before}.items() if revision}

    def see(self, branches: Mapping[str, str]) -> None:
        """Forget the branches that are gone or have another commit now."""
        # A branch with a new commit is tried again at once.
        self._kept_back = {
            name: kept for name, kept in self._kept_back.items() if branches.get(name) == kept[0]
        }
        self._unsaid &= set(branches)

    def sentence(self) -> str:
        """Describe them in a sentence; empty when there are none."""
        names = sorted({*self._odd, *self._kept_back, *self._unsaid})
        if not names:
            return ""
        # A name comes from outside and may be as long as git allows.
        shown = ", ".join(f"{clean(name, _NAME)!r}" for name in names[:_NAMED])
        more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
        which = "1 branch is" if len(names) == 1 else f"{len(names):,} branches are"
        why = (
            self._why
            if self._kept_back
            else "rename it on the server, or leave it out with --branch"
        )
        return clean(f"{which} not followed: {shown}{more}; {why}", 200)

    def _count(self, reason: str, names: set[str]) -> None:
        if names:
            self._dropped[reason] += len(names)
