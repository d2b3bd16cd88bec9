"""Gives every decoder hostile inputs: `python tests/fuzz/fuzz.py [INPUTS] [WORD...]`, ten million
without a number (`make fuzz`).

WORDs choose decoders by name. FUZZ_SEED repeats a run. Prints progress, each decoder's figures and
the peak memory; ends with 1 when a decoder raised what it does not say that it raises, with the
input in hexadecimal.
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
import resource
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from decoders import Decoder, decoders
from file_decoders import file_decoders
from ingest import ingesting
from inputs import mutated
from source_decoders import source_decoders

INPUTS = 10_000_000
MOST_RSS = 300 << 20
"""Bytes.

What the process may have needed at most, with all of devstream's rooms and cryptography loaded.
"""
_BATCH = 2_000


@dataclass
class Figures:
    """The fate of one decoder's inputs."""

    decoder: Decoder
    inputs: int = 0
    taken: int = 0
    refused: int = 0
    seconds: float = 0.0
    slowest: float = 0.0

    def __str__(self) -> str:
        each = self.seconds / max(1, self.inputs) * 1e6
        return (
            f"{self.decoder.name:32} {self.inputs:10,} inputs {self.taken:10,} taken "
            f"{self.refused:10,} refused"
            f" {each:8.1f} us each {self.slowest * 1000:8.1f} ms the slowest"
        )


class UncaughtError(AssertionError):
    """A decoder raised what it does not say that it raises."""


def table() -> list[Decoder]:
    """Every decoder of foreign bytes."""
    return [*decoders(), *ingesting(), *source_decoders(), *file_decoders()]


def run(decoder: Decoder, count: int, rng: random.Random, figures: Figures) -> None:
    """Give a decoder so many inputs.

    Raises:
        UncaughtError: with the input.

    """
    for _ in range(count):
        data = mutated(rng, decoder.seeds)
        figures.inputs += 1
        began = time.perf_counter()
        try:
            decoder.decode(data)
            figures.taken += 1
        except decoder.errors:
            figures.refused += 1
        except BaseException as error:
            raise UncaughtError(
                f"{decoder.name} raised {type(error).__name__}: {error}\ninput: {data.hex()}"
            ) from error
        took = time.perf_counter() - began
        figures.seconds += took
        figures.slowest = max(figures.slowest, took)


def peak_rss() -> int:
    """Bytes that this process has had at most."""
    # The kernel's figure of this program alone: ru_maxrss counts what its parent had at the fork.
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def batches(chosen: Sequence[Decoder], inputs: int) -> Iterator[tuple[Decoder, int]]:
    """Each decoder and its next number of inputs, until all are given.

    In turns, by their shares, and at least one each; `inputs` is the number of all.
    """
    shares = sum(decoder.share for decoder in chosen)
    left = {decoder.name: max(1, round(inputs * decoder.share / shares)) for decoder in chosen}
    while any(left.values()):
        for decoder in chosen:
            count = min(left[decoder.name], _BATCH * decoder.share // 20)
            left[decoder.name] -= count
            if count:
                yield decoder, count


def main(arguments: Sequence[str]) -> int:
    """Run and print."""
    inputs = (
        int(arguments[0].replace("_", "")) if arguments and arguments[0][0].isdigit() else INPUTS
    )
    words = [word for word in arguments if not word[0].isdigit()]
    seed = int(os.environ.get("FUZZ_SEED") or random.SystemRandom().randrange(1 << 32))
    chosen = [one for one in table() if not words or any(word in one.name for word in words)]
    print(f"{inputs:,} inputs for {len(chosen)} decoders, FUZZ_SEED={seed}", flush=True)
    logging.disable(logging.CRITICAL)
    rng, began, told, done, failed = random.Random(seed), time.monotonic(), 0.0, 0, set[str]()
    figures = {decoder.name: Figures(decoder) for decoder in chosen}
    for decoder, count in batches(chosen, inputs):
        try:
            if decoder.name not in failed:
                run(decoder, count, rng, figures[decoder.name])
        except UncaughtError as error:
            failed.add(decoder.name)
            traceback.print_exception(error.__cause__)
            print(error, flush=True)
        done += count
        if time.monotonic() - told >= 30:
            told = time.monotonic()
            print(
                f"{done:12,} inputs, {told - began:6.0f} s, {peak_rss() / 1e6:.0f} MB at most",
                flush=True,
            )
    for one in figures.values():
        print(one)
    print(
        f"{done:,} inputs in {time.monotonic() - began:.0f} s, {len(failed)} decoders failed, "
        f"{peak_rss() / 1e6:.0f} MB at most"
    )
    return 1 if failed or peak_rss() > MOST_RSS else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
