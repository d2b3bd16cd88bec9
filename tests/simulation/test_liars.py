"""One to three members who lie (lies.py) in random histories by seed: honest facts stay, stay
shown, and stay their authors'.

`LIARS=1 make soak` plays any number of them; mutants.py takes out one rule at a time that holds
against liars.
"""

from __future__ import annotations

import pytest
from lies import STRATEGIES
from play import play, play_all, play_some

pytestmark = pytest.mark.process

SEEDS = 200
EACH = 8


@pytest.mark.timeout(600)
def test_whatever_members_lie_honest_facts_are_there_and_shown() -> None:
    total = play_all(0, SEEDS, "liars")
    assert total["histories"] == SEEDS
    assert total["acknowledged"] > 10 * SEEDS
    assert total["lies"] > 10 * SEEDS, (
        "so few lies were shown under the liars' own names that little is proven"
    )
    assert total["runs"] > SEEDS / 4, "so few deploys ran that little is proven about them"


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda strategy: strategy.__name__)
def test_each_way_to_lie_is_met(strategy) -> None:
    total = play_some(50_000, EACH, f"liars/{strategy.__name__}")
    assert total["histories"] == EACH


def test_the_same_seed_is_the_same_history() -> None:
    told = [[], []]
    for words in told:
        play(3, words.append, "liars")
    assert told[0] == told[1]
