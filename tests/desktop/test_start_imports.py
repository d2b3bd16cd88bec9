"""A start of the desk pays for the tray alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

SHOWN_LATER = """
import linecache
import sys
import devstream_desktop.desktop.app

late = ("devstream_desktop.desktop.windows", "devstream_desktop.desktop.peek")
print(*(name for name in sys.modules if name.startswith(late)))
print("PySide6.QtWidgets" in sys.modules)
print(*(name for name in linecache.cache if "devstream_desktop" in name))
"""


@pytest.mark.process
def test_a_start_imports_no_window_and_reads_no_source() -> None:
    words = [sys.executable, "-c", SHOWN_LATER]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    windows, qt, sources = done.stdout.splitlines()
    assert (windows, qt, sources) == ("", "True", "")
