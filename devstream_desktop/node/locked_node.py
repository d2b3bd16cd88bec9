"""A node whose keyring is locked.

It waits for a person, says so on every screen, and goes on by itself.

The keyring is asked once, which shows its own password prompt, and that call waits for as long as
it takes. Beside it, it is looked at without a prompt whether the keyring was unlocked in another
way: then it is asked anew. A prompt that was dismissed is shown again only when a person wants it
(`Unlock`). Where nobody would see a prompt, there is none until then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

from devstream_desktop.clock import within
from devstream_desktop.control.errors import ControlError
from devstream_desktop.control.messages.base import Done
from devstream_desktop.control.messages.status import GetStatus, Unlock
from devstream_desktop.control.messages.stream import News, Wait
from devstream_desktop.control.node_words import (
    KEYRING_LOCKED,
    KEYRING_REFUSED,
    KEYRING_SILENT,
    KEYRING_UNSEEN,
    KEYRING_UNSEEN_NEW,
)
from devstream_desktop.control.server_wire import AnyReply, AnyRequest
from devstream_desktop.history.reader import HistoryUnavailableError, Reader
from devstream_desktop.home import Home
from devstream_desktop.keys import Vault, VaultLockedError, os_keyring
from devstream_desktop.node.home_status import status_of_files

LOOK_S = 2.0
"""Seconds for the keyring before the node counts as locked.

From then on it is looked at this often.
"""
_FIRST = -2
"""First revision of this kind; they are counted down from here.

A screen begins with -1, and the node's own numbers go up from 0, so each is news after the other.
"""

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class LockedNode:
    """Opens the vault of a home, however long a person takes.

    `on_locked(sentence)` hears what the node waits for, when that changes.
    """

    def __init__(self, home: Home, on_locked: Callable[[str], None]) -> None:
        self._home = home
        self._on_locked = on_locked
        self._asking: asyncio.Future[Vault] | None = None
        self._looking: asyncio.Future[bool | None] | None = None
        self._news = asyncio.Event()
        self._revision = _FIRST
        self.locked = ""
        """Sentence on what the node waits for, and what to do."""

    async def vault(self) -> Vault:
        """Return the vault, once it can be opened.

        Raises:
            VaultError: waiting is no use: there is no keyring, or the key is gone.

        """
        was_locked = False
        while True:
            asking = self._asking = self._asking or self._ask()
            done, _ = await asyncio.wait({asking}, timeout=LOOK_S)
            if done:
                try:
                    return asking.result()
                except VaultLockedError:
                    await asyncio.sleep(LOOK_S)
            locked = await self._look()
            if locked is False and (done or was_locked):
                # The answer or the prompt of then says nothing any more: whoever unlocked it did so
                # elsewhere.
                asking.cancel()
                self._asking = None
            else:
                self._say(self._refused() if done else KEYRING_LOCKED if locked else KEYRING_SILENT)
            was_locked = bool(locked)

    def end(self) -> None:
        """Let go whoever waits for news; what the keyring may still say is heard by nobody."""
        self._say("")
        for waiting in (self._asking, self._looking):
            if waiting is not None:
                waiting.cancel()

    async def answer(self, request: AnyRequest) -> AnyReply:
        """Return the answer to one request of a screen or script.

        Raises:
            ControlError: it takes the keys.

        """
        match request:
            case GetStatus():
                return await asyncio.to_thread(status_of_files, self._home, locked=self.locked)
            case Wait():
                return await self._wait(request)
            case Unlock():
                if self._asking is not None and self._asking.done():
                    # A person at a screen wants it.
                    self._asking = self._ask(may_prompt=True)
                return Done(text="the keyring asks for its password")
        raise ControlError(self.locked)

    def _refused(self) -> str:
        if os_keyring.can_ask():
            return KEYRING_REFUSED
        return KEYRING_UNSEEN if Vault.has_secrets(self._home) else KEYRING_UNSEEN_NEW

    def _ask(self, *, may_prompt: bool | None = None) -> asyncio.Future[Vault]:
        asking = _abandonable(lambda: Vault.open(self._home, timeout_s=None, may_prompt=may_prompt))
        asking.add_done_callback(_log_failure)
        return asking

    async def _look(self) -> bool | None:
        """Look as `is_locked`.

        A look that hangs is waited for the next time, and no second one is begun.
        """
        looking = self._looking = self._looking or _abandonable(os_keyring.is_locked)
        done, _ = await asyncio.wait({looking}, timeout=LOOK_S)
        if not done:
            return None
        self._looking = None
        return looking.result()

    def _say(self, sentence: str) -> None:
        if sentence == self.locked:
            return
        self.locked = sentence
        self._revision -= 1
        self._news.set()
        self._news = asyncio.Event()
        if sentence:
            self._on_locked(sentence)

    async def _wait(self, request: Wait) -> News:
        if request.status == self._revision:
            await within(self._news, request.wait_ms / 1000)
        return News(newest=await asyncio.to_thread(_newest, self._home), status=self._revision)


def _abandonable(work: Callable[[], _T]) -> asyncio.Future[_T]:
    return asyncio.wrap_future(os_keyring.abandonable(work))


def _log_failure(asking: asyncio.Future[Vault]) -> None:
    if not asking.cancelled() and (error := asking.exception()) is not None:
        _log.warning("%s", error)


def _newest(home: Home) -> int:
    try:
        with Reader(home.history) as reader:
            return reader.newest()
    except HistoryUnavailableError:
        return 0
