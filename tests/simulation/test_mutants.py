"""The simulation notices each rule that is taken out (mutants.py), within a bounded number of
histories.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mutants
import pytest
from snippets import spans

pytestmark = pytest.mark.process

LEAST = 20
GROUPS = 4
NUMBERS = range(len(mutants.MUTANTS))


def noticed(number: int) -> str:
    """The number of histories it took, and the fault noticed; empty for none."""
    command = [sys.executable, mutants.__file__, str(number)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_every_rule_still_stands_where_it_would_be_taken_out() -> None:
    for mutant in mutants.MUTANTS:
        origin = importlib.util.find_spec(mutant.module).origin
        assert len(spans(Path(origin).read_text(encoding="utf-8"), mutant.text)) == 1, mutant.name


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
