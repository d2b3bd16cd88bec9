"""Start of the `devstream` command, also as `python -m devstream_desktop`.

The rest is loaded where Ctrl+C can already be answered.
"""

from __future__ import annotations

import gc
import sys

_INTERRUPTED = 130
"""As a shell counts it: 128 and the number of SIGINT."""


def main() -> int:
    """Run the command that was typed; its exit code."""
    try:
        from devstream_desktop.cli import main as run

        return run()
    except KeyboardInterrupt:
        return _INTERRUPTED
    finally:
        # Python looks through everything for garbage as it ends, a tenth of a command's time.
        gc.freeze()


if __name__ == "__main__":
    sys.exit(main())
