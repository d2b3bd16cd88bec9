"""Checks of `devstream doctor` for the session's tray and notification server."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec

from devstream_desktop.control.check import Check
from devstream_desktop.doctor.verdicts import ok, warning
from devstream_desktop.language import N_, _

_ADVICE = (
    ("no bus", N_("start devstream in the session of the desktop")),
    (
        "not started",
        N_("remove the servers that this desktop does not use; the log of the session says more"),
    ),
    ("no answer", N_("end the notification server; it is started again by the next popup")),
)
"""Advice by `Trouble`."""
_MOST = 8
"""Capabilities that are named."""
_INSTALL = N_("install one, such as dunst or mako; new lines are in the tray's menu meanwhile")


def tray() -> Iterator[Check]:
    """Check whether something in this session shows the tray's icon."""
    desk = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if not sys.platform.startswith("linux") or not desk or find_spec("jeepney") is None:
        return
    from devstream_desktop.desk.tray_host import has_tray_host

    if has_tray_host():
        yield ok("tray", _("this session shows tray icons"))
    else:
        yield warning(
            "tray",
            _(
                "nothing on the session bus shows tray icons, so devstream shows its window"
                " instead, unless the panel has an older tray"
            ),
            _("on GNOME install the extension AppIndicator; elsewhere add a tray to the panel"),
        )


def popups(*, test: bool) -> Iterator[Check]:
    """Check whether popups can be shown in this session; `test`: show one."""
    screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    # A node without a screen shows none; elsewhere than on Linux Qt does it.
    if not sys.platform.startswith("linux") or not (screen or test):
        return
    # Late, because most checks of a server need no D-Bus.
    from devstream_desktop.desk.notification_server import (
        NotificationError,
        capabilities,
        information,
        show,
    )

    try:
        found = information()
        by = " ".join(filter(None, (found.name, found.version)))
        if not test:
            can = _capabilities(capabilities)
            said = _("shown by {server}; {command} shows one").format(
                server=f"{by}{can}", command="devstream doctor --test-popup"
            )
            yield ok("popups", said)
            return
        show(_("devstream: a test"), _("A popup of devstream looks like this."))
    except NotificationError as error:
        said = _("popups cannot be shown: {reason}").format(reason=_(str(error)))
        advice = next((advice for trouble, advice in _ADVICE if trouble == error.trouble), _INSTALL)
        yield warning("popups", said, _(advice))
    else:
        said = _(
            "{server} took a test popup; where none is seen, it is told not to disturb, or it is"
            " not the server of this screen"
        )
        yield ok("popups", said.format(server=by))


def _capabilities(ask: Callable[[], tuple[str, ...]]) -> str:
    """Name what the server can show; empty where it does not say."""
    from devstream_desktop.desk.notification_server import NotificationError

    try:
        found = ask()
    except NotificationError:
        return ""
    if not found:
        return ""
    named = ", ".join(found[:_MOST])
    if "actions" not in found:
        named = _("{capabilities}, so without buttons").format(capabilities=named)
    return f" ({named})"
