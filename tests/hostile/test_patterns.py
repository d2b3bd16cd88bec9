"""No pattern, ours or an operator's, takes more than linear time of a text that a sender chose."""

from __future__ import annotations

import re
import time

import pytest
from growth import Use, slow, uses

from devstream_desktop.stream.bounds import UnboundedError, check_json


@pytest.mark.parametrize("use", uses(), ids=str)
def test_an_expression_of_ours_takes_time_as_the_text_is_long(use: Use) -> None:
    assert slow(use) == ""


@pytest.mark.parametrize("pattern", [r"\s+:", r"\d+-", r'"[^"\\]*(?:\\.[^"\\]*)*"'])
def test_one_that_takes_more_is_found(pattern: str) -> None:
    assert slow(Use("here", re.compile(pattern), "search"))


def test_strings_without_an_end_cost_what_they_are_long() -> None:
    body = b"[" * 200 + b'"' + b'\\"' * 100_000
    began = time.perf_counter()
    with pytest.raises(UnboundedError):
        check_json(body)
    assert time.perf_counter() - began < 5
