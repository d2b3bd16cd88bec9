"""Whether there is a screen that Qt can use. Asked first, because where there is none Qt ends the whole process itself."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from devstream_desktop.errors import DevstreamError


class DesktopUnavailableError(DevstreamError):
    """There is no screen to be on; the sentence says what is missing and how to get it."""


def check_display() -> None:
    """See that Qt can start.

    Raises:
        DesktopUnavailableError: it cannot.

    """
    platform = os.environ.get("QT_QPA_PLATFORM", "")
    if not sys.platform.startswith("linux") or platform not in ("", "xcb", "wayland"):
        return
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise DesktopUnavailableError("there is no display: neither DISPLAY nor WAYLAND_DISPLAY is set")
    if platform != "xcb" and _wayland_is_there():
        return
    try:
        ctypes.CDLL("libxcb-cursor.so.0")
    except OSError:
        raise DesktopUnavailableError(
            "Qt needs libxcb-cursor; install it with `sudo apt install libxcb-cursor0` (Fedora: `sudo dnf install xcb-util-cursor`)"
        ) from None
    if not _x_answers():
        raise DesktopUnavailableError(f"no display answers (DISPLAY is {os.environ.get('DISPLAY', '')!r})")


def _wayland_is_there() -> bool:
    name = os.environ.get("WAYLAND_DISPLAY")
    return bool(name) and (Path(os.environ.get("XDG_RUNTIME_DIR", "/")) / str(name)).is_socket()


def _x_answers() -> bool:
    """Whether an X server lets us in (xcb_connect(3)); a DISPLAY may be left over from a session that ended."""
    xcb = ctypes.CDLL("libxcb.so.1")
    xcb.xcb_connect.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(xcb.xcb_connect(None, None))
    try:
        return not xcb.xcb_connection_has_error(connection)
    finally:
        xcb.xcb_disconnect(connection)
