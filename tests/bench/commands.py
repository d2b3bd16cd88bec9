"""Commands as a person types them, in a home whose node runs.

The time is the processor's, so that a busy machine says little else. The floor is a bare start of
the interpreter.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from figures import Row
from press import Desk

GOAL = 6.0
COMMANDS = {
    "--help": ("--help",),
    "status": ("status",),
    "emit": ("emit", "--kind", "test", "--state", "failed", "--service", "shop", "--title", "t"),
    "tail": ("tail",),
    "search": ("search", "kind:test"),
}


def measure_commands(desk: Desk, rounds: int) -> dict[str, list[float]]:
    """CPU milliseconds of each command and of a bare start, in turn."""
    asked = {name: desk.command(*words) for name, words in COMMANDS.items()}
    times: dict[str, list[float]] = {"": [], **{name: [] for name in asked}}
    for _ in range(rounds):
        times[""].append(_cpu_ms([sys.executable, "-c", "pass"], desk.environment))
        for name, words in asked.items():
            times[name].append(_cpu_ms(words, desk.environment))
    return times


def _cpu_ms(words: Sequence[str], environment: dict[str, str]) -> float:
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL)
    # The processor's time of this child alone.
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, words)
    return (usage.ru_utime + usage.ru_stime) * 1000


async def measure(folder: Path, *, quick: bool) -> list[Row]:
    """One row a command."""
    (folder / "run").mkdir(mode=0o700)
    desk = Desk(folder, "ana")
    await asyncio.to_thread(desk.run, "team", "create", "bench", "--person", "ana")
    async with desk.node():
        times = await asyncio.to_thread(measure_commands, desk, 1 if quick else 15)
    least = median(times.pop(""))
    rows = []
    for name, each in times.items():
        ratio = median(each) / least
        rows.append(
            Row(
                f"devstream {name}",
                f"{median(each):.0f} ms CPU",
                f"{least:.0f} ms CPU",
                ratio,
                f"<= {GOAL:.0f}x",
                ratio <= GOAL,
            )
        )
    return rows
