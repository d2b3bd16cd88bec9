"""The command that starts this devstream, from whatever it was installed by."""

from __future__ import annotations

import sys


def program() -> list[str]:
    """Return the words of the command; a bundle is its own program."""
    if getattr(sys, "frozen", False):
        return [sys.executable]
    # -P: a session starts it in the home folder, and a node in a repository. A `queue.py` there
    # is not to be taken for Python's.
    return [sys.executable, "-P", "-m", "devstream_desktop"]
