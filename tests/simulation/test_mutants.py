"""The simulation notices each rule that is taken out (mutants.py), within a bounded number of histories."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import mutants
import pytest

LEAST = 20
GROUPS = 4
NUMBERS = range(len(mutants.MUTANTS))


def noticed(number: int) -> str:
    """How many histories it took, and what was noticed; empty when nothing was."""
    command = [sys.executable, mutants.__file__, str(number)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("group", range(GROUPS))
def test_every_removed_rule_is_noticed(group, capsys):
    assert len(NUMBERS) >= LEAST
    mine = NUMBERS[group::GROUPS]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = dict(zip(mine, pool.map(noticed, mine), strict=True))
    with capsys.disabled():
        for number, result in results.items():
            sys.stdout.write(f"\n  {mutants.MUTANTS[number].name}: {result[:100]}")
    assert [mutants.MUTANTS[number].name for number, result in results.items() if not result] == []
