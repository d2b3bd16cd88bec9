"""Samples of our own, written after each service's documentation, and the real payloads where they are at hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from devstream_collectors.contract import Delivery

HERE = Path(__file__).parent
PAYLOADS = HERE.parents[2] / "shared" / "payloads"
RECEIVED = 1_800_000_000_000  # 2027-01-15T08:00:00Z


@pytest.fixture
def sample() -> Callable[[str], Delivery]:
    """`sample("push.forced")`: the event's name up to the first point."""

    def read(name: str) -> Delivery:
        return Delivery(
            {"x-github-event": name.split(".", maxsplit=1)[0]}, (HERE / "samples" / "github" / f"{name}.json").read_bytes(), RECEIVED
        )

    return read


@pytest.fixture
def payloads() -> Path:
    if not PAYLOADS.is_dir():
        pytest.skip("the real payloads are not beside this repository (../shared/payloads)")
    return PAYLOADS
