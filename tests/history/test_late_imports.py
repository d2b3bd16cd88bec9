"""A start that migrates nothing does not pay for the library of migrations."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

OPEN = """
import sys
from pathlib import Path
from devstream_desktop.history.database import open_writer

open_writer(Path(sys.argv[1])).close()
print("sqlite_utils" in sys.modules)
"""


@pytest.mark.process
def test_a_history_of_this_version_is_opened_without_it(tmp_path: Path) -> None:
    def opened() -> str:
        words = [sys.executable, "-c", OPEN, tmp_path / "history.sqlite"]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()

    assert opened() == "True"
    assert opened() == "False"
