"""Where a command finds the key of a home that keeps it in itself, because there is no keyring and the person agreed to that once."""

from __future__ import annotations

import os
import sys

from devstream_desktop.home import Home

KEY_FILE = "key"
"""The file in a home that keeps its key where there is no keyring and the person agreed to it."""
VARIABLE = "DEVSTREAM_KEY_FILE"
"""What the vault looks at (team/vault.py)."""


def choose(home: Home, *, agreed: bool) -> None:
    """Have every later step use the home's own key file when it has one; with `agreed`, also when no keyring can be used.

    Raises:
        HomeError: the home cannot be made.
        OSError: it cannot be read.

    """
    if os.environ.get(VARIABLE):
        return
    path = home.root / KEY_FILE
    if not path.exists():
        if not agreed:
            return
        # Late, because most commands need no keyring.
        from devstream_desktop.node import offline

        home.create()
        if offline.keyring_works(home):
            return
    os.environ[VARIABLE] = str(path)
    if agreed:
        print(f"devstream: no keyring can be used here; the key that seals this node's secrets is in {path}", file=sys.stderr)
