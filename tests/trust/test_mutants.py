"""A check that is taken away is noticed by a test.

Here the quick ones; `make mutants` tries all.
"""

from __future__ import annotations

import pytest
import trust_mutants
from trust_mutants import MUTATIONS


def test_every_check_still_stands_where_it_would_be_taken_away() -> None:
    for mutation in MUTATIONS:
        assert trust_mutants.mutated(mutation)
    assert len({(one.path, one.what) for one in MUTATIONS}) == len(MUTATIONS) >= 25


def test_a_check_that_is_gone_is_said() -> None:
    with pytest.raises(trust_mutants.MutationError, match=": 0 times"):
        trust_mutants.mutated(
            trust_mutants.Mutation("x", "mesh/transport/link.py", "no such line", "", ())
        )


@pytest.mark.timeout(300)
@pytest.mark.process
def test_the_quick_mutants_are_caught() -> None:
    quick = [one for one in MUTATIONS if one.fast]
    assert [str(result) for result in trust_mutants.run(quick) if not result.caught] == []
