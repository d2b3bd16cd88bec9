"""A repository's refs at this moment, as git itself reports them.

A branch that moved is noticed before a deploy.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from devstream_desktop import git_address, machine
from devstream_desktop.deploy.world import Tips
from devstream_desktop.process_group import process_group
from devstream_desktop.stream.text import clean, without_escapes

TIMEOUT_S = 20.0
_MAX_BYTES = 16 * 1024 * 1024
_LINE = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64})\t(refs/(?:heads|tags)/.+?)(\^\{\})?")
_REMOTE = re.compile(r"(?:(?:https?|ssh|git)://[^\s-]\S*|[\w.][\w.-]*@[\w.][\w.-]*:(?!:)\S+)")
_PEELED = "^{}"


async def look_up(repository: str, refs: tuple[str, ...], timeout_s: float = TIMEOUT_S) -> Tips:
    """Return the commits of `refs` (full names; empty: every branch and tag).

    A repository that does not answer is a `trouble`, never an error.
    """
    # An annotated tag is asked for twice: itself, and the commit it points at.
    patterns = [name for ref in refs for name in (ref, ref + _PEELED)]
    # `ext::` would run a program that the address names.
    command = [
        "git",
        "-c",
        "protocol.ext.allow=never",
        "ls-remote",
        "--quiet",
        "--heads",
        "--tags",
        "--",
        repository,
        *patterns,
    ]
    output = await run_git(command, timeout_s)
    if output.trouble:
        return Tips({}, output.trouble)
    return Tips(parse_tips(output.text))


@dataclass(frozen=True)
class Output:
    """The output of git; `trouble` is a sentence where it failed."""

    text: str
    trouble: str = ""


async def run_git(command: Sequence[str], timeout_s: float) -> Output:
    """Run git and return what it prints; what goes wrong is a `trouble`, never an error."""
    try:
        async with (
            process_group(command, _environment(), _MAX_BYTES) as process,
            asyncio.timeout(timeout_s),
        ):
            output, errors = await process.communicate()
    # First, because it is an OSError too.
    except TimeoutError:
        return Output("", f"the repository did not answer within {timeout_s:g} seconds")
    except OSError as error:
        return Output("", clean(f"git could not be started: {machine.reason(error)}", 160))
    if process.returncode != 0:
        said = git_address.complaint(without_escapes(errors.decode("utf-8", "replace")))
        return Output("", clean(f"git says: {said or process.returncode}", 300))
    return Output(output.decode("utf-8", "replace"))


def is_remote(repository: str) -> bool:
    """Return true for a URL or `user@host:path`, which each machine can ask."""
    return _REMOTE.fullmatch(repository) is not None


def parse_tips(output: str) -> dict[str, str]:
    """Commit by ref out of `git ls-remote`.

    An annotated tag counts as the commit it points at (its `^{}` line).
    """
    tips: dict[str, str] = {}
    for line in output.split("\n"):
        match = _LINE.fullmatch(line)
        # The peeled line of a tag counts, wherever it stands.
        if match and (match[3] or match[2] not in tips):
            tips[match[2]] = match[1]
    return tips


def _environment() -> dict[str, str]:
    # A node started from a git hook inherits GIT_DIR and the like, which would answer for another
    # repository.
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in ("GIT_SSH", "GIT_SSH_COMMAND") or not name.startswith("GIT_")
    }
    return kept | {
        "GIT_TERMINAL_PROMPT": "0",
        # Nobody is there to answer a window.
        "SSH_ASKPASS": "",
        "SSH_ASKPASS_REQUIRE": "never",
        "LC_ALL": "C",
    }
