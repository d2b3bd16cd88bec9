"""Mirror of a repository: the commits of its branches, without trees or files."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from devstream_collectors.kit.branches import HEADS
from devstream_desktop.control.messages.sources import GitSource
from devstream_desktop.intake.poll.git_commands import (
    GitError,
    git,
    is_ancestor,
    remote_of,
    transport_options,
)

FAILURES_BEFORE_NEW_MIRROR = 3
TOGETHER = 100
"""Branches asked for in one go."""
MAX_HALVED = 40
"""Attempts in one fetch to find the branches that cannot be had."""
_SHA256_DIGITS = 64
_MIRRORED = "refs/devstream/"


class Mirror:
    """A bare repository in `folder`, made at the first fetch."""

    def __init__(self, source: GitSource, folder: Path) -> None:
        self._source = source
        self._folder = folder
        self._failures = 0

    async def ask(self, *arguments: str) -> str:
        """Run a git command in the mirror; return its output.

        Raises:
            GitError: it failed.

        """
        return await git(*arguments, folder=self._folder)

    async def has(self, revision: str) -> bool:
        """Tell whether a commit is here."""
        try:
            await self.ask("cat-file", "-e", f"{revision}^{{commit}}")
        except GitError:
            return False
        return True

    async def is_ancestor(self, old: str, new: str) -> bool:
        """Tell whether `new`, with its whole history here, descends from `old`.

        Raises:
            GitError: git failed.

        """
        return await is_ancestor(self._folder, old, new)

    async def fetch(
        self, branches: Mapping[str, str], known: Iterable[str], seconds: float
    ) -> tuple[list[str], str]:
        """Fetch the commits of branches: `branches` has the commit that each is at.

        Returns the names that cannot be had although another of `known` can, and git's reason.

        Raises:
            GitError: no branch can be had.

        """
        digits = max(map(len, branches.values()), default=0)
        await self._make("sha256" if digits == _SHA256_DIGITS else "sha1")
        # Written each time: the source may have another address now.
        await self.ask("config", "remote.origin.url", remote_of(self._source))
        refused, error = await self._fetch_apart(list(branches), seconds)
        if error is None:
            return [], ""
        if len(refused) == len(branches):
            # All of them failed. If another branch fails too, the fault is the remote's.
            another = next((name for name in known if name not in branches), "")
            if not another:
                raise error
            await self._fetch_together([another], seconds)
        return refused, str(error)

    async def _make(self, form: str) -> None:
        """Make the mirror with the remote's object format, whatever git's default is."""
        if await asyncio.to_thread((self._folder / "HEAD").exists):
            if await self._format() == form:
                return
            # The repository was made anew with the other format.
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
        await asyncio.to_thread(self._folder.mkdir, 0o700, parents=True, exist_ok=True)
        await git("init", "--bare", "--quiet", f"--object-format={form}", "--", str(self._folder))

    async def _format(self) -> str:
        try:
            return (await self.ask("rev-parse", "--show-object-format")).strip()
        except GitError:
            # A mirror that is damaged is doubted where it is used.
            return "sha1"

    def trust(self) -> None:
        """Note that a look went well."""
        self._failures = 0

    async def doubt(self, error: GitError) -> None:
        """Note that a look failed. After some failures in a row the mirror is deleted."""
        # A time-out says nothing of the mirror.
        if not error.code:
            return
        self._failures += 1
        if self._failures >= FAILURES_BEFORE_NEW_MIRROR:
            self._failures = 0
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def _fetch_apart(
        self, branches: list[str], seconds: float
    ) -> tuple[list[str], GitError | None]:
        """Fetch in halves what cannot be had together.

        Returns the branches that cannot be had at all, and the last error.
        """
        waiting = [
            branches[start : start + TOGETHER] for start in range(0, len(branches), TOGETHER)
        ]
        refused: list[str] = []
        last: GitError | None = None
        halved = 0
        while waiting:
            batch = waiting.pop()
            try:
                await self._fetch_together(batch, seconds)
            except GitError as error:
                if error.code == 0:
                    # It took too long, or there is no git: that is no branch's fault.
                    raise
                last = error
                if len(batch) == 1 or halved >= MAX_HALVED:
                    refused += batch
                    continue
                # One bad branch among a hundred is found in about seven halvings.
                halved += 1
                waiting += [batch[len(batch) // 2 :], batch[: len(batch) // 2]]
        return refused, last

    async def _fetch_together(self, branches: list[str], seconds: float) -> None:
        specs = [f"+{HEADS}{branch}:{_mirrored(branch)}" for branch in branches]
        # Commits alone are compared: without trees a large repository costs megabytes.
        options = (
            "--quiet",
            "--filter=tree:0",
            "--no-tags",
            "--no-write-fetch-head",
            *transport_options(self._source),
        )
        await git("fetch", *options, "origin", *specs, folder=self._folder, seconds=seconds)


def _mirrored(branch: str) -> str:
    # A name of its own making: any length fits, and `release` may become `release/1`.
    return _MIRRORED + hashlib.blake2b(branch.encode(), digest_size=16).hexdigest()
