"""A start of the desk pays for the tray alone."""

from __future__ import annotations

import pytest
from fresh_python import among, loaded_by, printed

BEFORE_THE_ICON = (
    "devstream_desktop.desktop.app",
    "devstream_desktop.history",
    "devstream_desktop.control",
    "msgspec",
    "sqlite3",
    "asyncio",
    "tomllib",
)
BEFORE_A_WINDOW = (
    "devstream_desktop.desktop.windows",
    "devstream_desktop.desktop.peek",
    "devstream_desktop.desktop.widgets.dialog",
    "tomlkit",
    "asyncio",
    "pynng",
)
BEYOND_THE_STREAM = (
    *(
        f"devstream_desktop.desktop.windows.{name}"
        for name in ("board", "hand_over", "deploy", "palette", "key_sheet", "history.name_dialog")
    ),
    "devstream_desktop.desktop.widgets.dialog",
    "tomlkit",
)
SOURCES_READ = """
import linecache
import devstream_desktop.desktop.app
print(*(name for name in linecache.cache if "devstream_desktop" in name))
"""


@pytest.mark.process
def test_the_icon_stands_before_the_app_is_loaded() -> None:
    modules = loaded_by("devstream_desktop.desktop.start")
    assert "PySide6.QtWidgets" in modules
    assert among(modules, BEFORE_THE_ICON) == []


@pytest.mark.process
def test_a_start_imports_no_window() -> None:
    modules = loaded_by("devstream_desktop.desktop.app")
    assert "PySide6.QtWidgets" in modules
    assert among(modules, BEFORE_A_WINDOW) == []


@pytest.mark.process
def test_a_start_reads_no_source() -> None:
    assert printed(SOURCES_READ) == [""]


@pytest.mark.process
def test_the_window_imports_no_dialog_and_no_other_page() -> None:
    modules = loaded_by("devstream_desktop.desktop.windows.history.window")
    assert "PySide6.QtWidgets" in modules
    assert among(modules, BEYOND_THE_STREAM) == []
