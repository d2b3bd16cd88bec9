"""A feed is read over HTTP by whoever has its token, and by nobody else."""

from __future__ import annotations

import asyncio
import base64
import http.client
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import feedparser
import pytest
from starlette.applications import Starlette

from devstream_desktop.home import Home
from devstream_desktop.intake.webhook.server import HttpServer
from devstream_desktop.keys import Vault
from devstream_desktop.outlet import config, feeds
from devstream_desktop.outlet.config import Outlet, OutletError, Target
from devstream_desktop.outlet.feed_page import FeedPage
from devstream_desktop.outlet.feeds import Feeds
from devstream_desktop.outlet.status import NO_PORT, Serving, statuses
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.words import Kind

AT = 1_760_000_000_000


def event(number: int, kind: Kind = Kind.BUILD, state: str = "failed", **more: object) -> Event:
    values: dict[str, object] = {
        "service": "shop", "subject": f"{kind}/shop", "time": AT + number, "number": str(number),
        "key": fact_key("it", kind, str(number), state), "title": "unit",
    }  # fmt: skip
    return make_event(kind=kind, state=state, **(values | more))  # type: ignore[arg-type]


@dataclass
class Answer:
    status: int
    body: bytes
    headers: dict[str, str]

    def titles(self) -> list[str]:
        return [entry.title for entry in feedparser.parse(self.body).entries]


Get = Callable[..., Awaitable[Answer]]


