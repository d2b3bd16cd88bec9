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
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING

from devstream_collectors.kit.place import service_scope
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
from devstream_desktop.intake.config.source_info import source_info, token_of
from devstream_desktop.intake.emit import emit_event
from devstream_desktop.intake.health import Health, Publish
from devstream_desktop.intake.limiter import RateLimiter
from devstream_desktop.intake.notes import Notes
from devstream_desktop.intake.occurrence import KnownFacts
from devstream_desktop.intake.poll.file_tail import FileTail
from devstream_desktop.intake.poll.git_poller import GitPoller, git_scope
from devstream_desktop.intake.publisher import Publisher
from devstream_desktop.intake.registry import NoCollectorError, poll_collector, tail_collector
from devstream_desktop.intake.self_test import TestReport, both, failed, try_poll, try_webhook
from devstream_desktop.intake.store import Store, StoreError
from devstream_desktop.intake.webhook.endpoint import Endpoint, open_endpoint
from devstream_desktop.intake.webhook.normaliser import Normaliser
from devstream_desktop.intake.webhook.spool import Spool
from devstream_desktop.intake.webhook.unmatched import Unmatched

if TYPE_CHECKING:
    from devstream_desktop.intake.poll.http_poller import HttpPoller
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
    ) -> None:
        self._home = home
        self._vault = vault
        self._publish = publish
        self._listen = listen
        self._now = now
        self._store = Store(home.intake)
        self._spool = Spool(self._store)
        self._notes = Notes(self._store)
        self._sources: dict[str, Source] = {}
        self._endpoints: dict[str, Endpoint] = {}
        self._unmatched = Unmatched(self._notes)
        self._known = known
        self._publisher = Publisher(publish, known)
        self._normaliser = Normaliser(
            self._spool, self._sources, self._endpoints, self._publisher, self._now, self._unmatched
        )
        self._healths: dict[str, Health] = {}
        self._limiters: dict[str, RateLimiter] = {}
        self._broken: dict[str, str] = {}
        self._without_secret: set[str] = set()
        """Sources whose address held a secret until this start."""
        self._pollers: dict[
            str, tuple[asyncio.Event, asyncio.Task[None], GitPoller | HttpPoller | FileTail]
        ] = {}
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._server: HttpServer | None = None
        self._changing = asyncio.Lock()

    @property
    def url(self) -> str:
        """The base URL of the receiver; empty without one."""
        if self._server is None:
            return ""
        host, port = self._server.address
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def start(self) -> None:
        """Open the store, start every source and the receiver.

        Raises:
            IntakeError: the store cannot be opened, the address not be listened on, or the extra
                `collector` is not installed.
            SourcesError: `sources.toml` has a mistake.

        """
        self._without_secret = set(
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
        async with self._changing:
            for name in list(self._pollers):
                await self._end_poller(name)
        if self._tasks:
            # A normaliser that is publishing may finish, or its events would be made once more.
            _, late = await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            for health in self._healths.values():
                await health.save()
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
        self._without_secret.discard(name)
        await self.reload()
        # Another source of this name begins anew.
        for note in (f"git/{name}", f"poll/{name}", f"tail/{name}", f"health/{name}"):
            await self._notes.write(note, b"")
        await self._unmatched.forget(name)
        await asyncio.to_thread(shutil.rmtree, self._home.mirrors / name, ignore_errors=True)

    async def test_source(self, name: str) -> TestReport:
        """Send something harmless through a source, and report how far it got.

        At best that is a quiet line in the stream.
        """
        if name in self._broken:
            return failed("configured", self._broken[name])
        reports: list[TestReport] = []
        if name in self._pollers:
            reports.append(await try_poll(self._pollers[name][2], name, self._publish, self._now))
        if name in self._endpoints:
            address = self._server.address if self._server is not None else None
            reports.append(
                await try_webhook(self._endpoints[name], address, self._normaliser.tests, self._now)
            )
        if reports:
            return both(reports)
        return failed(
            "", f"there is no source {name!r}; known: {', '.join(self._sources) or 'none'}"
        )

    async def unmatched(self, name: str = "") -> list[UnmatchedBody]:
        """Return the last bodies that no rule knew, newest first.

        Those of one source, or of all.

        Raises:
            SourcesError: there is no such source.

        """
        if name and name not in self._sources:
            known = ", ".join(self._sources) or "none"
            raise SourcesError(f"there is no source {name!r}; known: {known}")
        names = [name] if name else list(self._sources)
        found = [one for each in names for one in await self._unmatched.of(each)]
        return sorted(found, key=lambda one: -one.received)

    def status(self) -> list[SourceStatus]:
        """Status of each source, ordered by name."""
        return [self._status(source) for _, source in sorted(self._sources.items())]

    async def emit(self, request: Emit) -> str:
        """Publish the event of a `devstream emit` on this node; returns its key.

        A change of a repository that is polled here gets the poller's key.

        Raises:
            InvalidEventError: as `emit_event`.
            Exception: the stream's own.

        """
        scope = service_scope(request.service)
        for source in self._sources.values():
            if isinstance(source, GitSource) and request.service == (source.service or source.name):
                scope = git_scope(source)
                break
        now = self._now()
        event = emit_event(request, now=now, nonce=secrets.token_hex(8), scope=scope)
        news = await self._publisher.publish([event], received=now if request.previous else 0)
        return (news[0] if news else event).key

    async def _apply(self, listed: list[Source]) -> None:
        # Two changes of `sources.toml` at once would start a poller twice.
        async with self._changing:
            wanted = {source.name: source for source in listed}
            for name, source in list(self._sources.items()):
                if name not in wanted:
                    await self._end_poller(name)
                    for kept in (
                        self._sources,
                        self._endpoints,
                        self._broken,
                        self._healths,
                        self._limiters,
                    ):
                        kept.pop(name, None)
                elif wanted[name] != source:
                    await self._end_poller(name)
            for name, source in wanted.items():
                # A broken source is tried again: its secret or file may be there by now.
                if self._sources.get(name) != source or name in self._broken:
                    await self._begin(source)
            self._normaliser.wake()

    async def _begin(self, source: Source) -> None:
        health = self._healths.get(source.name)
        # A source that only changed keeps its counters and its rate.
        if health is None:
            health = self._healths[source.name] = Health(source.name, self._publish, self._notes)
            await health.open(self._now())
            self._limiters[source.name] = RateLimiter(
                source.name, health, self._publisher, self._now
            )
        limiter = self._limiters[source.name]
        self._sources[source.name] = source
        self._broken.pop(source.name, None)
        self._endpoints.pop(source.name, None)
        if isinstance(source, GitSource):
            self._poll(
                source.name,
                GitPoller(
                    source,
                    self._home.mirrors,
                    self._notes,
                    health,
                    limiter.publish,
                    self._now,
                    self._known,
                ),
            )
            return
        health.silent_after = source.silent_after * 1000 if source.takes_webhooks else 0
        health.expect(source.ways)
        try:
            if source.takes_webhooks:
                self._endpoints[source.name] = await asyncio.to_thread(
                    open_endpoint, source, self._vault, health, limiter
                )
            if source.polls:
                self._poll(source.name, await self._http_poller(source, health, limiter))
            if source.tails:
                self._poll(
                    source.name, await asyncio.to_thread(self._file_tail, source, health, limiter)
                )
        except (NoCollectorError, SourcesError) as error:
            self._broken[source.name] = str(error)
        except Exception as error:  # noqa: BLE001 - the vault's own; `status` shows it
            _LOG.warning("source %s has no secret: %s", source.name, error)
            self._broken[source.name] = (
                f"its secret cannot be unsealed ({error}); remove the source and add it again"
            )

    async def _http_poller(
        self, source: RemoteSource, health: Health, limiter: RateLimiter
    ) -> HttpPoller:
        def prepare() -> HttpPoller:
            from devstream_desktop.intake.poll.http_poller import HttpPoller

            collector = poll_collector(source.type)
            return HttpPoller(
                source_info(source),
                collector,
                source.interval,
                lambda: token_of(source, self._vault),
                self._notes,
                health,
                limiter,
                self._now,
            )

        # Off the loop: it imports the HTTP client and reads the system's certificates.
        try:
            return await asyncio.to_thread(prepare)
        except ImportError as error:
            raise SourcesError(
                f"polling needs the extra 'collector' ({error}); install devstream[collector]"
            ) from None

    def _file_tail(self, source: RemoteSource, health: Health, limiter: RateLimiter) -> FileTail:
        return FileTail(
            source_info(source),
            tail_collector(source.type),
            source.interval,
            self._notes,
            health,
            limiter,
            self._now,
        )

    def _poll(self, name: str, poller: GitPoller | HttpPoller | FileTail) -> None:
        stop = asyncio.Event()
        self._pollers[name] = (
            stop,
            asyncio.create_task(poller.run(stop), name=f"intake-poll-{name}"),
            poller,
        )

    async def _end_poller(self, name: str) -> None:
        if name not in self._pollers:
            return
        stop, task, _ = self._pollers.pop(name)
        stop.set()
        # A look may be waiting for a remote that hangs.
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _start_receiver(self, listen: str) -> None:
        host, _, port = listen.rpartition(":")
        if not port.isascii() or not port.isdigit() or int(port) > 65_535:
            raise IntakeError(
                f"{listen!r} is not an address to listen on; "
                "write HOST:PORT, such as 127.0.0.1:8900"
            )

        def build() -> HttpServer:
            from devstream_desktop.intake.webhook.receiver import Receiver
            from devstream_desktop.intake.webhook.server import HttpServer, ListenError

            receiver = Receiver(
                self._endpoints,
                self._spool,
                self._normaliser.wake,
                self._normaliser.tests,
                self._now,
            )
            try:
                return HttpServer(receiver.app, host.strip("[]") or "127.0.0.1", int(port))
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
                for health in list(self._healths.values()):
                    await health.check(self._now())
                await self._spool.prune(self._now())
            except StoreError as error:
                _LOG.warning("the intake store: %s", error)
            await self._say_overflow()
            await within(self._stop, HOUSEKEEPING_SECONDS)

    async def _say_overflow(self) -> None:
        said = [
            line for limiter in self._limiters.values() if (line := limiter.overflow()) is not None
        ]
        try:
            if said:
                await self._publish(said)
        except Exception:  # noqa: BLE001 - the counts are in `status` all the same
            _LOG.exception("the count of suppressed events could not be published")

    def _run(self, name: str, work: Coroutine[object, object, None]) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    def _status(self, source: Source) -> SourceStatus:
        health = self._healths[source.name]
        broken = self._broken.get(source.name, "")
        return SourceStatus(
            name=source.name,
            type=source.type,
            service=source.service or (source.name if isinstance(source, GitSource) else ""),
            state="broken" if broken else health.state,
            seen=health.last_seen,
            error=broken or self._told(source.name) or health.last_error,
            accepted=health.accepted,
            refused=health.rejected,
            refusal=health.refusal,
            gap=health.gap,
            refused_at=health.refused_at,
            events=health.events,
            dropped={name: count for name, count in health.dropped.items() if count},
            quieted=dict(health.quieted),
            token_ends=health.credential_expires,
            expected=self._expected(source),
            location=source.where,
            branches=source.branches,
        )

    def _told(self, name: str) -> str:
        return source_file.TAKEN_OUT if name in self._without_secret else ""

    def _expected(self, source: Source) -> int:
        if source.name in self._pollers:
            return int(max(1.0, self._pollers[source.name][2].interval))
        return source.silent_after if isinstance(source, RemoteSource) else 0
