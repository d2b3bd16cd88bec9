"""The commits between two revisions, from the repository that a target names.

A repository on this machine is read in place. Of one elsewhere a copy without files is kept in the
executor's home, and brought up to date when it lacks a commit.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from devstream_desktop.deploy.knowledge import Told
from devstream_desktop.deploy.repository import Output, is_remote, run_git
from devstream_desktop.deploy.request import is_sha

MOST_COMMITS = 100
"""Commits between two revisions that a plan lists."""
LOOK_S = 2.0
"""Seconds that reading a repository on this disk may take."""
FETCH_S = 20.0
_FOLDER = "deploy-repositories"
_AT_ONCE = 500
"""Tips that one call of git is given."""
_PREFIX = re.compile(r"[0-9a-f]{4,64}")
_FORM = "--format=%H%x00%an%x00%ct%x00%s"


@dataclass(frozen=True)
class Between:
    """The commits from one revision to another, newest first.

    `backwards`: the new revision is before the old one, and these go away. `more` are not listed.
    """

    commits: tuple[Told, ...]
    backwards: bool = False
    more: int = 0


class Commits:
    """The repositories of one executor, for reading."""

    def __init__(self, home: Path) -> None:
        self._folder = home / _FOLDER
        self._turns: dict[str, asyncio.Lock] = {}
        self._fetched: dict[str, float] = {}

    async def between(self, repository: str, old: str, new: str) -> Between | None:
        """Return the commits from `old` to `new`; None where the repository cannot tell."""
        if not (is_sha(old) and is_sha(new)):
            return None
        place = await self._holding(repository, (old, new))
        if place is None:
            return None
        back = not await self._has(place, old, new) and await self._has(place, new, old)
        first, last = (new, old) if back else (old, new)
        listed = await self._git(
            place, "log", "--first-parent", f"-n{MOST_COMMITS + 1}", _FORM, f"{first}..{last}"
        )
        if listed.trouble:
            return None
        found = parse_commits(listed.text)
        more = 0
        if len(found) > MOST_COMMITS:
            counted = await self._git(
                place, "rev-list", "--count", "--first-parent", f"{first}..{last}"
            )
            more = max(1, int(counted.text or "0") - MOST_COMMITS) if not counted.trouble else 1
        return Between(found[:MOST_COMMITS], back, more)

    async def find(self, repository: str, start: str) -> str:
        """Return the commit whose hash begins with `start`; empty for none, and for several."""
        if not _PREFIX.fullmatch(start):
            return ""
        place = await self._place(repository)
        for _ in range(2):
            found = await self._git(
                place, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{start}^{{commit}}"
            )
            sha = found.text.strip()
            # A branch may have such a name; the hash is what was asked for.
            if is_sha(sha) and sha.startswith(start):
                return sha
            if not await self._fetch(repository, place):
                break
        return ""

    async def about(self, repository: str, sha: str) -> Told | None:
        """Return what the repository knows of one commit; None for nothing."""
        place = await self._holding(repository, (sha,)) if is_sha(sha) else None
        if place is None:
            return None
        shown = await self._git(place, "log", "-n1", _FORM, sha)
        return next(iter(parse_commits(shown.text)), None)

    async def are_after(self, repository: str, sha: str, tips: Collection[str]) -> bool | None:
        """Tell whether a tip has this commit; None where nothing tells.

        What lies before a commit never changes, so a copy that knows of it is right for good.
        """
        if sha in tips:
            return True
        place = await self._holding(repository, (sha,)) if is_sha(sha) else None
        if place is None:
            return None
        known = sorted(filter(is_sha, tips))
        groups = [known[at : at + _AT_ONCE] for at in range(0, len(known), _AT_ONCE)]
        outside = None
        for _ in range(2):
            for group in groups:
                # The commit, unless a tip has it. A tip that is not here has nothing; the commit
                # itself must be, and stands before the word that forgives.
                words = [sha, "--ignore-missing", *(f"^{tip}" for tip in group)]
                found = await self._git(place, "rev-list", "-n1", *words, seconds=FETCH_S)
                outside = None if found.trouble else found.text.strip()
                if outside == "":
                    return True
            if not await self._fetch(repository, place):
                break
        return False if outside or not groups else None

    async def _has(self, place: Path, old: str, new: str) -> bool:
        """Tell whether `old` is an ancestor of `new`."""
        found = await self._git(place, "merge-base", "--is-ancestor", old, new)
        return not found.trouble

    async def _holding(self, repository: str, shas: Sequence[str]) -> Path | None:
        """Return the repository on this disk once it holds these commits; None if it does not."""
        place = await self._place(repository)
        for _ in range(2):
            kinds = [await self._git(place, "cat-file", "-t", sha) for sha in shas]
            if all(kind.text.strip() == "commit" for kind in kinds):
                return place
            if not await self._fetch(repository, place):
                break
        return None

    async def _place(self, repository: str) -> Path:
        if not is_remote(repository):
            return Path(repository)
        name = hashlib.sha256(repository.encode()).hexdigest()[:16]
        return self._folder / f"{name}.git"

    async def _fetch(self, repository: str, place: Path) -> bool:
        """Bring the copy of a remote repository up to date; false where there is nothing to do."""
        if not is_remote(repository):
            return False
        asked = time.monotonic()
        async with self._turns.setdefault(repository, asyncio.Lock()):
            # Another plan brought it while this one waited.
            if self._fetched.get(repository, 0.0) > asked:
                return True
            if not await asyncio.to_thread((place / "HEAD").exists):
                await asyncio.to_thread(
                    lambda: self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                )
                made = await run_git(["git", "init", "--quiet", "--bare", str(place)], LOOK_S)
                if made.trouble:
                    return False
            fetched = await self._git(
                place,
                "fetch",
                "--quiet",
                "--prune",
                "--filter=blob:none",
                "--no-auto-maintenance",
                "--",
                repository,
                "+refs/heads/*:refs/heads/*",
                "+refs/tags/*:refs/tags/*",
                seconds=FETCH_S,
            )
            self._fetched[repository] = time.monotonic()
            return not fetched.trouble

    @staticmethod
    async def _git(place: Path, *arguments: str, seconds: float = LOOK_S) -> Output:
        # `ext::` would run a program that the address names; a hook must not run at all.
        safe = ("-c", "protocol.ext.allow=never", "-c", "core.hooksPath=/dev/null")
        return await run_git(["git", "-C", str(place), *safe, *arguments], seconds)


def parse_commits(output: str) -> tuple[Told, ...]:
    """Read what `git log` printed in the form of this module; odd lines are passed over."""
    found = []
    for line in output.split("\n"):
        parts = line.split("\0")
        if len(parts) == 4 and is_sha(parts[0]) and parts[2].isdecimal() and len(parts[2]) < 12:
            sha, author, seconds, title = parts
            found.append(Told(sha, title, author, int(seconds) * 1000))
    return tuple(found)
