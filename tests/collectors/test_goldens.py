"""Each sample makes the events beside it, and a type only the kinds that it declares."""

from __future__ import annotations

from pathlib import Path

import pytest
from collecting import HERE
from goldens import golden, outcome, samples

from devstream_desktop.intake.registry import collector_module

each_sample = pytest.mark.parametrize(
    "sample", samples(), ids=lambda path: f"{path.parent.parent.name}-{path.stem}"
)


@each_sample
def test_a_sample_comes_to_what_stands_beside_it(sample: Path) -> None:
    """Compare a sample's outcome with the file beside it.

    After a change that is meant: `python tests/collectors/goldens.py`, and read the difference.
    """
    assert golden(sample) == sample.with_suffix(".golden").read_text()


@each_sample
def test_a_type_makes_only_lines_of_the_kinds_that_it_declares(sample: Path) -> None:
    declared = collector_module(sample.parent.parent.name).COLLECTOR.kinds
    assert {event.kind for event in outcome(sample).events} <= set(declared)


def test_no_expected_event_is_left_without_a_sample() -> None:
    expected = {path.with_suffix(".json") for path in HERE.glob("*/samples/*.golden")}
    assert expected == set(samples())
