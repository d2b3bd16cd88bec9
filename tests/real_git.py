"""Real git for tests, by nobody's configuration but its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_SETTINGS = (
    "commit.gpgsign=false",
    "tag.gpgsign=false",
    "advice.detachedHead=false",
    "init.defaultBranch=main",
)


def git(folder: Path, *arguments: str, author: str = "Ana") -> str:
    """Run git in a folder as `author`; its output without blanks at the ends."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = (f"user.name={author}", f"user.email={author.lower()}@example.com")
    settings = [word for setting in (*_SETTINGS, *who) for word in ("-c", setting)]
    done = subprocess.run(
        ["git", *settings, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit(folder: Path, subject: str, author: str = "Ana") -> str:
    """Make an empty commit; its revision."""
    git(folder, "commit", "-q", "--allow-empty", "-m", subject, author=author)
    return git(folder, "rev-parse", "HEAD")
