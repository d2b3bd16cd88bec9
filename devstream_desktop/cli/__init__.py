"""The `devstream` command: the other client of a node, with the same rights as the desk.

Exit codes: 0 done, 1 refused or failed (one line on standard error says why and what to do), 2 wrong usage.
"""

from devstream_desktop.cli.main import main

__all__ = ["main"]
