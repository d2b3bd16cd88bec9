"""Poller of a git repository: look at its branches, fetch, publish one event a push.

Trees and files are not fetched. The position is kept in the intake store, and moves only after the
events are published: a crash repeats events with the same keys.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from devstream_collectors.contract import Gap, Git, SourceInfo
from devstream_collectors.kit.branches import HEADS, Moved, exact, is_global, moved
from devstream_collectors.kit.place import remote_scope, service_scope
from devstream_collectors.sources.git import (
    LOG_FORMAT,
    Heads,
    backfill_event,
    change_event,
    parse_heads,
    parse_log,
    patterns,
    wanted,
)
from devstream_desktop import git_address
from devstream_desktop.clock import within
from devstream_desktop.control.messages.sources import GitSource
from devstream_desktop.errors import DevstreamError
from devstream_desktop.intake.backlog import BEHIND
from devstream_desktop.intake.config.names import is_local
from devstream_desktop.intake.health import Health, Publish
from devstream_desktop.intake.notes import Notes
from devstream_desktop.intake.occurrence import KnownFacts
from devstream_desktop.intake.poll.git_commands import (
    FETCH_SECONDS,
    FIRST_FETCH_SECONDS,
    GitError,
    git,
    local_folder,
    remote_of,
    transport_options,
)
from devstream_desktop.intake.poll.git_mirror import Mirror
from devstream_desktop.intake.poll.git_watch import RefWatch
from devstream_desktop.intake.poll.odd_branches import OddBranches
from devstream_desktop.intake.poll.stray_branches import StrayBranches
from devstream_desktop.stream.event import Event, InvalidEventError

LOCAL_INTERVAL = float(Git.local_interval)
REMOTE_INTERVAL = float(Git.interval)
MAX_INTERVAL = 300.0
JITTER = 0.2
FULL_LOOK = 20.0
"""Seconds after which a local repository is asked although it looks unchanged."""
BACKFILL = 20
MAX_EVENTS = 100
"""Events of one look: more branches at once are an import, not news."""
MAX_KNOWN = 20
"""Other branches that the commits of a new one are compared with."""
CatchUp = Callable[[list[Event], int], Awaitable[object]]
_LOG = logging.getLogger(__name__)


class _Cursor(msgspec.Struct, frozen=True):
    """Branches at the last look that match `names`; `empty` when there was none at all."""

    url: str
    names: tuple[str, ...]
    branches: dict[str, str]
    empty: bool = False


_cursor = msgspec.json.Decoder(_Cursor)


def git_scope(source: GitSource) -> str:
    """Return the scope of a repository's changes, as its forge's webhooks do."""
    return remote_scope(source.url) or service_scope(source.service or source.name)


class GitPoller:
    """Polls one repository until stopped."""

    def __init__(
        self,
        source: GitSource,
        mirrors: Path,
        notes: Notes,
        health: Health,
        publish: Publish,
        now: Callable[[], int],
        known: KnownFacts | None = None,
        catch_up: CatchUp | None = None,
    ) -> None:
        """Make it.

        `known` is the stream, which may be wrong about a branch. `catch_up` publishes what
        happened since a look long ago.
        """
        self.source = source
        self.health = health
        self._info = SourceInfo(source.name, source.branches, source.service)
        self._scope = git_scope(source)
        self._mirror = Mirror(source, mirrors / source.name)
        self._notes = notes
        self._publish = publish
        self._now = now
        self._strays = StrayBranches(self._info, self._scope, known)
        self._catch_up = catch_up
        self._looked = 0
        """The time of the last look, UTC milliseconds."""
        self._aside = OddBranches(health.dropped)
        self._is_working_copy = False
        self._folder = local_folder(source)
        self._watch = RefWatch(self._folder) if self._folder is not None else None

    @property
    def interval(self) -> float:
        """Seconds between two looks when all is well."""
        return float(
            self.source.interval
            or (LOCAL_INTERVAL if is_local(self.source.url) else REMOTE_INTERVAL)
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Look again and again until `stop` is set.

        Failures are counted, shown and waited out. They never end the loop.
        """
        pause = self.interval
        loop = asyncio.get_running_loop()
        asked = 0.0
        while not stop.is_set():
            # Unchanged files save a git process each second. They are not trusted for long, nor
            # after a failure.
            fresh = (
                self._watch is None
                or await self._watch.changed()
                or loop.time() - asked >= FULL_LOOK
                or pause > self.interval
            )
            if fresh:
                asked = loop.time()
                try:
                    await self.poll()
                    pause = self.interval
                except Exception as error:  # noqa: BLE001 - shown; the next look tries again
                    pause = min(MAX_INTERVAL, pause * 2)
                    # A remote that is away is no fault of ours.
                    _LOG.log(
                        logging.INFO if isinstance(error, GitError) else logging.ERROR,
                        "source %s: %s",
                        self.source.name,
                        error,
                    )
                    if self._watch is not None:
                        self._watch.forget()
                    await self.health.failed(self._now(), str(error))
            # So that many collectors do not ask at the same moment.
            delay = pause * (1 + random.uniform(-JITTER, JITTER)) if self._watch is None else pause  # noqa: S311 - not for secrets
            await within(stop, delay)

    async def look(self) -> Heads:
        """Read the branches of the remote.

        Raises:
            GitError: it cannot be asked.

        """
        options = transport_options(self.source)
        if self._folder is not None:
            self._is_working_copy = await asyncio.to_thread((self._folder / ".git").exists)
        return parse_heads(
            await git(
                "ls-remote", "--symref", *options, "--", remote_of(self.source), "HEAD", f"{HEADS}*"
            )
        )

    async def look_once(self) -> str:
        """Read the branches for a test; describe them.

        Raises:
            DevstreamError: the remote cannot be asked.

        """
        try:
            heads = await self.look()
        except GitError as error:
            raise DevstreamError(f"the repository cannot be read: {error}") from error
        # Ten names say whether the choice of branches is right.
        names = self.followed(heads)
        found = "1 branch" if len(heads.branches) == 1 else f"{len(heads.branches)} branches"
        return f"{found}, of which these count: {', '.join(names[:10]) or 'none'}"

    def followed(self, heads: Heads) -> list[str]:
        """Name the branches that count."""
        return list(wanted(heads, patterns(heads, self._info, working_copy=self._is_working_copy)))

    async def poll(self) -> int:
        """Look once; return the number of published events.

        Raises:
            GitError: the remote cannot be read.

        """
        # What the remote says is true now, and not when its commits have been fetched.
        before, self._looked = self._looked or self.health.last_seen, self._now()
        heads = await self.look()
        names = patterns(heads, self._info, working_copy=self._is_working_copy)
        cursor = await self._read_cursor()
        old = cursor.branches if cursor is not None else {}
        counting = wanted(heads, names)
        self._aside.see(counting)
        new = self._aside.keep_back(counting, old)
        try:
            if cursor is None:
                events = await self._first_contact(new)
            else:
                # One that is set aside is not gone.
                aside = set(heads.branches) - set(new)
                there = [name for name in exact(names) if name not in aside]
                strays = self._strays.look(new, there, self._looked)
                if cursor.names != names and not cursor.empty:
                    # Another choice of branches is not news of those that come or go with it.
                    old = {name: old.get(name, revision) for name, revision in new.items()}
                moves = moved(old, new)
                gone = {move.branch for move in moves}
                moves += [stray for stray in strays if stray.branch not in gone]
                events = await self._read_changes(moves, new, old, before) if moves else []
        except GitError as error:
            await self._mirror.doubt(error)
            raise
        self._mirror.trust()
        # Published before the cursor moves: a crash in between repeats events with the same keys.
        if events:
            if self._catch_up and before and self._looked - before > BEHIND + 2000 * self.interval:
                await self._catch_up(events, before)
            else:
                await self._publish(events)
            self.health.events += len(events)
        seen = _Cursor(
            self.source.url, names, self._aside.keep_back(new, old), empty=not heads.branches
        )
        # A quiet repository writes nothing to the disk.
        if seen != cursor:
            await self._notes.write(self._note, msgspec.json.encode(seen))
        await self.health.seen(self._now())
        self._aside.odd = {name for name in heads.odd if is_global(name, names)}
        self.health.last_error = self._aside.sentence() or self.health.last_error
        return len(events)

    async def _first_contact(self, branches: dict[str, str]) -> list[Event]:
        """Fill the history with the newest commits, quietly, when asked for.

        Nothing that was there before is news.
        """
        if not branches:
            return []
        await self._fetch(branches, branches, FIRST_FETCH_SECONDS)
        if not self.source.backfill:
            return []
        events: list[Event] = []
        for branch, revision in self._aside.keep_back(branches, {}).items():
            arguments = (
                "log",
                "--first-parent",
                f"--max-count={BACKFILL}",
                f"--format={LOG_FORMAT}",
                revision,
                "--",
            )
            for commit in reversed(parse_log(await self._mirror.ask(*arguments))):
                try:
                    events.append(backfill_event(self._info, self._scope, branch, commit))
                except InvalidEventError:
                    self._aside.cannot_say(branch)
        # The limit is that of the source, not of each of its branches.
        newest = sorted(events, key=lambda event: event.time)[-BACKFILL:]
        if len(newest) < len(events):
            self.health.dropped["older-than-backfill"] += len(events) - len(newest)
        return newest

    async def _read_changes(
        self, changes: list[Moved], new: dict[str, str], old: dict[str, str], before: int
    ) -> list[Event]:
        """Make the events of moves since the look at `before` (UTC milliseconds)."""
        asked = {move.branch: move.new for move in changes if move.new}
        # A deleted branch needs no commits.
        if asked:
            await self._fetch(asked, new, FETCH_SECONDS)
        if len(changes) > MAX_EVENTS:
            _LOG.warning(
                "source %s: %d branches changed at once; %d make lines",
                self.source.name,
                len(changes),
                MAX_EVENTS,
            )
            lost = len(changes) - MAX_EVENTS
            self.health.dropped["too-many-branches"] += lost
            await self.health.left_out(Gap("moves of branches", lost), before, self._looked)
        events: list[Event] = []
        for move in changes[:MAX_EVENTS]:
            if self._aside.is_kept_back(move.branch, move.new):
                continue
            try:
                events.append(await self._event(move, old))
            except InvalidEventError:
                self._aside.cannot_say(move.branch)
        return events

    async def _event(self, move: Moved, old: dict[str, str]) -> Event:
        if not move.new:
            return change_event(
                self._info, self._scope, move, forced=False, count=0, head=None, now=self._looked
            )
        back = (move.new, move.old)
        forced = bool(move.old) and not await self._mirror.is_ancestor(move.old, move.new)
        # The commits of a new branch are those that no other branch has.
        known = [move.old] if move.old and not forced else sorted(set(old.values()))[:MAX_KNOWN]
        # A forced push may have thrown commits away, and git fails on one that is not here.
        present = [revision for revision in known if await self._mirror.has(revision)]
        count = int(
            (
                await self._mirror.ask(
                    "rev-list", "--count", move.new, *(f"^{revision}" for revision in present), "--"
                )
            ).strip()
            or 0
        )
        head = parse_log(
            await self._mirror.ask("log", "--max-count=1", f"--format={LOG_FORMAT}", move.new, "--")
        )
        return change_event(
            self._info,
            self._scope,
            move,
            forced=forced,
            # None that is new, and yet not back: it went to where another branch is.
            count=count or (0 if forced and await self._mirror.is_ancestor(*back) else None),
            head=head[0] if head else None,
            now=self._looked,
        )

    async def _fetch(self, asked: dict[str, str], known: dict[str, str], seconds: float) -> None:
        """Fetch the branches `asked`, and set aside those that cannot be had.

        Raises:
            GitError: no branch can be had.

        """
        refused, why = await self._mirror.fetch(asked, known, seconds)
        if refused:
            self._aside.cannot_have({name: asked[name] for name in refused}, why)

    @property
    def _note(self) -> str:
        return f"git/{self.source.name}"

    async def _read_cursor(self) -> _Cursor | None:
        saved = await self._notes.read(self._note)
        if not saved:
            return None
        try:
            cursor = _cursor.decode(saved)
        except (ValueError, RecursionError):
            return None
        # An address that was kept with its secret in it is the same place without.
        return cursor if git_address.without_secret(cursor.url) == self.source.url else None
