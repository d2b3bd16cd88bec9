"""Plays histories by seed, on every core; `make soak` runs this file.

SEED=n make soak        one history, with a readable trace
SEEDS=200000 make soak  that many, from a random seed on
LIARS=1 make soak       as either, with one to three members who lie
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import lies
from lying_world import LyingWorld
from world import World

CHUNK = 50


class FailedSeedError(AssertionError):
    """A history that breaks a promise; the message says how to see it."""


def world_of(seed: int, trace=None, theme: str = "") -> World:
    """`theme`.

    One of `world.THEMES`, or `liars`, or `liars/` and a strategy that each of them has.
    """
    kind, _, strategy = theme.partition("/")
    if kind != "liars":
        return World(seed, trace, theme)
    return LyingWorld(seed, trace, getattr(lies, strategy) if strategy else None)


def play(seed: int, trace=None, theme: str = ""):
    """One history; its verdict.

    Raises:
        FailedSeedError: a promise was broken, or the rules failed.

    """
    try:
        return world_of(seed, trace, theme).play()
    except Exception as error:
        liars = "LIARS=1 " if theme.startswith("liars") else ""
        raise FailedSeedError(
            f"seed {seed}: {type(error).__name__}: {error}  (see it: {liars}SEED={seed} make soak)"
        ) from error


def play_some(first: int, count: int, theme: str = "") -> Counter:
    """Histories `first` and on; what they amounted to."""
    total = Counter()
    for seed in range(first, first + count):
        verdict = play(seed, theme=theme)
        total.update(
            histories=1,
            acknowledged=verdict.acknowledged,
            lost=len(verdict.lost),
            strayed=verdict.strayed,
            astray=verdict.astray,
            orphaned=verdict.orphaned,
            frozen=verdict.frozen,
            lies=verdict.lies,
            runs=verdict.runs,
        )
    return total


def play_all(first: int, count: int, theme: str = "") -> Counter:
    """As `play_some`, on every core. Ends with the first failing seed.

    Raises:
        FailedSeedError: as in `play`.

    """
    total = Counter()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(os.cpu_count() or 1, count), mp_context=context) as pool:
        futures = [
            pool.submit(play_some, at, min(CHUNK, first + count - at), theme)
            for at in range(first, first + count, CHUNK)
        ]
        try:
            for future in as_completed(futures):
                total.update(future.result())
        except FailedSeedError:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return total


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--seed",
        type=int,
        default=os.environ.get("SEED"),
        help="play this one history, and tell it",
    )
    parser.add_argument(
        "--seeds", type=int, default=os.environ.get("SEEDS", "20000"), help="how many histories"
    )
    parser.add_argument(
        "--theme",
        default="liars" if os.environ.get("LIARS") else "",
        help="one of world.THEMES; or liars, or liars/Poison",
    )
    parser.add_argument(
        "--first", type=int, default=None, help="the first of them (random unless given)"
    )
    options = parser.parse_args()
    began = time.monotonic()
    try:
        if options.seed is not None:
            print(play(int(options.seed), print, options.theme))
            return 0
        first = random.SystemRandom().randrange(10**9) if options.first is None else options.first
        print(f"{options.seeds} histories from seed {first}", flush=True)
        total = play_all(first, int(options.seeds), options.theme)
    except FailedSeedError as failure:
        if options.seed is not None:
            raise
        print(failure)
        return 1
    print(
        ", ".join(f"{name} {number}" for name, number in total.items()),
        f"in {time.monotonic() - began:.1f} s",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
