"""The key file of a home on a machine without a keyring.

The key that seals the home's secrets is then in the home itself, which the person agrees to once.
"""

from __future__ import annotations

import os
import sys

from devstream_desktop.home import Home

KEY_FILE = "key"
"""The name of the key file in a home."""
VARIABLE = "DEVSTREAM_KEY_FILE"
"""The environment variable that the vault reads (keys/vault.py)."""


def choose(home: Home, *, agreed: bool) -> None:
    """Use the home's own key file from now on, if there.

    With `agreed`, make one when no keyring can be used.

    Raises:
        HomeError: the home cannot be created.
        OSError: it cannot be read.

    """
    # The person has named a file elsewhere.
    if os.environ.get(VARIABLE):
        return
    path = home.root / KEY_FILE
    if not path.exists():
        if not agreed:
            return
        # Late, because most commands need no keyring.
        from devstream_desktop.node import enrolment

        home.create()
        # A file is the weaker protection, so it is used only where there is no better one.
        if enrolment.keyring_opens(home):
            return
    os.environ[VARIABLE] = str(path)
    if agreed:
        print(
            "devstream: no keyring can be used here; "
            f"the key that seals this node's secrets is in {path}",
            file=sys.stderr,
        )
