"""Popups over D-Bus (Desktop Notifications Specification 1.2).

They have actions and urgency and are replaced in place, which Qt's tray icon cannot do. Servers
differ: xfce4-notifyd draws the default action as a button, some know no actions, and all of them
forget their numbers when they restart.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from functools import cache

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QColor

from devstream_desktop.desk.notification_server import NAME, NO_ANSWER, SERVER, reason
from devstream_desktop.desktop.platform.session_bus import Body, SessionBus
from devstream_desktop.desktop.popups.notifier import Notice
from devstream_desktop.desktop.widgets.icons import Mark, path
from devstream_desktop.desktop.widgets.look import StateLook
from devstream_desktop.desktop.widgets.marks import mark_tile
from devstream_desktop.desktop.widgets.plain import popup_text
from devstream_desktop.language import _

_IN_FLIGHT = 16
"""Calls without an answer at once; a bus drops the connection at 128 by default."""
_GREY = "#5b6460"
"""Ground of a state whose tone is the text's own."""
_DEFAULT_EXPIRY = -1
"""The server decides how long the popup stays."""
_ANSWER_MS = 15_000
"""Milliseconds; longer than a server takes to start."""


class DBusNotifier(QObject):
    """A `Notifier` by the session's notification server."""

    activated = Signal(str, str)
    closed = Signal(str)
    unshown = Signal(object)
    """A `Notice` that could not be shown, because there is no server."""
    trouble = Signal(str)
    """The reason for no popups; empty once there are."""

    def __init__(
        self, bus: SessionBus, parent: QObject | None = None, *, answer_ms: int = _ANSWER_MS
    ) -> None:
        super().__init__(parent)
        self._bus = bus
        self._numbers: dict[str, int] = {}
        self._keys: dict[int, str] = {}
        self._waiting: OrderedDict[str, Notice] = OrderedDict()
        self._asked: dict[str, Notice] = {}
        self._unwanted: set[str] = set()
        """Keys that were withdrawn while their popup was on its way."""
        self._patience = QTimer(self, singleShot=True, interval=answer_ms)
        self._patience.timeout.connect(lambda: self._fail(NO_ANSWER))
        self._icon = str(path(Mark.APP))
        self._can_act = True
        self._has_default = True
        bus.heard.connect(self._heard)
        for member in ("ActionInvoked", "NotificationClosed", "ActivationToken"):
            bus.listen(interface=NAME, member=member, path=SERVER.object_path)
        bus.listen(interface="org.freedesktop.DBus", member="NameOwnerChanged", argument=NAME)
        self._ask_server()

    def show_notice(self, notice: Notice) -> None:
        """Show the popup, or replace the one with its key.

        Each key has one call at a time, so that the number to replace is known.
        """
        # A newer popup replaces one that was not sent yet, and goes to the end of the queue.
        self._waiting.pop(notice.key, None)
        self._waiting[notice.key] = notice
        self._unwanted.discard(notice.key)
        self._send_waiting()

    def withdraw(self, key: str) -> None:
        """Take a popup off the screen, or out of the queue."""
        self._waiting.pop(key, None)
        # Its number comes with the answer.
        if key in self._asked:
            self._unwanted.add(key)
        number = self._numbers.get(key)
        if number is not None:
            self._bus.call(SERVER, "CloseNotification", "u", (number,))

    def withdraw_all(self) -> None:
        """Take every popup off the screen, and out of the queue."""
        for key in (*self._waiting, *self._asked, *self._numbers):
            self.withdraw(key)

    def _ask_server(self) -> None:
        self._bus.call(SERVER, "GetCapabilities", answer=self._capable)
        self._bus.call(
            SERVER,
            "GetServerInformation",
            answer=self._known,
            fail=lambda error, detail: self._fail(reason(error, detail)),
        )
        self._await_answer()

    def _capable(self, body: Body) -> None:
        capabilities = body[0] if body else []
        self._can_act = isinstance(capabilities, list) and "actions" in capabilities

    def _known(self, body: Body) -> None:
        # XFCE draws the default action as one more button; others run it on a click.
        self._has_default = not (body and str(body[0]).lower().startswith("xfce"))
        self._answered()

    def _send_waiting(self) -> None:
        for key in list(self._waiting):
            if self._bus.calls >= _IN_FLIGHT:
                break
            if key not in self._asked:
                self._send(self._waiting.pop(key))
        if self._waiting:
            self._await_answer()

    def _send(self, notice: Notice) -> None:
        actions: list[str] = []
        if self._can_act:
            default = (("default", _("Details")),) if self._has_default else ()
            # The specification's form: name, label, name, label.
            actions = [text for pair in (*default, *notice.actions) for text in pair]
        hints: dict[str, tuple[str, object]] = {
            "urgency": ("y", int(notice.urgency)),
            "desktop-entry": ("s", "devstream"),
        }
        if notice.look is not None:
            hints["image-data"] = ("(iiibiiay)", _picture(notice.look))
        replaced = self._numbers.get(notice.key, 0)
        body = (
            "devstream",
            replaced,
            self._icon,
            popup_text(notice.summary),
            popup_text(notice.body),
            actions,
            hints,
            _DEFAULT_EXPIRY,
        )
        self._asked[notice.key] = notice
        self._await_answer()
        self._bus.call(
            SERVER,
            "Notify",
            "susssasa{sv}i",
            body,
            answer=lambda reply: self._shown(notice.key, reply),
            fail=lambda error, detail: self._refused(notice, reason(error, detail)),
        )

    def _shown(self, key: str, reply: Body) -> None:
        self._asked.pop(key, None)
        self._answered()
        number = reply[0] if reply else 0
        if isinstance(number, int) and number:
            old = self._numbers.get(key)
            # The popup was closed meanwhile, so the server made a new one.
            if old is not None and old != number:
                self._keys.pop(old, None)
            self._numbers[key], self._keys[number] = number, key
        if key in self._unwanted:
            self._unwanted.discard(key)
            self.withdraw(key)
        self._send_waiting()

    def _refused(self, notice: Notice, why: str) -> None:
        if why:
            self._asked[notice.key] = notice
            self._fail(why)
            # It may have been the end of an old server, and a new one is there.
            if why == NO_ANSWER:
                self._ask_server()
            return
        # This one alone: the line is in the history all the same.
        self._asked.pop(notice.key, None)
        self._unwanted.discard(notice.key)
        self._answered()
        self._send_waiting()

    def _await_answer(self) -> None:
        # Not restarted, or a steady stream of popups would never let it end.
        if not self._patience.isActive():
            self._patience.start()

    def _answered(self) -> None:
        """Note that the server answers."""
        self.trouble.emit("")
        self._patience.stop()
        # Anew for what is still without an answer.
        if self._asked:
            self._await_answer()

    def _fail(self, why: str) -> None:
        """Hand on every notice that waits for a server."""
        self._patience.stop()
        if not why:
            return
        self.trouble.emit(_(why))
        asked = {key: one for key, one in self._asked.items() if key not in self._unwanted}
        lost = {**asked, **self._waiting}
        self._asked.clear()
        self._unwanted.clear()
        self._waiting.clear()
        for notice in lost.values():
            self.unshown.emit(notice)

    def _heard(self, interface: str, member: str, body: Body) -> None:
        if member == "NameOwnerChanged" and body[:1] == (NAME,):
            # Another server counts from one again.
            self._numbers.clear()
            self._keys.clear()
            self._asked.clear()
            self._unwanted.clear()
            if len(body) > 2 and body[2]:
                self._ask_server()
            return
        # Signals about the popups of other programs come here too.
        if (
            interface != NAME
            or len(body) < 2
            or not isinstance(body[0], int)
            or body[0] not in self._keys
        ):
            return
        key = self._keys[body[0]]
        if member == "ActionInvoked":
            self.activated.emit(key, str(body[1]))
        elif member == "ActivationToken":
            # It comes before ActionInvoked; Wayland raises our window only with it.
            os.environ["XDG_ACTIVATION_TOKEN"] = str(body[1])
        elif member == "NotificationClosed":
            del self._keys[body[0]]
            self._numbers.pop(key, None)
            # One that is on its way takes its place: the server makes it anew.
            if key not in self._asked and key not in self._waiting:
                self.closed.emit(key)


@cache
def _picture(look: StateLook) -> tuple[int, int, int, bool, int, int, bytes]:
    """Draw a state as the specification's raw image: sizes, then RGBA bytes."""
    light = look.tone.value[0]
    ground = QColor(light) if light.startswith("#") else QColor(_GREY)
    image = mark_tile(look.shape, ground)
    channels = 4
    pixels = bytes(image.constBits())
    return image.width(), image.height(), image.bytesPerLine(), True, 8, channels, pixels
