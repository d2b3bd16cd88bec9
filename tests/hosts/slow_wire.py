"""A network cable as a program, because not every kernel can delay and lose frames by itself (tc
netem).

Makes two tap interfaces named by its arguments and carries frames between them. stdin: lines
`DELAY_MS LOSS_PERCENT`; its end ends it.
"""

from __future__ import annotations

import fcntl
import os
import random
import select
import struct
import sys
import time
from collections import deque

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000  # linux/if_tun.h
FRAME = 65536
MAX_HELD = 20_000
"""Frames under way; a cable has no memory for more."""


def open_tap(name: str) -> int:
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
    return tap


def carry(taps: tuple[int, int]) -> None:
    other = {taps[0]: taps[1], taps[1]: taps[0]}
    held: deque[tuple[float, int, bytes]] = deque()
    delay, loss = 0.0, 0.0
    while True:
        wait = max(0.0, held[0][0] - time.monotonic()) if held else None
        readable, _, _ = select.select([sys.stdin, *taps], [], [], wait)
        if sys.stdin in readable:
            line = sys.stdin.readline()
            if not line:
                return
            delay, loss = (
                int(word) / unit for word, unit in zip(line.split(), (1000, 100), strict=True)
            )
        now = time.monotonic()
        for tap in set(readable) & other.keys():
            frame = os.read(tap, FRAME)
            if random.random() >= loss and len(held) < MAX_HELD:
                held.append((now + delay, other[tap], frame))
        while held and held[0][0] <= now:
            _, tap, frame = held.popleft()
            try:
                os.write(tap, frame)
            except OSError:
                # the interface is down or its queue full: the frame is lost, as on a cable
                continue


def main() -> None:
    taps = (open_tap(sys.argv[1]), open_tap(sys.argv[2]))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    carry(taps)


if __name__ == "__main__":
    main()
