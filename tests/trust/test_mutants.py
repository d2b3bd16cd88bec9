"""A check that is taken away is noticed by a test.

Here a quick one of each room; `make mutants` tries all.
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
def test_a_quick_mutant_of_each_room_is_caught() -> None:
    quick = {one.path.split("/")[0]: one for one in MUTATIONS if one.fast}
    assert len(quick) >= 10
    results = trust_mutants.run(list(quick.values()))
    assert [str(result) for result in results if not result.caught] == []
