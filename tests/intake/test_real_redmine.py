"""A real Redmine of Debian (`redmine-sqlite`, `puma`), whose tickets come by asking and by posting.

It is run from a copy with a database of its own. Redmine posts by itself from version 7 on; older
ones by the plugin redmine_webhook, which this looks for in Redmine's own folder of plugins.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import time
from pathlib import Path

import pytest

from devstream_collectors.contract import SourceInfo
from devstream_collectors.sources import redmine
from devstream_desktop.control.messages.sources import RemoteSource
from devstream_desktop.intake.health import Health
from devstream_desktop.intake.limiter import RateLimiter
from devstream_desktop.intake.notes import Notes
from devstream_desktop.intake.poll.http_poller import HttpPoller
from devstream_desktop.intake.publisher import Publisher
from devstream_desktop.intake.service import Intake
from devstream_desktop.intake.store import Store
from devstream_desktop.stream.line import render

SHIPPED = Path("/usr/share/redmine")
PLUGIN = "plugins/redmine_webhook"
pytestmark = [
    pytest.mark.process,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not SHIPPED.is_dir() or shutil.which("puma") is None,
        reason="there is no redmine with puma on this machine",
    ),
]
KEY = "0123456789abcdef0123456789abcdef01234567"
SETTINGS = "production: {{adapter: sqlite3, database: '{folder}/redmine.sqlite', timeout: 10000}}\n"
START = """\
require ::File.expand_path('config/environment', __dir__)
ActiveRecord::Migration.verbose = false
ActiveRecord::MigrationContext.new('db/migrate', ActiveRecord::SchemaMigration).migrate
Redmine::Plugin.migrate
ActiveRecord::Base.descendants.each(&:reset_column_information)
Redmine::DefaultData::Loader.load('en')
Setting.rest_api_enabled = '1'
ana = User.find_by_login('admin')
ana.update_columns(firstname: 'Ana', lastname: 'Diaz', must_change_passwd: false)
Token.create!(user: ana, action: 'api', value: '%(key)s')
Token.where(action: 'api').update_all(value: '%(key)s')
shop = Project.new(name: 'shop', identifier: 'shop')
shop.trackers = Tracker.all
shop.save!
posts = Redmine::Plugin.installed?(:redmine_webhook)
Webhook.create!(project_id: shop.id, url: '%(hook)s') if posts
run Rails.application
"""
LISTENING = re.compile(r"Listening on (http://127\.0\.0\.1:\d+)")


def wall_clock() -> int:
    return time.time_ns() // 1_000_000


class Redmine:
    """A running one, and somebody who works with its tickets."""

    def __init__(self, url: str, post, *, posts: bool) -> None:
        self.url, self._post = url, post
        self.posts = posts
        """It tells us of each change by itself."""

    async def new(self, subject: str) -> int:
        issue = {"project_id": "shop", "subject": subject, "tracker_id": 1, "priority_id": 3}
        answer = await self._ask("POST", "/issues.json", issue)
        return json.loads(answer)["issue"]["id"]

    async def change(self, number: int, **fields: object) -> None:
        await self._ask("PUT", f"/issues/{number}.json", fields)

    async def _ask(self, method: str, path: str, issue: dict[str, object]) -> str:
        headers = {"Content-Type": "application/json", "X-Redmine-API-Key": KEY}
        body = json.dumps({"issue": issue}).encode()
        answer = await self._post(self.url, path, body, headers, method)
        assert answer.status in (201, 204), answer
        return answer.text


@pytest.fixture
async def intake(home, vault, stream):
    intake = Intake(home, vault, stream.publish, listen="127.0.0.1:0")
    await intake.start()
    yield intake
    await intake.stop()


@pytest.fixture
async def tracker(intake, tmp_path, post):
    """A Redmine of this test's own, on loopback."""
    path = await intake.add_source(RemoteSource(name="hook", type="redmine", secret_path=True))
    folder = tmp_path / "redmine"
    await asyncio.to_thread(install, folder, f"{intake.url}{path}")
    process = await asyncio.create_subprocess_exec(
        "puma", "--environment", "production", "--bind", "tcp://127.0.0.1:0", "start.ru",
        cwd=folder, env={**os.environ, "RAILS_ENV": "production", "REDMINE_INSTANCE": "own"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, reader = [], None
    try:
        async with asyncio.timeout(200):
            while not (found := LISTENING.search(said[-1] if said else "")):
                line = await process.stdout.readline()
                assert line, "".join(said)
                said.append(line.decode())
        reader = asyncio.create_task(process.stdout.read())
        yield Redmine(found[1], post, posts=(folder / PLUGIN).is_dir())
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 30)
        if reader is not None:
            await reader


def install(folder: Path, hook: str) -> None:
    """Copy the program, with an instance of its own in it."""
    # Links lead to the files that the system's own instance has.
    shutil.copytree(SHIPPED, folder, ignore=shutil.ignore_patterns("instances"))
    own = folder / "instances" / "own"
    for name in ("config", "log", "tmp", "files", "public"):
        (own / name).mkdir(parents=True)
    (own / "config" / "database.yml").write_text(SETTINGS.format(folder=own))
    (own / "config" / "secret_key.txt").write_text("s" * 128)
    (folder / "start.ru").write_text(START % {"key": KEY, "hook": hook})


@pytest.fixture
async def poller(tracker, stream, home):
    """The same Redmine, asked; what it says is a stream of its own."""
    told = type(stream)()
    store = Store(home.root / "asked.sqlite")
    await store.open()
    health = Health("asked", told.publish, Notes(store))
    info = SourceInfo("asked", url=tracker.url)
    limiter = RateLimiter("asked", health, Publisher(told.publish), wall_clock)
    token = KEY.encode()
    one = HttpPoller(
        info, redmine, 0, lambda: token, Notes(store), health, limiter, wall_clock
    )  # fmt: skip
    one.told = told
    yield one
    await one.close()
    await store.close()


def lines(events) -> list[str]:
    return [render(event) for event in events]


async def test_a_ticket_from_its_opening_to_its_second_end(tracker, poller, stream) -> None:
    assert (await poller.poll()).errors == []
    number = await tracker.new("Card is refused <b>twice</b>")
    assert (await poller.poll()).errors == []
    # A word, and a status that is no end, are no news.
    for change in ({"notes": "only a word"}, {"status_id": 2}, {"status_id": 5},
                   {"status_id": 2}, {"status_id": 6}):  # fmt: skip
        await tracker.change(number, **change)
        assert (await poller.poll()).errors == []
        # Redmine's times are whole seconds, and no two looks of a poller are in one.
        await asyncio.sleep(1.05 - time.time() % 1)
    told = lines(poller.told.events)
    assert told == [
        f"shop  Ana Diaz opened #{number} · high · Bug — Card is refused <b>twice</b>",
        f"shop  Ana Diaz closed #{number} · Closed — Card is refused <b>twice</b>",
        f"shop  Ana Diaz reopened #{number} · high · Bug — Card is refused <b>twice</b>",
        f"shop  Ana Diaz closed #{number} · Rejected — Card is refused <b>twice</b>",
    ]
    # Asked again there is nothing new.
    assert (await poller.poll()).errors == []
    assert lines(poller.told.events) == told
    if not tracker.posts:
        pytest.skip(f"Redmine has no {PLUGIN}, so it posts nothing; what was asked is right")
    await stream.first(4)
    assert lines(stream.events) == told
    # Posted and asked, it is one fact and one row.
    assert {event.key for event in stream.events} == {event.key for event in poller.told.events}
