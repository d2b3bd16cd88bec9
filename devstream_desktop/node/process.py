"""Process around a node: control socket, signals, service manager, and a start anew."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable

from devstream_desktop.control.errors import ControlError, StartingError
from devstream_desktop.control.messages.base import Done
from devstream_desktop.control.messages.members import Join, Joining, Leave
from devstream_desktop.control.messages.status import Stop
from devstream_desktop.control.server_wire import AnyReply, AnyRequest
from devstream_desktop.control.wording import count
from devstream_desktop.door.descriptors import raise_soft_limit
from devstream_desktop.home import Home
from devstream_desktop.keys import Vault
from devstream_desktop.node import enrolment, leaving
from devstream_desktop.node.core import Node
from devstream_desktop.node.holder import take
from devstream_desktop.node.locked_node import LockedNode
from devstream_desktop.node.monitoring.watch import Watch
from devstream_desktop.node.options import Options
from devstream_desktop.node.reload import reload
from devstream_desktop.node.requests import Requests
from devstream_desktop.node.service_manager import ServiceManager
from devstream_desktop.settings import Settings

_log = logging.getLogger(__name__)


class Process:
    """Runs a home's node until a signal or a `Stop` ends it.

    `on_taken()` is called once the home is this process's alone. `on_locked(sentence)` hears that
    it waits for its keyring. `on_settings(settings)` hears those that were read again.
    """

    def __init__(
        self,
        home: Home,
        options: Options,
        on_ready: Callable[[Node], None],
        on_news: Callable[[], None] | None = None,
        on_locked: Callable[[str], None] = lambda _: None,
        on_taken: Callable[[], None] = lambda: None,
        on_settings: Callable[[Settings], None] = lambda _: None,
    ) -> None:
        self._home = home
        self._options = options
        self._on_ready = on_ready
        self._on_news = on_news
        self._on_locked = on_locked
        self._on_taken = on_taken
        self._on_settings = on_settings
        self._manager = ServiceManager()
        self._reloading = asyncio.Lock()
        self._reloads: set[asyncio.Task[None]] = set()
        self._locked: LockedNode | None = None
        self._vault: Vault | None = None
        self._news = asyncio.Event()
        self._end = asyncio.Event()
        self._again = False
        self._leaving = False
        self._requests: Requests | None = None
        self._node: Node | None = None
        self._watch: Watch | None = None

    async def run(self) -> None:
        """Run to the end.

        Raises:
            ControlError: another node has this home.
            Exception: as `Node.start`.

        """
        # A node of a large team has more sockets than a shell usually allows.
        raise_soft_limit()
        self._follow_signals()
        alive = asyncio.create_task(self._manager.run())
        try:
            await self._run()
        finally:
            alive.cancel()
            self._manager.close()

    def _follow_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            if sys.platform == "win32":
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(self._end.set))
            else:
                loop.add_signal_handler(number, self._end.set)
        if sys.platform == "win32" or signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
            return
        # In a terminal it says that the window was closed; of a service it asks for a reload.
        loop.add_signal_handler(
            signal.SIGHUP, self._end.set if _in_terminal() else self._reload_soon
        )

    def _reload_soon(self) -> None:
        task = asyncio.create_task(self._reload())
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    async def _reload(self) -> None:
        async with self._reloading:
            node = self._node
            # A node that only starts reads its files anyway.
            if node is None or self._requests is None:
                return
            self._manager.reloading()
            try:
                anew = await reload(node)
                if self._watch is not None:
                    await self._watch.follow(node.settings.metrics.listen)
                self._on_settings(node.settings)
            except Exception:  # noqa: BLE001 - the node goes on with what it had
                _log.exception("the files could not be read again")
            else:
                if anew:
                    self._start_anew()
            finally:
                self._manager.ready(_about(node))

    async def _run(self) -> None:
        server = await take(self._home, self._answer, given_up=self._end.is_set)
        try:
            self._on_taken()
            while True:
                self._again = False
                await self._run_once()
                if not self._again:
                    return
                self._end.clear()
        finally:
            await server.stop()

    async def _run_once(self) -> None:
        self._vault = self._vault or await self._unlock()
        if self._vault is None:
            return
        node = Node(self._home, self._options, self._wake, self._start_anew, self._vault)
        await node.start()
        self._node = node
        self._watch = Watch(node)
        self._requests = Requests(node, lambda: self._news, self._end.set, self._join, self._leave)
        try:
            await self._watch.follow(node.settings.metrics.listen)
            self._on_ready(node)
            self._manager.ready(_about(node))
            await self._end.wait()
            if not self._again:
                self._manager.stopping()
        finally:
            # Parked polls would keep the socket from closing.
            self._requests.end_polls()
            self._requests = None
            self._wake()
            await self._watch.stop()
            await node.stop()
        # Only now, because a node that ends still writes what it knows of its team.
        if self._leaving:
            self._leaving = False
            await asyncio.to_thread(leaving.forget_team, self._home, node.team)

    async def _unlock(self) -> Vault | None:
        """Return the vault, when the keyring lets it be opened.

        None when the node was ended before.
        """
        locked = self._locked = LockedNode(self._home, self._locked_now)
        opening, ending = asyncio.create_task(locked.vault()), asyncio.create_task(self._end.wait())
        try:
            await asyncio.wait({opening, ending}, return_when=asyncio.FIRST_COMPLETED)
            return opening.result() if opening.done() else None
        finally:
            opening.cancel()
            ending.cancel()
            self._locked = None
            locked.end()

    def _locked_now(self, sentence: str) -> None:
        # Else the manager would end a node that waits for a person.
        self._manager.ready(sentence)
        self._on_locked(sentence)

    def _start_anew(self) -> None:
        self._again = True
        self._end.set()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
        if self._on_news is not None:
            self._on_news()

    async def _answer(self, request: AnyRequest) -> AnyReply:
        if self._requests is None:
            # It can be ended before it has begun.
            if isinstance(request, Stop):
                self._end.set()
                return Done(text="the node ends")
            if self._locked is not None and self._locked.locked:
                return await self._locked.answer(request)
            raise StartingError("the node is just starting or ending; try again in a moment")
        return await self._requests.answer(request)

    async def _join(self, request: Join) -> Joining:
        node = self._node
        if node is None:  # pragma: no cover - `_answer` asks only a running node
            raise ControlError("the node is not running")
        # Leaving a real team is an act of its own.
        if not node.team.solo:
            raise ControlError(
                f"this home is in team {node.team.name} already; devstream team leave ends that,"
                " or use another --home to join a second team"
            )
        state, joined = await enrolment.try_join(self._home, node.vault, request)
        if joined is not None:
            # The answer leaves first; then the node starts anew as a member of the other team.
            asyncio.get_running_loop().call_later(0.1, self._start_anew)
        return state

    async def _leave(self, request: Leave) -> Done:
        node = self._node
        if node is None:  # pragma: no cover - `_answer` asks only a running node
            raise ControlError("the node is not running")
        if node.team.solo:
            raise ControlError("this is a team of one, which gives way when you join another")
        told = await leaving.tell_team(node, force=request.force)
        self._leaving = True
        # A tray goes on with a team of one; a node without a screen has nothing more to do.
        after = self._start_anew if self._options.solo else self._end.set
        asyncio.get_running_loop().call_later(0.1, after)
        return Done(text=told)


def _in_terminal() -> bool:
    """Tell whether this process belongs to a terminal."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _about(node: Node) -> str:
    trouble = f"; {count(len(node.notices), 'notice')}, see devstream status"
    where = f"in team {node.team.name}, reached at {node.mesh_address}"
    return where + trouble * bool(node.notices)
