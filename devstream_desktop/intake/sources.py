"""The sources of a home while they run: pollers, endpoints, health and limits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from devstream_desktop.control.messages.sources import GitSource, RemoteSource, Source
from devstream_desktop.control.messages.status import SourceStatus
from devstream_desktop.home import Home
from devstream_desktop.intake.config import source_file
from devstream_desktop.intake.config.names import SourcesError
from devstream_desktop.intake.config.source_file import Vault
from devstream_desktop.intake.config.source_info import source_info, token_of
from devstream_desktop.intake.health import Health, Publish
from devstream_desktop.intake.limiter import RateLimiter
from devstream_desktop.intake.notes import Notes
from devstream_desktop.intake.occurrence import KnownFacts
from devstream_desktop.intake.poll.file_tail import FileTail
from devstream_desktop.intake.poll.git_poller import GitPoller
from devstream_desktop.intake.publisher import Publisher
from devstream_desktop.intake.registry import NoCollectorError, poll_collector, tail_collector
from devstream_desktop.intake.webhook.endpoint import Endpoint, open_endpoint

if TYPE_CHECKING:
    from devstream_desktop.intake.poll.http_poller import HttpPoller

_LOG = logging.getLogger(__name__)


class Sources:
    """The sources of a home. Lives in one loop.

    One that fails is shown and waited for, and never stops another. Others read the fields and
    leave it to this class to change them.
    """

    def __init__(
        self,
        home: Home,
        vault: Vault,
        publish: Publish,
        publisher: Publisher,
        notes: Notes,
        now: Callable[[], int],
        known: KnownFacts | None,
    ) -> None:
        self._home = home
        self._vault = vault
        self._publish = publish
        self._publisher = publisher
        self._notes = notes
        self._now = now
        self._known = known
        self.listed: dict[str, Source] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self.healths: dict[str, Health] = {}
        self.limiters: dict[str, RateLimiter] = {}
        self.broken: dict[str, str] = {}
        """Reasons of the sources that cannot run."""
        self.without_secret: set[str] = set()
        """Sources whose address held a secret until this start."""
        self.pollers: dict[
            str, tuple[asyncio.Event, asyncio.Task[None], GitPoller | HttpPoller | FileTail]
        ] = {}
        self._changing = asyncio.Lock()

    async def stop(self) -> None:
        """End every poller."""
        async with self._changing:
            for name in list(self.pollers):
                await self._end_poller(name)

    async def save(self) -> None:
        """Save the health of every source.

        Raises:
            StoreError: it cannot be saved.

        """
        for health in self.healths.values():
            await health.save()

    def status(self) -> list[SourceStatus]:
        """Status of each source, ordered by name."""
        return [self._status(source) for _, source in sorted(self.listed.items())]

    async def apply(self, listed: list[Source]) -> None:
        """Start, change and stop sources until those of `listed` run."""
        # Two changes of `sources.toml` at once would start a poller twice.
        async with self._changing:
            wanted = {source.name: source for source in listed}
            for name, source in list(self.listed.items()):
                if name not in wanted:
                    await self._end_poller(name)
                    for kept in (
                        self.listed,
                        self.endpoints,
                        self.broken,
                        self.healths,
                        self.limiters,
                    ):
                        kept.pop(name, None)
                elif wanted[name] != source:
                    await self._end_poller(name)
            for name, source in wanted.items():
                # A broken source is tried again: its secret or file may be there by now.
                if self.listed.get(name) != source or name in self.broken:
                    await self._begin(source)

    async def _begin(self, source: Source) -> None:
        health = self.healths.get(source.name)
        # A source that only changed keeps its counters and its rate.
        if health is None:
            health = self.healths[source.name] = Health(source.name, self._publish, self._notes)
            await health.open(self._now())
            self.limiters[source.name] = RateLimiter(
                source.name, health, self._publisher, self._now
            )
        limiter = self.limiters[source.name]
        self.listed[source.name] = source
        # From here on the source is as configured, whatever fails below.
        self.broken.pop(source.name, None)
        self.endpoints.pop(source.name, None)
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
                    limiter.catch_up,
                ),
            )
            return
        health.silent_after = source.silent_after * 1000 if source.takes_webhooks else 0
        # A way that was taken out of the file must not keep the source silent.
        health.expect(source.ways)
        try:
            if source.takes_webhooks:
                self.endpoints[source.name] = await asyncio.to_thread(
                    open_endpoint, source, self._vault, health, limiter
                )
            if source.polls:
                self._poll(source.name, await self._http_poller(source, health, limiter))
            if source.tails:
                self._poll(
                    source.name, await asyncio.to_thread(self._file_tail, source, health, limiter)
                )
        except (NoCollectorError, SourcesError) as error:
            self.broken[source.name] = str(error)
        except Exception as error:  # noqa: BLE001 - the vault's own; `status` shows it
            _LOG.warning("source %s has no secret: %s", source.name, error)
            self.broken[source.name] = (
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
        self.pollers[name] = (
            stop,
            asyncio.create_task(poller.run(stop), name=f"intake-poll-{name}"),
            poller,
        )

    async def _end_poller(self, name: str) -> None:
        if name not in self.pollers:
            return
        stop, task, _ = self.pollers.pop(name)
        stop.set()
        # A look may be waiting for a remote that hangs.
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    def _status(self, source: Source) -> SourceStatus:
        health = self.healths[source.name]
        broken = self.broken.get(source.name, "")
        return SourceStatus(
            name=source.name,
            type=source.type,
            service=source.service or (source.name if isinstance(source, GitSource) else ""),
            state="broken" if broken else health.state,
            seen=health.last_seen,
            error=broken or self._lost_secret(source.name) or health.last_error,
            accepted=health.accepted,
            refused=health.rejected,
            refusal=health.refusal,
            gap=health.gap,
            refused_at=health.refused_at,
            events=health.events,
            failures=health.failures,
            dropped={name: count for name, count in health.dropped.items() if count},
            quieted=dict(health.quieted),
            token_ends=health.credential_expires,
            expected=self._expected(source),
            location=source.where,
            branches=source.branches,
        )

    def _lost_secret(self, name: str) -> str:
        return source_file.TAKEN_OUT if name in self.without_secret else ""

    def _expected(self, source: Source) -> int:
        if source.name in self.pollers:
            return int(max(1.0, self.pollers[source.name][2].interval))
        return source.silent_after if isinstance(source, RemoteSource) else 0
