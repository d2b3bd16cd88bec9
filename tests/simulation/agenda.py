"""Simulated time: what happens when, and how long a message is under way."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable

ONE_WAY_S, SPREAD = 0.004, 0.6
"""Median and log-normal spread of a message's way."""


class Agenda:
    """The things to come, by their time; the only clock there is."""

    def __init__(self, seed: int) -> None:
        self.now = 0.0
        self.rng = random.Random(seed)
        self._due: list[tuple[float, int, Callable[..., None], tuple[object, ...]]] = []
        self._count = 0

    def at(self, delay: float, what: Callable[..., None], *arguments: object) -> None:
        self._count += 1
        heapq.heappush(self._due, (self.now + delay, self._count, what, arguments))

    def run(self, seconds: float) -> None:
        until = self.now + seconds
        while self._due and self._due[0][0] <= until:
            self.now, _, what, arguments = heapq.heappop(self._due)
            what(*arguments)
        self.now = until

    def way(self) -> float:
        return ONE_WAY_S * math.exp(self.rng.gauss(0, SPREAD))
