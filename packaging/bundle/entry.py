"""The program of a bundle: the `devstream` command, or the supervisor of a deploy."""

from __future__ import annotations

import os
import sys

from devstream_desktop.program import SUPERVISE


def _forget_libraries() -> None:
    """Take the bundle's own libraries out of the environment of other programs.

    The bootloader names them for this program alone, and keeps what was there before in a second
    variable (PyInstaller, "LD_LIBRARY_PATH / LIBPATH considerations"). git and ssh need the
    system's.
    """
    before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
    os.environ.pop("LD_LIBRARY_PATH", None)
    if before is not None:
        os.environ["LD_LIBRARY_PATH"] = before


def _main() -> int:
    _forget_libraries()
    if sys.argv[1:] == [SUPERVISE]:
        from devstream_desktop.deploy.backends.supervisor import main as supervise

        supervise()
        return 0
    from devstream_desktop.__main__ import main

    return main()


if __name__ == "__main__":
    sys.exit(_main())
