"""The desk as a screen reader has it: its accessible tree, over the accessibility bus."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus

LAUNCHER = Path("/usr/libexec/at-spi-bus-launcher")
REGISTRY = Path("/usr/libexec/at-spi2-registryd")
_ACCESSIBLE = "org.a11y.atspi.Accessible"
_EVENT = "org.a11y.atspi.Event.Object"
_ROOT = ("org.a11y.atspi.Registry", "/org/a11y/atspi/accessible/root")
_CHECKED, _ENABLED, _FOCUSABLE, _FOCUSED, _SHOWING = 4, 8, 11, 12, 25
"""Bits of a state (at-spi2-core, atspi-constants.h, AtspiStateType)."""
_PATIENCE = 60
_MOST = 2_000
"""Objects that are visited: a tree that has no end fails the test instead of hanging it."""


@dataclass(frozen=True)
class Node:
    """One object of the tree."""

    role: str
    name: str
    depth: int
    state: int

    @property
    def checked(self) -> bool:
        return bool(self.state >> _CHECKED & 1)

    @property
    def enabled(self) -> bool:
        return bool(self.state >> _ENABLED & 1)

    @property
    def focusable(self) -> bool:
        return bool(self.state >> _FOCUSABLE & 1)

    @property
    def focused(self) -> bool:
        return bool(self.state >> _FOCUSED & 1)

    @property
    def showing(self) -> bool:
        return bool(self.state >> _SHOWING & 1)


class Reader:
    """A screen reader on the accessibility bus of a session."""

    def __init__(self, session: str) -> None:
        self._session = session

    def tree(self, application: str) -> list[Node]:
        """Everything of a program, in the order of reading; empty while it is not there."""
        return asyncio.run(self._tree(application))

    def wait(
        self, application: str, what: Callable[[list[Node]], bool], message: str
    ) -> list[Node]:
        """The tree, once it is so."""
        end = time.monotonic() + _PATIENCE
        while not what(found := self.tree(application)):
            if time.monotonic() > end:
                told = "\n".join(f"{' ' * one.depth}{one.role}: {one.name}" for one in found)
                raise AssertionError(f"{message}; there is\n{told}")
        return found

    def menu_after(self, act: Callable[[], object]) -> list[Node]:
        """The menu that has the focus after `act`."""
        return asyncio.run(self._menu_after(act))

    async def _menu_after(self, act: Callable[[], object]) -> list[Node]:
        focused: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

        def hear(message: Message) -> None:
            if message.interface == _EVENT and message.body[:2] == ["focused", 1]:
                focused.put_nowait((message.sender, message.path))

        async with _connected(await self._address()) as bus:
            bus.add_message_handler(hear)
            # Programs tell nothing until somebody listens.
            registry = ("org.a11y.atspi.Registry", "/org/a11y/atspi/registry")
            wanted = ("s", ["object:state-changed:focused"])
            await _call(bus, registry, registry[0], "RegisterEvent", *wanted)
            rule = f"type='signal',interface='{_EVENT}',member='StateChanged'"
            daemon = ("org.freedesktop.DBus", "/org/freedesktop/DBus")
            await _call(bus, daemon, daemon[0], "AddMatch", "s", [rule])
            await asyncio.to_thread(act)
            async with asyncio.timeout(_PATIENCE):
                while True:
                    place = await focused.get()
                    while place[1] != _ROOT[1]:
                        if (await _call(bus, place, _ACCESSIBLE, "GetRoleName"))[0] == "popup menu":
                            return await _walk(bus, place)
                        place = await _parent(bus, place)

    async def _tree(self, application: str) -> list[Node]:
        async with _connected(await self._address()) as bus:
            for one in await _children(bus, _ROOT):
                if await _name(bus, one) == application:
                    return await _walk(bus, one)
        return []

    async def _address(self) -> str:
        async with _connected(self._session) as bus:
            place = ("org.a11y.Bus", "/org/a11y/bus")
            return (await _call(bus, place, "org.a11y.Bus", "GetAddress"))[0]


@contextmanager
def bridge(session: str, display: str) -> Iterator[Reader]:
    """Start the accessibility bus of a session, as a desktop does."""
    environment = {"DBUS_SESSION_BUS_ADDRESS": session, "DISPLAY": display, "PATH": "/usr/bin"}
    launcher = subprocess.Popen(
        [str(LAUNCHER), "--launch-immediately"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield Reader(session)
    finally:
        launcher.terminate()
        launcher.wait(10)


@asynccontextmanager
async def _connected(address: str) -> AsyncIterator[MessageBus]:
    """Connect for the block."""
    bus = await MessageBus(bus_address=address).connect()
    try:
        yield bus
    finally:
        bus.disconnect()
        await bus.wait_for_disconnect()


async def _walk(bus: MessageBus, root: tuple[str, str]) -> list[Node]:
    found, left = list[Node](), [(root, 0)]
    while left:
        place, depth = left.pop()
        try:
            role = (await _call(bus, place, _ACCESSIBLE, "GetRoleName"))[0]
            low, high = (await _call(bus, place, _ACCESSIBLE, "GetState"))[0]
            name, children = await _name(bus, place), await _children(bus, place)
        except LookupError:
            # Gone since its parent told of it.
            continue
        found.append(Node(role, name, depth, low | high << 32))
        assert len(found) < _MOST, "the tree has no end"
        left += [(child, depth + 1) for child in reversed(children)]
    return found


async def _name(bus: MessageBus, place: tuple[str, str]) -> str:
    get = ("ss", [_ACCESSIBLE, "Name"])
    return (await _call(bus, place, "org.freedesktop.DBus.Properties", "Get", *get))[0].value


async def _parent(bus: MessageBus, place: tuple[str, str]) -> tuple[str, str]:
    get = ("ss", [_ACCESSIBLE, "Parent"])
    found = (await _call(bus, place, "org.freedesktop.DBus.Properties", "Get", *get))[0].value
    return found[0], found[1]


async def _children(bus: MessageBus, place: tuple[str, str]) -> list[tuple[str, str]]:
    return [(one[0], one[1]) for one in (await _call(bus, place, _ACCESSIBLE, "GetChildren"))[0]]


async def _call(
    bus: MessageBus,
    place: tuple[str, str],
    interface: str,
    member: str,
    signature: str = "",
    body: list[object] | None = None,
) -> list:
    destination, path = place
    message = Message(
        destination=destination,
        path=path,
        interface=interface,
        member=member,
        signature=signature,
        body=body or [],
    )
    reply = await asyncio.wait_for(bus.call(message), _PATIENCE)
    if reply is None or reply.message_type is MessageType.ERROR:
        raise LookupError(f"{member} of {path}: {reply and reply.body}")
    return reply.body
