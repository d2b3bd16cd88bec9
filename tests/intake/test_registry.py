"""A team's own collector is found as soon as its package is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from devstream_desktop.intake.registry import (
    NoCollectorError,
    collector_module,
    collector_names,
    installed,
)

MODULE = """
from devstream_collectors.contract import Collector

COLLECTOR = Collector(title="Ours", setup="")
"""


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in which packages are found while the test runs."""
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    installed.cache_clear()


def test_a_package_that_is_installed_meanwhile_is_found(packages: Path) -> None:
    known = collector_names()
    with pytest.raises(NoCollectorError, match="no collector 'ours'; installed: airbrake"):
        collector_module("ours")
    (packages / "ours_for_devstream.py").write_text(MODULE)
    about = packages / "ours-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: ours\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[devstream.collectors]\nours = ours_for_devstream\n")
    assert collector_module("ours").COLLECTOR.title == "Ours"
    assert set(collector_names()) == {*known, "ours"}
