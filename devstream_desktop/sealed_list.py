"""Named things in a JSON file, each with a sealed secret.

The file never holds a secret, and a sealed secret is a file of its own. So a command may change
both while a node runs, which looks at the file again and again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import msgspec

from devstream_desktop import machine
from devstream_desktop.errors import DevstreamError
from devstream_desktop.private_file import write_private

LOOK_SECONDS = 2.0
"""Seconds between two looks of a node at a file."""


class Files(Protocol):
    """The files of sealed secrets. Its methods may block."""

    def remove(self, name: str) -> None:
        """Forget it; nothing happens when there is none."""
        ...


class Vault(Files, Protocol):
    """The node's sealed store. Its methods may block."""

    def seal(self, name: str, content: bytes) -> None:
        """Keep it, encrypted, under `name`."""
        ...

    def unseal(self, name: str) -> bytes:
        """Return the secret under `name`."""
        ...


class Named(Protocol):
    """A thing that a list holds once."""

    @property
    def name(self) -> str:
        """The name, unique in its list."""
        ...


T = TypeVar("T", bound=Named)


class SealedList(msgspec.Struct, Generic[T], frozen=True):
    """The things of one sort in a home. Every method blocks."""

    path: Path
    """The file."""
    decoder: msgspec.json.Decoder[list[T]]
    """Of the file."""
    noun: str
    """One thing in a message, and the start of its secret's name: `outlet`."""
    command: str
    """The command with `add` and `remove`: `devstream out`."""
    error: type[DevstreamError]
    """Raised with every message."""
    progress: Callable[[str], Path]
    """The file that says how far the thing of a name is."""

    def load(self) -> list[T]:
        """Read the things; none when there is no file.

        Raises:
            DevstreamError: as `error`, where the file cannot be read.

        """
        try:
            return self.decoder.decode(self.path.read_bytes())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self.error(f"{self.path} cannot be read: {machine.reason(error)}") from None
        except (ValueError, RecursionError) as error:
            raise self.error(
                f"{self.path} is damaged ({error}); remove it, and add each {self.noun} again"
                f" ({self.command} add)"
            ) from None

    def find(self, name: str) -> T:
        """Return the thing of a name.

        Raises:
            DevstreamError: as `error`, where there is none.

        """
        known = self.load()
        for one in known:
            if one.name == name:
                return one
        names = ", ".join(one.name for one in known)
        advice = f"known: {names}" if names else f"{self.command} add makes one"
        raise self.error(f"there is no {self.noun} {name!r}; {advice}")

    def check_new(self, name: str) -> None:
        """Refuse a name that is taken.

        Raises:
            DevstreamError: as `error`.

        """
        if any(one.name == name for one in self.load()):
            raise self.error(
                f"the {self.noun} {name!r} is there already;"
                f" remove it first: {self.command} remove {name}"
            )

    def add(self, vault: Vault, thing: T, secret: bytes = b"") -> None:
        """Seal the secret of a thing, if it has one; then add it.

        Raises:
            DevstreamError: as `error`, where its name is taken; the vault's own.
            OSError: as `private_file.write_private`.

        """
        self.check_new(thing.name)
        if secret:
            vault.seal(self._sealed(thing.name), secret)
        self._save([*self.load(), thing])

    def remove(self, vault: Files, name: str) -> None:
        """Forget a thing, its secret and how far it was.

        Raises:
            DevstreamError: as `error`, where there is none.
            OSError: as `private_file.write_private`.

        """
        self.find(name)
        # The file first: a thing without its secret is broken, the other way round is not.
        self._save([one for one in self.load() if one.name != name])
        vault.remove(self._sealed(name))
        self.progress(name).unlink(missing_ok=True)

    def secret(self, vault: Vault, name: str) -> bytes:
        """Unseal the secret of a thing.

        Raises:
            DevstreamError: the vault's own.

        """
        return vault.unseal(self._sealed(name))

    def _save(self, things: Sequence[T]) -> None:
        write_private(self.path, msgspec.json.format(msgspec.json.encode(things), indent=2))

    def _sealed(self, name: str) -> str:
        return f"{self.noun}-{name}"


class Watch(Generic[T]):
    """A node's look at a list, again and again while `run` runs.

    Args:
        things: The list.
        follow: Called with the things that there are, and with none at the end.

    """

    def __init__(self, things: SealedList[T], follow: Callable[[list[T]], Awaitable[None]]) -> None:
        self._things = things
        self._follow = follow
        self.trouble = ""
        """The reason why the list cannot be read or followed."""

    async def run(self) -> None:
        """Follow the list until it is cancelled."""
        # Late, because a command reads the list and watches nothing.
        import asyncio
        import logging

        try:
            while True:
                try:
                    await self._follow(await asyncio.to_thread(self._things.load))
                    self.trouble = ""
                except DevstreamError as error:
                    # Once, because it is looked at again and again.
                    if str(error) != self.trouble:
                        logging.getLogger(__name__).warning("%s", error)
                    self.trouble = str(error)
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            await self._follow([])
