"""Shared by all rooms: a short runtime folder, because a socket's path may have 108 bytes and a test's own folder is long."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty private folder, which is `XDG_RUNTIME_DIR` while the test lasts: it looks for sockets where its nodes make them."""
    with tempfile.TemporaryDirectory(prefix="ds-") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder)
