"""Doctor's check of the desktop's menu and the start at login."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator

from devstream_desktop.control.check import Check
from devstream_desktop.desk.autostart import AutostartError, autostart
from devstream_desktop.desk.user_files import UserFiles
from devstream_desktop.doctor.verdicts import ok, warning
from devstream_desktop.home import Home
from devstream_desktop.language import _


def menu(home: Home) -> Iterator[Check]:
    """Check whether this session's menu and logins start this devstream."""
    screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    # A node without a screen is in no menu; elsewhere an installer does it.
    desk = screen and importlib.util.find_spec("PySide6") is not None
    if not sys.platform.startswith("linux") or not desk:
        return
    if trouble := UserFiles.of_environment().trouble(home):
        yield warning("menu", trouble, "devstream install-desktop")
        return
    try:
        starts = autostart(home).enabled()
    except AutostartError as error:
        yield warning("menu", str(error), "devstream install-desktop --no-login")
        return
    if starts:
        yield ok("menu", _("devstream is in the menu, and starts at login"))
    else:
        yield ok("menu", _("devstream is in the menu, and does not start at login"))
