"""The check for a display that Qt can use.

It comes before Qt, which ends the whole process where there is none.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from devstream_desktop.errors import DevstreamError


class DesktopUnavailableError(DevstreamError):
    """No usable display; the sentence says what is missing and how to get it."""


def check_display() -> None:
    """Check that Qt can start.

    Raises:
        DesktopUnavailableError: it cannot.

    """
    # Only X and Wayland can be missing; other platforms (offscreen, macOS) always start.
    platform = os.environ.get("QT_QPA_PLATFORM", "")
    if not sys.platform.startswith("linux") or platform not in ("", "xcb", "wayland"):
        return
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise DesktopUnavailableError(
            "there is no display: neither DISPLAY nor WAYLAND_DISPLAY is set"
        )
    if platform != "xcb" and _wayland_is_there():
        return
    try:
        ctypes.CDLL("libxcb-cursor.so.0")
    except OSError:
        raise DesktopUnavailableError(
            "Qt needs libxcb-cursor; install it with `sudo apt install libxcb-cursor0` "
            "(Fedora: `sudo dnf install xcb-util-cursor`)"
        ) from None
    # DISPLAY may be left over from a session that has ended.
    if not _x_answers():
        raise DesktopUnavailableError(
            f"no display answers (DISPLAY is {os.environ.get('DISPLAY', '')!r})"
        )


def _wayland_is_there() -> bool:
    name = os.environ.get("WAYLAND_DISPLAY")
    return bool(name) and (Path(os.environ.get("XDG_RUNTIME_DIR", "/")) / str(name)).is_socket()


def _x_answers() -> bool:
    """Connect to the X server (xcb_connect(3)); return false when none accepts."""
    xcb = ctypes.CDLL("libxcb.so.1")
    xcb.xcb_connect.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(xcb.xcb_connect(None, None))
    try:
        return not xcb.xcb_connection_has_error(connection)
    finally:
        xcb.xcb_disconnect(connection)
