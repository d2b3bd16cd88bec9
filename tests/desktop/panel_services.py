"""The D-Bus services of a false desktop: where tray items register, and a notification server."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from dbus_fast import PropertyAccess
from dbus_fast.annotations import DBusBool, DBusDict, DBusInt32, DBusSignature, DBusStr, DBusUInt32
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property, dbus_signal

_StrList = Annotated[list[str], DBusSignature("as")]
_Info = Annotated[list[str], DBusSignature("ssss")]
_Closed = Annotated[list, DBusSignature("uu")]
_Invoked = Annotated[list, DBusSignature("us")]


class Watcher(ServiceInterface):
    """`org.kde.StatusNotifierWatcher`: where tray items register."""

    def __init__(self, sender: Callable[[], str]) -> None:
        super().__init__("org.kde.StatusNotifierWatcher")
        self.items: list[str] = []
        self._sender = sender

    @dbus_method()
    def RegisterStatusNotifierItem(self, service: DBusStr):  # noqa: N802
        name = self._sender() + service if service.startswith("/") else service
        self.items.append(name)
        self.StatusNotifierItemRegistered(name)

    @dbus_method()
    def RegisterStatusNotifierHost(self, service: DBusStr):  # noqa: N802
        pass

    @dbus_property(access=PropertyAccess.READ)
    def RegisteredStatusNotifierItems(self) -> _StrList:  # noqa: N802
        return self.items

    @dbus_property(access=PropertyAccess.READ)
    def IsStatusNotifierHostRegistered(self) -> DBusBool:  # noqa: N802
        return True

    @dbus_property(access=PropertyAccess.READ)
    def ProtocolVersion(self) -> DBusInt32:  # noqa: N802
        return 0

    @dbus_signal()
    def StatusNotifierItemRegistered(self, service) -> DBusStr:  # noqa: N802
        return service

    @dbus_signal()
    def StatusNotifierHostRegistered(self) -> None:  # noqa: N802
        pass


@dataclass(frozen=True)
class Note:
    """One `Notify` call."""

    id: int
    replaces: int
    summary: str
    body: str
    actions: list[str]
    hints: dict[str, object]
    at: float = field(default_factory=time.monotonic)


class Notifications(ServiceInterface):
    """`org.freedesktop.Notifications`, which keeps every call."""

    def __init__(
        self, *, name: str = "fake", caps: tuple[str, ...] = ("actions", "body", "persistence")
    ) -> None:
        super().__init__("org.freedesktop.Notifications")
        self.notes: list[Note] = []
        self.closed: list[int] = []
        self._last = 0
        self._name, self._caps = name, list(caps)

    @dbus_method()
    def Notify(  # noqa: N802
        self,
        app: DBusStr,
        replaces: DBusUInt32,
        icon: DBusStr,
        summary: DBusStr,
        body: DBusStr,
        actions: _StrList,
        hints: DBusDict,
        expire: DBusInt32,
    ) -> DBusUInt32:
        if not replaces:
            self._last += 1
        number = replaces or self._last
        self.notes.append(
            Note(
                number,
                replaces,
                summary,
                body,
                actions,
                {name: value.value for name, value in hints.items()},
            )
        )
        return number

    @dbus_method()
    def CloseNotification(self, number: DBusUInt32):  # noqa: N802
        self.closed.append(number)
        self.NotificationClosed(number, 3)

    @dbus_method()
    def GetCapabilities(self) -> _StrList:  # noqa: N802
        return self._caps

    @dbus_method()
    def GetServerInformation(self) -> _Info:  # noqa: N802
        return [self._name, "devstream tests", "1", "1.2"]

    @dbus_signal()
    def NotificationClosed(self, number, reason) -> _Closed:  # noqa: N802
        return [number, reason]

    @dbus_signal()
    def ActionInvoked(self, number, key) -> _Invoked:  # noqa: N802
        return [number, key]
