"""A desktop's session bus as a test sees it: the tray's item, its menu, and the popups."""

from __future__ import annotations

import asyncio
import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from typing import Self, TypeVar

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus
from panel_services import Note

_T = TypeVar("_T")
_PAUSE = 0.02
_PATIENCE_S = 30
"""For what must come; long, because a machine with much to do is no fault of the desk."""


class DesktopBus:
    """A connection to a session bus, in a thread of its own."""

    def __init__(self, address: str) -> None:
        self._address = address

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._do(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(2)
        self._loop.close()

    @property
    @abstractmethod
    def items(self) -> Sequence[str]:
        """The tray items that are registered, each as its owner with its path."""

    @property
    @abstractmethod
    def notes(self) -> Sequence[Note]:
        """The popups so far, oldest first."""

    @property
    @abstractmethod
    def closed(self) -> Sequence[int]:
        """The numbers of the popups that are gone."""

    def wait(self, what: Callable[[], _T], message: str, timeout: float = _PATIENCE_S) -> _T:
        end = time.monotonic() + timeout
        while True:
            found = what()
            if found:
                return found
            if time.monotonic() > end:
                raise AssertionError(f"{message} within {timeout} s")
            time.sleep(_PAUSE)

    def wait_item(self, timeout: float = _PATIENCE_S) -> str:
        return self.wait(
            lambda: next(reversed(self.items), ""),
            "no tray item was registered",
            timeout,
        )

    def wait_note(
        self, wanted: Callable[[Note], bool] = lambda _: True, timeout: float = _PATIENCE_S
    ) -> Note:
        def find() -> Note | None:
            return next((note for note in self.notes if wanted(note)), None)

        note = self.wait(
            find, f"no such popup; there were {[(n.summary, n.body) for n in self.notes]}", timeout
        )
        assert note is not None
        return note

    def prop(self, name: str):
        owner, path = self._item()
        return self._do(
            self._call(
                owner,
                path,
                "org.freedesktop.DBus.Properties",
                "Get",
                "ss",
                [self.item_interface, name],
            )
        )[0].value

    item_interface = "org.kde.StatusNotifierItem"

    @property
    def tooltip(self) -> str:
        """The text of the item; empty where it has just gone."""
        try:
            _, _, title, body = self.prop("ToolTip")
        except AssertionError:
            # The desk makes its icon again where a tray comes late.
            return ""
        return title or body

    def menu(self) -> dict:
        """The whole menu: nodes with their properties and `children`."""
        owner, _ = self._item()
        _, root = self._do(
            self._call(
                owner,
                str(self.prop("Menu")),
                "com.canonical.dbusmenu",
                "GetLayout",
                "iias",
                [0, -1, []],
            )
        )

        def node(packed: list) -> dict:
            number, values, children = packed
            return {
                "id": number,
                **{name: value.value for name, value in values.items()},
                "children": [node(child.value) for child in children],
            }

        return node(root)

    def labels(self, *path: str) -> list[str]:
        """The texts of the entries that can be seen."""
        entries = self.find(*path)["children"] if path else self.menu()["children"]
        return [
            text(entry)
            for entry in entries
            if entry.get("visible", True) and entry.get("type") != "separator"
        ]

    def find(self, *path: str) -> dict:
        found = self.menu()
        for label in path:
            found = next((child for child in found["children"] if text(child) == label), None)
            assert found is not None, f"{label} is not in the menu: {self.labels()}"
        return found

    def wait_menu(
        self,
        wanted: Callable[[Self], object],
        message: str,
        timeout: float = _PATIENCE_S,
    ) -> None:
        def holds() -> object:
            try:
                return wanted(self)
            except AssertionError:
                return False

        self.wait(holds, message, timeout)

    def click(self, *path: str) -> None:
        # The menu is there before all that the node has to say of it.
        self.wait_menu(lambda bus: bus.find(*path), f"{path} is not in the menu")
        owner, _ = self._item()
        body = [self.find(*path)["id"], "clicked", Variant("i", 0), 0]
        self._do(
            self._call(
                owner, str(self.prop("Menu")), "com.canonical.dbusmenu", "Event", "isvu", body
            )
        )

    def activate(self) -> None:
        """A left click on the item."""
        owner, path = self._item()
        self._do(self._call(owner, path, self.item_interface, "Activate", "ii", [0, 0]))

    def _item(self) -> tuple[str, str]:
        name = self.wait_item()
        owner, _, path = name.partition("/")
        return owner, f"/{path}" if path else "/StatusNotifierItem"

    def _do(self, work: Coroutine[object, object, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _call(
        self, owner: str, path: str, interface: str, member: str, signature: str, body: list
    ) -> list:
        message = Message(
            destination=owner,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=body,
        )
        reply = await self._bus.call(message)
        assert reply is not None
        if reply.message_type is MessageType.ERROR:
            raise AssertionError(f"{member}: {reply.error_name} {reply.body}")
        return reply.body

    async def _start(self) -> None:
        self._bus = await MessageBus(bus_address=self._address).connect()

    async def _stop(self) -> None:
        self._bus.disconnect()
        await self._bus.wait_for_disconnect()


def text(entry: dict) -> str:
    """An entry's label without the marks of its access key."""
    return str(entry.get("label", "")).replace("__", "\0").replace("_", "").replace("\0", "_")
