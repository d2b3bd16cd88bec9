"""`devstream`, with a clock that another process can set.

Argv[1] is a file whose first eight bytes are added to the time, milliseconds.
"""

from __future__ import annotations

import mmap
import struct
import sys
import time
from pathlib import Path

from devstream_desktop.cli import main

OFFSET = struct.Struct("<q")


def set_clock(path: str) -> None:
    with Path(path).open("r+b") as file:
        shared = mmap.mmap(file.fileno(), OFFSET.size)
    true_ns, true_s = time.time_ns, time.time

    def offset_ms() -> int:
        return OFFSET.unpack(shared[: OFFSET.size])[0]

    time.time_ns = lambda: true_ns() + offset_ms() * 1_000_000
    time.time = lambda: true_s() + offset_ms() / 1000


if __name__ == "__main__":
    set_clock(sys.argv.pop(1))
    sys.exit(main())
