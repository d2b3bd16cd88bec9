"""The session's tray, over D-Bus: who shows the icons of programs.

The interface is the StatusNotifierWatcher's
(https://www.freedesktop.org/wiki/Specifications/StatusNotifierItem).
"""

from __future__ import annotations

from jeepney import DBusAddress

from devstream_desktop.desk.session_bus import NoAnswerError, NoBusError, ask

_NAME = "org.kde.StatusNotifierWatcher"
_PROPERTIES = DBusAddress(
    "/StatusNotifierWatcher", bus_name=_NAME, interface="org.freedesktop.DBus.Properties"
)


def has_tray_host() -> bool:
    """Tell whether something in this session shows tray icons. Blocks for seconds at most."""
    try:
        answer = ask(_PROPERTIES, "Get", "ss", (_NAME, "IsStatusNotifierHostRegistered"))
    except (NoBusError, NoAnswerError):
        return False
    # A variant is its signature and its value.
    return not answer.error and answer.body == (("b", True),)
