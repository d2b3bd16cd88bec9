"""Real nodes for the doctor, as tests/node makes them."""

from __future__ import annotations

from pathlib import Path

import pytest
from rooms import load

from devstream_desktop.home import Home

_node = load("node/conftest.py")
world, until = _node.world, _node.until


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runtime: Path) -> Home:
    """The home of a team of one, in a folder whose name a shell would take apart."""
    monkeypatch.setenv("DEVSTREAM_KEY_FILE", str(tmp_path / "sealing"))
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    return load("doctor/test_doctor.py").make(Home(tmp_path / "ana's home"))
