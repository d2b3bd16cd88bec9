"""Start the real app for a test: `python start_desk.py HOME [NODE COMMAND…]`.

Without a command it starts no node of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path

from devstream_desktop.desktop.start import run
from devstream_desktop.home import Home

if __name__ == "__main__":
    sys.exit(
        run(
            Home(Path(sys.argv[1])),
            start_node=bool(sys.argv[2:]),
            node_command=sys.argv[2:] or None,
        )
    )
