"""The session's notification server, over D-Bus (Desktop Notifications Specification 1.2).

The desk asks it without blocking (desktop/popups/dbus.py); the doctor waits for it here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from jeepney import DBusAddress

from devstream_desktop.desk.session_bus import NoAnswerError, NoBusError, ask
from devstream_desktop.errors import DevstreamError
from devstream_desktop.language import N_, _
from devstream_desktop.stream.text import clean

NAME = "org.freedesktop.Notifications"
SERVER = DBusAddress("/org/freedesktop/Notifications", bus_name=NAME, interface=NAME)
_BUS = "org.freedesktop.DBus.Error."
NO_ANSWER = N_("the notification server does not answer")
_ABSENT = frozenset({"ServiceUnknown", "NameHasNoOwner"})
_SILENT = frozenset({"NoReply", "TimedOut", "Timeout", "Disconnected"})
_STRANGE = frozenset({"UnknownMethod", "UnknownObject", "UnknownInterface", "AccessDenied"})


class Trouble(StrEnum):
    """The troubles that have an advice of their own."""

    NO_BUS = "no bus"
    NOT_STARTED = "not started"
    NO_ANSWER = "no answer"
    OTHER = ""


class NotificationError(DevstreamError):
    """No popup can be shown; the message says why."""

    def __init__(self, message: str, trouble: Trouble = Trouble.OTHER) -> None:
        super().__init__(message)
        self.trouble = trouble


class Information(NamedTuple):
    """The answer of `GetServerInformation`."""

    name: str
    vendor: str
    version: str
    specification: str


def reason(error: str, detail: str) -> str:
    """Return why no popup can be shown, from a D-Bus error; empty if this one was refused.

    A server may refuse when it has too many (KDE, GNOME Flashback), and goes on afterwards.
    """
    kind = error.removeprefix(_BUS)
    if kind in _ABSENT:
        return _("no notification server runs in this session")
    if kind in _SILENT:
        return NO_ANSWER
    if _is_not_started(error):
        why = _("the notification server does not start ({detail})")
        return why.format(detail=clean(detail, 120))
    if kind in _STRANGE:
        why = _("the notification server knows no popups ({detail})")
        return why.format(detail=clean(detail, 120))
    return ""


def _is_not_started(error: str) -> bool:
    # systemd's own words, where it starts the services of the bus.
    return error.startswith((f"{_BUS}Spawn.", "org.freedesktop.systemd1."))


def _trouble(error: str) -> Trouble:
    if _is_not_started(error):
        return Trouble.NOT_STARTED
    silent = error.removeprefix(_BUS) in _SILENT
    return Trouble.NO_ANSWER if silent else Trouble.OTHER


def information() -> Information:
    """Ask the server, started where it can be, for its name. Blocks for seconds at most.

    Raises:
        NotificationError: no session bus, no server, or it does not start or answer.

    """
    told = [clean(str(one), 60) for one in _call("GetServerInformation")]
    return Information(*[*told, "", "", "", ""][:4])


def capabilities() -> tuple[str, ...]:
    """Ask the server for its capabilities, by their names in the specification.

    Raises:
        NotificationError: as `information`.

    """
    found = _call("GetCapabilities")
    named = found[0] if found else ()
    return tuple(sorted(clean(str(one), 40) for one in named)) if isinstance(named, list) else ()


def show(summary: str, body: str) -> None:
    """Show a popup. Blocks for seconds at most.

    Raises:
        NotificationError: as `information`, or the server refused it.

    """
    hints = {"urgency": ("y", 1), "desktop-entry": ("s", "devstream")}
    _call("Notify", "susssasa{sv}i", ("devstream", 0, "devstream", summary, body, [], hints, -1))


def _call(member: str, signature: str = "", body: tuple[object, ...] = ()) -> tuple[object, ...]:
    try:
        answer = ask(SERVER, member, signature, body)
    except NoBusError as error:
        raise NotificationError(N_("no session bus can be reached"), Trouble.NO_BUS) from error
    except NoAnswerError as error:
        raise NotificationError(NO_ANSWER, Trouble.NO_ANSWER) from error
    if answer.error:
        detail = str(answer.body[0]) if answer.body else answer.error
        refused = _("the notification server refuses it ({detail})")
        why = reason(answer.error, detail) or refused.format(detail=clean(detail, 120))
        raise NotificationError(why, _trouble(answer.error))
    return answer.body