@pytest.fixture
async def served(home: Home, vault: Vault, told) -> Feeds:
    return Feeds(home, vault, "acme", lambda: time.time_ns() // 1_000_000)


@pytest.fixture
async def get(served: Feeds) -> AsyncIterator[Get]:
    server = HttpServer(Starlette(routes=FeedPage(served).routes()), "127.0.0.1", 0)
    await server.start()

    def ask(path: str, headers: dict[str, str], method: str) -> Answer:
        connection = http.client.HTTPConnection(*server.address, timeout=15)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            named = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, answer.read(), named)
        finally:
            connection.close()

    async def get(path: str, method: str = "GET", **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        # Threads of its own: those of the loop are the server's.
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(threads, ask, path, named, method)

    with ThreadPoolExecutor(20) as threads:
        yield get
    await server.stop()


def add(home: Home, vault: Vault, name: str = "team", search: str = "", token: str = "") -> str:
    """Add a feed; return its path with the token."""
    outlet = Outlet(name, "atom", search)
    return f"{outlet.path}/{config.add(home, vault, outlet, '', token).key}"


def password(token: str, user: str = "any") -> str:
    return "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode()


async def test_whoever_has_the_token_reads_what_the_search_finds(home, vault, told, get) -> None:
    path = add(home, vault, search="kind:build")
    for number in (1, 2):
        told.tell(event(number))
    told.tell(event(3, Kind.INCIDENT, "firing"))
    answer = await get(path)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    assert answer.titles() == ["shop unit #2 still failing", "shop unit #1 FAILED"]
    token = path.rpartition("/")[2]
    assert (await get("/out/team", authorization=password(token))).body == answer.body
    # An address tells nobody else where a link was followed from.
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "private" in answer.headers["cache-control"]


async def test_a_request_to_deploy_and_what_was_filled_in_are_in_no_feed(
    home, vault, told, get
) -> None:
    path = add(home, vault)
    told.tell(event(1, state="succeeded", quiet=True))
    to = {"environment": "production", "revision": "a" * 40, "executor": "e" * 52}
    told.tell(event(2, Kind.DEPLOY, "requested", expires=AT * 2, actor="ana", **to))
    assert (await get(path)).titles() == []


async def test_a_wrong_token_is_answered_like_a_name_that_is_none(
    home, vault, told, get, caplog
) -> None:
    caplog.set_level(logging.DEBUG)
    path = add(home, vault)
    told.tell(event(1))
    token = path.rpartition("/")[2]
    wrong = [await get(f"/out/{name}/{token[:-1]}x") for name in ("team", "other")]
    assert {(one.status, one.body) for one in wrong} == {(404, b"not found\n")}
    unnamed = [await get(f"/out/{name}") for name in ("team", "other")]
    tried = [
        await get("/out/team", authorization=value)
        for value in (password(token[:-1]), password(""), "Basic", "Basic =", f"Bearer {token}")
    ]
    assert {(one.status, one.body) for one in (*unnamed, *tried)} == {
        (401, b"the token of the feed is the password\n")
    }
    assert all("basic" in one.headers["www-authenticate"].lower() for one in unnamed)
    # The token of one feed opens no other.
    assert (await get(add(home, vault, "second").replace("second", "team"))).status == 404
    assert (await get(path, method="POST")).status == 405
    assert token not in caplog.text


async def test_a_reader_that_has_it_is_told_so(home, vault, told, get, served) -> None:
    path = add(home, vault)
    told.tell(event(1))
    whole = await get(path)
    tag, moment = whole.headers["etag"], whole.headers["last-modified"]
    head = await get(path, "HEAD")
    same = ("etag", "last-modified", "content-length", "content-type")
    assert (head.status, head.body) == (200, b"")
    assert {name: head.headers[name] for name in same} == {
        name: whole.headers[name] for name in same
    }
    for headers in (
        {"if_none_match": tag}, {"if_none_match": f'"x", W/{tag}'}, {"if_none_match": "*"},
        {"if_modified_since": moment},
    ):  # fmt: skip
        answer = await get(path, **headers)
        assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", tag)
    for headers in (
        {"if_none_match": '"x"'}, {"if_none_match": '"x"', "if_modified_since": moment},
        {"if_modified_since": "Sat, 01 Jan 2000 00:00:00 GMT"}, {"if_modified_since": "soon"},
    ):  # fmt: skip
        assert (await get(path, **headers)).status == 200
    told.tell(event(2))
    served.get("team").fresh_until = 0.0
    answer = await get(path, if_none_match=tag)
    assert (answer.status, len(answer.titles())) == (200, 2)
    assert answer.headers["etag"] != tag


async def test_who_reads_too_often_is_told_to_wait_and_others_are_served(
    home, vault, told, get, monkeypatch
) -> None:
    monkeypatch.setattr(feeds, "READS_AT_ONCE", 3)
    path, other = add(home, vault), add(home, vault, "other")
    answers = [await get(path) for _ in range(5)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429, 429]
    assert int(answers[-1].headers["retry-after"]) > 0
    # Wrong tokens take nothing from the rate of whoever has the right one.
    for _ in range(9):
        await get(f"{other}x")
    assert (await get(other)).status == 200


async def test_many_readers_at_once_make_one_document(
    home, vault, told, get, served, monkeypatch
) -> None:
    path, made = add(home, vault), []
    make = Feeds._make
    monkeypatch.setattr(Feeds, "_make", lambda *args: (made.append(1), make(*args))[1])
    answers = await asyncio.gather(*(get(path) for _ in range(20)))
    assert {answer.status for answer in answers} == {200}
    assert len(made) == 1


async def test_feeds_come_and_go_while_it_runs(home, vault, told, get, monkeypatch) -> None:
    monkeypatch.setattr(feeds, "LOOK_SECONDS", 0.0)
    path = add(home, vault, token="a-token-of-the-teams-own-1")
    assert path == "/out/team/a-token-of-the-teams-own-1"
    assert (await get(path)).status == 200
    config.outlets(home).remove(vault, "team")
    assert (await get(path)).status == 404
    assert (await get(add(home, vault))).status == 200
    assert (await get(path)).status == 404
    # A file that is damaged meanwhile takes no feed away.
    again = add(home, vault, "again")
    assert (await get(again)).status == 200
    home.outlets.write_bytes(b"{")
    assert (await get(again)).status == 200


async def test_a_token_that_is_lost_opens_nothing_and_is_said(
    home, vault, told, get, served, monkeypatch
) -> None:
    monkeypatch.setattr(feeds, "LOOK_SECONDS", 0.0)
    add(home, vault)
    vault.seal("outlet-team", config.msgspec.json.encode(Target("", "")))
    assert (await get("/out/team", authorization=password(""))).status == 401
    (one,) = statuses(home, Serving(served.troubles, served))
    assert one.state == "broken"
    assert "remove and add it again" in one.error


async def test_a_history_that_cannot_be_read_is_said(home, vault, told, get, served) -> None:
    path = add(home, vault)
    assert (await get(path)).status == 200
    served.get("team").fresh_until = 0.0
    for file in home.root.glob("history.sqlite*"):
        file.unlink()
    answer = await get(path)
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    assert served.get("team").trouble


async def test_its_status(home, vault, told, get, served) -> None:
    path = add(home, vault)
    (stopped,) = statuses(home)
    assert (stopped.state, stopped.location) == ("stopped", "/out/team")
    (unserved,) = statuses(home, Serving({}, None))
    assert (unserved.state, unserved.error) == ("failing", NO_PORT)
    await served.look()
    (new,) = statuses(home, Serving({}, served))
    assert (new.state, new.told, new.seen) == ("new", 0, 0)
    await get(path)
    await get(f"{path}x")
    (one,) = statuses(home, Serving({}, served))
    assert (one.state, one.told, one.refused, one.error) == ("active", 1, 1, "")
    assert one.seen


@pytest.mark.parametrize("token", ["short", "a" * 30 + "/", "ä" * 30, "a" * 201, "a " * 20])
def test_a_token_that_is_no_part_of_a_path_is_refused(home, vault, token) -> None:
    with pytest.raises(OutletError, match="24 to 200"):
        add(home, vault, token=token)
    assert config.outlets(home).load() == []


def test_a_feed_has_no_address(home, vault) -> None:
    with pytest.raises(OutletError, match="posted nowhere"):
        config.add(home, vault, Outlet("it", "atom"), "https://x.example.org/y")


async def test_a_search_that_is_none_any_more_is_said(
    home, vault, told, get, served, monkeypatch
) -> None:
    """As after a version that knew other kinds."""
    monkeypatch.setattr(feeds, "LOOK_SECONDS", 0.0)
    path = add(home, vault)
    listed = home.outlets.read_bytes().replace(b'"search": ""', b'"search": "kind:omen"')
    home.outlets.write_bytes(listed)
    assert (await get(path)).status == 404
    (one,) = statuses(home, Serving(served.troubles, served))
    assert one.state == "broken"
    assert "no kind 'omen'" in one.error
