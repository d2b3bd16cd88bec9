"""A start of the desk pays for the tray alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

BEFORE_THE_ICON = """
import sys
import devstream_desktop.desktop.start

late = (
    "devstream_desktop.desktop.app",
    "devstream_desktop.history",
    "devstream_desktop.control",
    "msgspec",
    "sqlite3",
    "asyncio",
    "tomllib",
)
print(*(name for name in sys.modules if name.startswith(late)))
print("PySide6.QtWidgets" in sys.modules)
"""
SHOWN_LATER = """
import linecache
import sys
import devstream_desktop.desktop.app

late = (
    "devstream_desktop.desktop.windows",
    "devstream_desktop.desktop.peek",
    "devstream_desktop.desktop.widgets.dialog",
    "tomlkit",
    "asyncio",
    "pynng",
)
print(*(name for name in sys.modules if name.startswith(late)))
print("PySide6.QtWidgets" in sys.modules)
print(*(name for name in linecache.cache if "devstream_desktop" in name))
"""
THE_WINDOW = """
import sys
import devstream_desktop.desktop.windows.history.window

late = ("board", "hand_over", "deploy", "palette", "key_sheet", "history.name_dialog")
windows = tuple(f"devstream_desktop.desktop.windows.{name}" for name in late)
dialogs = "devstream_desktop.desktop.widgets.dialog"
print(*(name for name in sys.modules if name.startswith((*windows, dialogs, "tomlkit"))))
"""


def printed(code: str) -> list[str]:
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.process
def test_the_icon_stands_before_the_app_is_loaded() -> None:
    assert printed(BEFORE_THE_ICON) == ["", "True"]


@pytest.mark.process
def test_a_start_imports_no_window_and_reads_no_source() -> None:
    windows, qt, sources = printed(SHOWN_LATER)
    assert (windows, qt, sources) == ("", "True", "")


@pytest.mark.process
def test_the_window_imports_no_dialog_and_no_other_page() -> None:
    assert printed(THE_WINDOW) == [""]
