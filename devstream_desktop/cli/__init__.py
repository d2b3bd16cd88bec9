"""The `devstream` command: a client of the node, with the same rights as the desktop app.

Exit codes: 0 done, 1 refused or failed (one line on standard error says why and what to do),
2 wrong usage. Each module has a command and its part of the parser.
"""

from devstream_desktop.cli.main import main

__all__ = ["main"]
