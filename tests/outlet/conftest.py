"""A home with a vault, and a service that outlets post to."""

from __future__ import annotations

from pathlib import Path

import pytest

from devstream_desktop.home import Home
from devstream_desktop.keys import Vault


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.create()
    return made


@pytest.fixture
def vault(home: Home) -> Vault:
    return Vault(home, b"k" * 32)
