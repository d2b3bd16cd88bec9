"""Real parts for the intake tests.

Git repositories, a vault in memory, a stream that collects, an HTTP client on loopback.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import http.client
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import pytest
from blockbuster import blockbuster_ctx
from real_git import commit, git

from devstream_desktop.home import Home
from devstream_desktop.intake import registry
from devstream_desktop.intake.notes import Notes
from devstream_desktop.intake.store import Store
from devstream_desktop.stream.event import Event

# It imports its module when it is first asked for; late, in a loop, that would count as blocking.
concurrent.futures.ThreadPoolExecutor  # noqa: B018 - it is loaded by being looked at


@pytest.fixture(autouse=True)
def blocking_is_an_error() -> Iterator[None]:
    with blockbuster_ctx("devstream_desktop") as found:
        # Where Qt is installed its binding looks at the source of whatever runs an import. A node
        # has no Qt.
        for function in found.functions.values():
            function.can_block_in("shibokensupport/feature.py", "feature_imported")
        yield


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.create()
    return home


class MemoryVault:
    def __init__(self) -> None:
        self.sealed: dict[str, bytes] = {}

    def seal(self, name: str, secret: bytes) -> None:
        self.sealed[name] = secret

    def unseal(self, name: str) -> bytes:
        if name not in self.sealed:
            raise KeyError(f"nothing is sealed as {name}")
        return self.sealed[name]

    def exists(self, name: str) -> bool:
        return name in self.sealed

    def remove(self, name: str) -> None:
        del self.sealed[name]


@pytest.fixture
def vault() -> MemoryVault:
    return MemoryVault()


@dataclass
class Stream:
    """A node's `publish`: keeps one event a key, and can refuse."""

    events: list[Event] = field(default_factory=list)
    error: Exception | None = None
    calls: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def publish(self, events: list[Event]) -> None:
        self.calls += 1
        self._changed.set()
        if self.error is not None:
            raise self.error
        known = {event.key for event in self.events}
        self.events += [event for event in events if event.key not in known]

    async def until(self, wanted: Callable[[], bool], seconds: float = 10.0) -> None:
        """Wait for a call after which `wanted` holds."""
        async with asyncio.timeout(seconds):
            while not wanted():
                self._changed.clear()
                if not wanted():
                    await self._changed.wait()
                    await asyncio.sleep(0)

    async def first(self, count: int = 1, seconds: float = 10.0) -> list[Event]:
        await self.until(lambda: len(self.events) >= count, seconds)
        return self.events


@pytest.fixture
def stream() -> Stream:
    return Stream()


Eventually = Callable[[Callable[[], object]], Awaitable[None]]


@pytest.fixture
def eventually() -> Eventually:
    """`await eventually(condition)`, for what tells nobody when it changes."""

    async def eventually(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    return eventually


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Repository:
    """A real repository on disk, and a bare one that it pushes to."""

    def __init__(self, folder: Path, form: str = "sha1") -> None:
        self.bare = folder / "team repos" / "shop.git"
        self.work = folder / "work copy"
        self.bare.parent.mkdir(parents=True)
        begin = ("init", "--quiet", "--initial-branch=main", f"--object-format={form}")
        git(folder, *begin, "--bare", str(self.bare))
        git(folder, *begin, str(self.work))
        self.git("remote", "add", "origin", str(self.bare))

    def git(self, *arguments: str) -> str:
        return git(self.work, *arguments)

    def commit(self, title: str, author: str = "Ana") -> str:
        return commit(self.work, title, author)

    def push(self, *arguments: str) -> None:
        self.git("push", "--quiet", "origin", *(arguments or ("HEAD",)))


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


@pytest.fixture
def make_repository() -> Callable[..., Repository]:
    """Make a repository: its folder, and git's name of its hash."""
    return Repository


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Install a collector as a team's own package would bring it.

    `install("tally", COLLECTOR=..., normalise=...)`
    """
    found = list(entry_points(group=registry.GROUP))
    monkeypatch.setattr(registry, "installed", cache(lambda: found))
    registry.collector_module.cache_clear()

    def install(name: str, **parts: object) -> None:
        module = ModuleType(f"collector_{name}")
        vars(module).update(parts)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        found.append(EntryPoint(name, module.__name__, registry.GROUP))

    yield install
    registry.collector_module.cache_clear()


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)


Post = Callable[..., Awaitable[Answer]]


@pytest.fixture
def post() -> Post:
    """Send one request with the standard library's client, in a thread.

    `await post(url, path, body, headers, method)`
    """

    def send(base: str, path: str, body: bytes, headers: dict[str, str], method: str) -> Answer:
        connection = http.client.HTTPConnection(base.removeprefix("http://"), timeout=15)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(
                response.status,
                response.read().decode(),
                {name.lower(): value for name, value in response.getheaders()},
            )
        finally:
            connection.close()

    async def post(
        base: str,
        path: str,
        body: bytes = b"{}",
        headers: dict[str, str] | None = None,
        method: str = "POST",
    ) -> Answer:
        return await asyncio.to_thread(send, base, path, body, headers or {}, method)

    return post


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """One answer of a `Replay`.

    With `hang` none comes. With `cut` the body ends too early. With `etag` whoever has it gets 304.
    """

    body: bytes = b"{}"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    etag: str = ""
    hang: bool = False
    cut: bool = False


class Replay:
    def __init__(self) -> None:
        self.answers: dict[str, Reply] = {}
        self.asked: list[Asked] = []
        self._server: asyncio.Server | None = None
        self._tasks: set[Any] = set()

    @property
    def url(self) -> str:
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{host}:{port}"

    @property
    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    def tell(self, path: str, body: bytes = b"{}", **how: Any) -> None:
        """Set the answer to `path`, with or without its query.

        It holds from now on.
        """
        self.answers[path] = Reply(body, **how)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.current_task())
        try:
            while (line := await reader.readline()).strip():
                method, path, _ = line.decode().split()
                headers = {}
                while (header := (await reader.readline()).decode().strip()) != "":
                    name, _, value = header.partition(":")
                    headers[name.lower()] = value.strip()
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.asked.append(Asked(method, path, headers, body))
                reply = (
                    self.answers.get(path)
                    or self.answers.get(path.split("?", maxsplit=1)[0])
                    or Reply(status=404)
                )
                if reply.hang:
                    await asyncio.sleep(3600)
                writer.write(self._answer(reply, headers))
                await writer.drain()
                if reply.cut:
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    @staticmethod
    def _answer(reply: Reply, asked: Mapping[str, str]) -> bytes:
        headers, status, body = dict(reply.headers), reply.status, reply.body
        if reply.etag:
            headers["ETag"] = reply.etag
            if asked.get("if-none-match") == reply.etag:
                status, body = 304, b""
        length = len(body) + (10 if reply.cut else 0)
        lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in headers.items())]
        if status != 304:
            lines.append(f"Content-Length: {length}")
        return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.fixture
async def notes(home: Home) -> AsyncIterator[Notes]:
    """Notes that survive a restart, in a store of this home."""
    store = Store(home.intake)
    await store.open()
    yield Notes(store)
    await store.close()


@pytest.fixture
async def replay() -> AsyncIterator[Replay]:
    """A server on loopback that answers as told, well or badly, and keeps the requests."""
    async with Replay() as server:
        yield server
