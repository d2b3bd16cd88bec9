"""The collector in a node: sources in, events out, and the state of each source.

`Intake` reads `sources.toml`, polls the git repositories, runs the webhook receiver when an address
is given, and keeps it all going: a source that fails is shown and waited for, and never stops
another.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import shutil
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import TYPE_CHECKING

from devstream_collectors.kit.place import service_scope
from devstream_desktop.address import AddressError, split
from devstream_desktop.clock import now_ms, within
from devstream_desktop.control.messages.sources import (
    GitSource,
    RemoteSource,
    Source,
    UnmatchedBody,
)
from devstream_desktop.control.messages.status import SourceStatus
from devstream_desktop.control.messages.stream import Emit
from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home
from devstream_desktop.intake.config import source_file
from devstream_desktop.intake.config.names import SourcesError
from devstream_desktop.intake.config.source_file import Vault
from devstream_desktop.intake.config.source_info import source_info
from devstream_desktop.intake.emit import emit_event, heard_at
from devstream_desktop.intake.health import Publish
from devstream_desktop.intake.notes import Notes
from devstream_desktop.intake.occurrence import KnownFacts
from devstream_desktop.intake.poll.git_poller import git_scope
from devstream_desktop.intake.publisher import Publisher
from devstream_desktop.intake.self_test import TestReport, both, failed, try_poll, try_webhook
from devstream_desktop.intake.sources import Sources
from devstream_desktop.intake.store import Store, StoreError
from devstream_desktop.intake.webhook.normaliser import Normaliser
from devstream_desktop.intake.webhook.spool import Spool
from devstream_desktop.intake.webhook.unmatched import Unmatched

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from devstream_desktop.intake.webhook.server import HttpServer

HOUSEKEEPING_SECONDS = 30.0
STOP_SECONDS = 2.0
"""Seconds that a publication under way may take to end."""
_LOG = logging.getLogger(__name__)


class IntakeError(DevstreamError):
    """The intake cannot start or do what was asked; the message says why and what to do."""


class Intake:
    """Runs every source of a home. Made stopped; `start` and `stop` once each, in one event loop.

    Args:
        home: whose sources, spool and mirrors.
        vault: where the secrets of webhook sources are sealed.
        publish: takes events into the stream; when it returns they are safe. It may be called
            again with the same events. A `ValueError` rejects an event for good; anything else
            means: not now.
        known: the stream's knowledge. Without it a repeat looks like a redelivery.
        listen: `HOST:PORT` of the webhook receiver, port 0 for any; None for no receiver.
        now: UTC milliseconds.
        pages: makes what else is answered at the receiver's port; asked when there is one.

    """

    def __init__(
        self,
        home: Home,
        vault: Vault,
        publish: Publish,
        *,
        known: KnownFacts | None = None,
        listen: str | None = None,
        now: Callable[[], int] = now_ms,
        pages: Callable[[], Sequence[BaseRoute]] = tuple,
    ) -> None:
        self._home = home
        self._pages = pages
        self._vault = vault
        self._publish = publish
        self._listen = listen
        self._now = now
        self._store = Store(home.intake)
        self._spool = Spool(self._store)
        self._notes = Notes(self._store)
        self._publisher = Publisher(publish, known)
        self._sources = Sources(home, vault, publish, self._publisher, self._notes, now, known)
        self._unmatched = Unmatched(self._notes)
        self._normaliser = Normaliser(
            self._spool,
            self._sources.listed,
            self._sources.endpoints,
            self._publisher,
            self._now,
            self._unmatched,
        )
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._server: HttpServer | None = None

    @property
    def url(self) -> str:
        """The base URL of the receiver; empty without one."""
        if self._server is None:
            return ""
        host, port = self._server.address
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def names(self) -> Collection[str]:
        """The names of the sources."""
        return self._sources.listed.keys()

    @property
    def waiting(self) -> int:
        """Number of deliveries that are stored and not published."""
        return self._spool.waiting

    async def start(self) -> None:
        """Open the store, start every source and the receiver.

        Raises:
            IntakeError: the store cannot be opened, the address not be listened on, or the extra
                `collector` is not installed.
            SourcesError: `sources.toml` has a mistake.

        """
        self._sources.without_secret = set(
            await asyncio.to_thread(source_file.take_secrets_out, self._home)
        )
        listed = await asyncio.to_thread(source_file.load_sources, self._home.sources)
        try:
            await self._store.open()
            await self._spool.open()
        except StoreError as error:
            raise IntakeError(str(error)) from None
        try:
            await self._apply(listed)
            if self._listen is not None:
                await self._start_receiver(self._listen)
        except BaseException:
            # What did start must not outlive a start that failed.
            await self.stop()
            raise
        self._run("intake-normaliser", self._normaliser.run(self._stop))
        self._run("intake-housekeeping", self._keep_house())

    async def stop(self) -> None:
        """Stop the receiver, then everything else; what was accepted is in the store."""
        if self._server is not None:
            await self._server.stop()
        self._stop.set()
        self._normaliser.wake()
        await self._sources.stop()
        if self._tasks:
            # A normaliser that is publishing may finish, or its events would be made once more.
            _, late = await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await self._sources.save()
        except StoreError as error:
            _LOG.warning("the state of the sources is not kept: %s", error)
        await self._store.close()

    async def reload(self) -> None:
        """Read `sources.toml` again; only what changed in it starts or stops.

        Raises:
            SourcesError: it has a mistake; everything goes on as before.

        """
        await self._apply(await asyncio.to_thread(source_file.load_sources, self._home.sources))

    async def add_source(self, source: Source, secret: bytes = b"", token: bytes = b"") -> str:
        """Add a source and start it; returns the URL path to post to, empty for a poller.

        Raises:
            SourcesError: it is not right, or its name is taken.
            NoCollectorError: no collector of its type is installed.

        """
        # Wrong options are refused before the file and the vault have them.
        if isinstance(source, RemoteSource):
            await asyncio.to_thread(source_info, source)
        path = await asyncio.to_thread(
            source_file.add_source, self._home, self._vault, source, secret, token
        )
        await self.reload()
        return path

    async def remove_source(self, name: str) -> None:
        """Stop a source and forget it and its secret.

        Raises:
            SourcesError: there is no such source.

        """
        await asyncio.to_thread(source_file.remove_source, self._home, self._vault, name)
        self._sources.without_secret.discard(name)
        await self.reload()
        # Another source of this name must not begin where this one ended.
        for note in (f"git/{name}", f"poll/{name}", f"tail/{name}", f"health/{name}"):
            await self._notes.write(note, b"")
        await self._unmatched.forget(name)
        await asyncio.to_thread(shutil.rmtree, self._home.mirrors / name, ignore_errors=True)

    async def test_source(self, name: str) -> TestReport:
        """Send something harmless through a source, and report how far it got.

        At best that is a quiet line in the stream.
        """
        if name in self._sources.broken:
            return failed("configured", self._sources.broken[name])
        reports: list[TestReport] = []
        # A source may have both ways, and each is tested.
        if name in self._sources.pollers:
            reports.append(
                await try_poll(self._sources.pollers[name][2], name, self._publish, self._now)
            )
        if name in self._sources.endpoints:
            address = self._server.address if self._server is not None else None
            reports.append(
                await try_webhook(
                    self._sources.endpoints[name], address, self._normaliser.tests, self._now
                )
            )
        if reports:
            return both(reports)
        return failed(
            "", f"there is no source {name!r}; known: {', '.join(self._sources.listed) or 'none'}"
        )

    async def unmatched(self, name: str = "") -> list[UnmatchedBody]:
        """Return the last bodies that no rule knew, newest first.

        Those of one source, or of all.

        Raises:
            SourcesError: there is no such source.

        """
        if name and name not in self._sources.listed:
            known = ", ".join(self._sources.listed) or "none"
            raise SourcesError(f"there is no source {name!r}; known: {known}")
        names = [name] if name else list(self._sources.listed)
        found = [one for each in names for one in await self._unmatched.of(each)]
        return sorted(found, key=lambda one: -one.received)

    def status(self) -> list[SourceStatus]:
        """Status of each source, ordered by name."""
        return self._sources.status()

    async def emit(self, request: Emit) -> str:
        """Publish the event of a `devstream emit` on this node; returns its key.

        A change of a repository that is polled here gets the poller's key.

        Raises:
            InvalidEventError: as `emit_event`.
            Exception: the stream's own.

        """
        scope = service_scope(request.service)
        for source in self._sources.listed.values():
            if isinstance(source, GitSource) and request.service == (source.service or source.name):
                scope = git_scope(source)
                break
        now = self._now()
        event = emit_event(request, now=now, nonce=secrets.token_hex(8), scope=scope)
        news = await self._publisher.publish([event], received=heard_at(request, now))
        return (news[0] if news else event).key

    async def _apply(self, listed: list[Source]) -> None:
        await self._sources.apply(listed)
        # Deliveries of a source that could not run may wait.
        self._normaliser.wake()

    async def _start_receiver(self, listen: str) -> None:
        try:
            host, port = split(listen)
        except AddressError as error:
            raise IntakeError(f"nothing is received: {error}") from None

        def build() -> HttpServer:
            from devstream_desktop.intake.webhook.receiver import Receiver
            from devstream_desktop.intake.webhook.server import HttpServer, ListenError

            receiver = Receiver(
                self._sources.endpoints,
                self._spool,
                self._normaliser.wake,
                self._normaliser.tests,
                self._now,
                pages=self._pages(),
            )
            try:
                return HttpServer(receiver.app, host, port)
            except ListenError as error:
                raise IntakeError(str(error)) from None

        try:
            self._server = await asyncio.to_thread(build)
        except ImportError as error:
            raise IntakeError(
                f"the webhook receiver needs the extra 'collector' ({error}); "
                "install devstream[collector]"
            ) from None
        await self._server.start()

    async def _keep_house(self) -> None:
        while not self._stop.is_set():
            try:
                for health in list(self._sources.healths.values()):
                    await health.check(self._now())
                await self._spool.prune(self._now())
            except StoreError as error:
                _LOG.warning("the intake store: %s", error)
            await self._say_overflow()
            await within(self._stop, HOUSEKEEPING_SECONDS)

    async def _say_overflow(self) -> None:
        said = [
            line
            for limiter in self._sources.limiters.values()
            if (line := limiter.overflow()) is not None
        ]
        try:
            if said:
                await self._publish(said)
        except Exception:  # noqa: BLE001 - the counts are in `status` all the same
            _LOG.exception("the count of suppressed events could not be published")

    def _run(self, name: str, work: Coroutine[object, object, None]) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))
