"""A real desktop's session bus as a test sees it: its tray's items, and every popup."""

from __future__ import annotations

from collections.abc import Sequence

from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus
from desktop_bus import DesktopBus
from panel_services import Note

_NOTIFICATIONS = "org.freedesktop.Notifications"
_PATH = "/org/freedesktop/Notifications"
_WATCHER = "org.kde.StatusNotifierWatcher"


class Shell(DesktopBus):
    """Reads what passes over the bus of a desktop, and serves nothing."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self._asked: dict[tuple[str, int], Message] = {}
        self._notes: list[Note] = []
        self._closed: list[int] = []

    @property
    def items(self) -> Sequence[str]:
        """The items of devstream."""
        try:
            (registered,) = self._do(
                self._call(
                    _WATCHER,
                    "/StatusNotifierWatcher",
                    "org.freedesktop.DBus.Properties",
                    "Get",
                    "ss",
                    [_WATCHER, "RegisteredStatusNotifierItems"],
                )
            )
        except AssertionError:
            # There is no tray.
            return ()
        return [item.replace("@", "") for item in registered.value if self._is_ours(item)]

    @property
    def notes(self) -> Sequence[Note]:
        return self._notes

    @property
    def closed(self) -> Sequence[int]:
        return self._closed

    def server(self) -> tuple[str, str]:
        """The name and version of the notification server."""
        name, _, version, _ = self._do(
            self._call(_NOTIFICATIONS, _PATH, _NOTIFICATIONS, "GetServerInformation", "", [])
        )
        return name, version

    def invoke(self, note: Note, action: str) -> None:
        """Say what the server says when an action of a popup is clicked."""
        signal = Message.new_signal(_PATH, _NOTIFICATIONS, "ActionInvoked", "us", [note.id, action])

        async def send() -> None:
            await self._bus.send(signal)

        self._do(send())

    def _is_ours(self, item: str) -> bool:
        owner, _, path = item.replace("@", "").partition("/")
        try:
            (found,) = self._do(
                self._call(
                    owner,
                    f"/{path}",
                    "org.freedesktop.DBus.Properties",
                    "Get",
                    "ss",
                    [self.item_interface, "Id"],
                )
            )
        except AssertionError:
            # It has just gone.
            return False
        return found.value == "devstream"

    async def _start(self) -> None:
        await super()._start()
        self._monitor = await MessageBus(bus_address=self._address).connect()
        self._monitor.add_message_handler(self._hear)
        become = Message(
            destination="org.freedesktop.DBus",
            path="/org/freedesktop/DBus",
            interface="org.freedesktop.DBus.Monitoring",
            member="BecomeMonitor",
            signature="asu",
            body=[[], 0],
        )
        await self._monitor.call(become)

    async def _stop(self) -> None:
        self._monitor.disconnect()
        await self._monitor.wait_for_disconnect()
        await super()._stop()

    def _hear(self, message: Message) -> bool:
        kind = message.message_type
        # By the name that the desk calls: GNOME's server hands the call on to the shell.
        if kind is MessageType.METHOD_CALL and message.destination == _NOTIFICATIONS:
            if message.member == "Notify" and message.sender and message.serial:
                self._asked[message.sender, message.serial] = message
        elif kind is MessageType.METHOD_RETURN and message.destination and message.reply_serial:
            asked = self._asked.pop((message.destination, message.reply_serial), None)
            if asked is not None:
                _, replaces, _, summary, body, actions, hints, _ = asked.body
                values = {name: value.value for name, value in hints.items()}
                self._notes.append(Note(message.body[0], replaces, summary, body, actions, values))
        elif message.interface == _NOTIFICATIONS and message.member == "NotificationClosed":
            self._closed.append(message.body[0])
        # Done with a call, which is another's: the bus drops a monitor that answers.
        return kind is MessageType.METHOD_CALL
