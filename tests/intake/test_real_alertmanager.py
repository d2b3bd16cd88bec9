"""A real Prometheus Alertmanager, which posts to the real receiver.

Alerts fire through its API, are grouped, repeated, silenced and resolved.

And what it is asked gives the rows of what it posts.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sqlite3
import time
from collections import Counter
from contextlib import asynccontextmanager, closing

import pytest

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.decoding import iso
from devstream_collectors.kit.labelled import fingerprint
from devstream_collectors.sources import alertmanager
from devstream_desktop.control.messages.sources import RemoteSource
from devstream_desktop.intake.health import Health
from devstream_desktop.intake.limiter import RateLimiter
from devstream_desktop.intake.notes import Notes
from devstream_desktop.intake.poll.http_poller import HttpPoller
from devstream_desktop.intake.publisher import Publisher
from devstream_desktop.intake.service import Intake
from devstream_desktop.intake.store import Store
from devstream_desktop.stream.line import render

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(
        PROGRAM is None, reason="there is no prometheus-alertmanager on this machine"
    ),
]

SECRET = "a secret of the team's own"
CONFIGURATION = """\
route:
  receiver: devstream
  group_by: [alertname]
  group_wait: 300ms
  group_interval: 1s
  repeat_interval: 1s
receivers:
  - name: devstream
    webhook_configs:
      - url: {url}
        send_resolved: true
        http_config: {{authorization: {{credentials: "{secret}"}}}}
"""
_LISTENING = re.compile(r'msg="Listening on" address=(\S+)')


def wall_clock() -> int:
    return time.time_ns() // 1_000_000


class Alertmanager:
    """A running one, and who asks and tells it."""

    def __init__(self, url: str, post) -> None:
        self.url, self._post = url, post

    async def say(self, *alerts: dict[str, object]) -> None:
        answer = await self._post(
            self.url,
            "/api/v2/alerts",
            json.dumps(alerts).encode(),
            {"Content-Type": "application/json"},
        )
        assert answer.status == 200, answer

    async def silence(self, name: str) -> str:
        """Silence every alert of a name; returns the silence's id."""
        body = {
            "matchers": [{"name": "alertname", "value": name, "isRegex": False, "isEqual": True}],
            "createdBy": "ana",
            "comment": "known",
        }
        body |= {"startsAt": iso(wall_clock()), "endsAt": iso(wall_clock() + 3_600_000)}
        answer = await self._post(
            self.url,
            "/api/v2/silences",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        assert answer.status == 200, answer
        return json.loads(answer.text)["silenceID"]

    async def end_silence(self, identity: str) -> None:
        answer = await self._post(self.url, f"/api/v2/silence/{identity}", b"", {}, "DELETE")
        assert answer.status == 200, answer

    async def states(self) -> list[str]:
        """The states of its alerts: `active` or `suppressed`."""
        answer = await self._post(self.url, "/api/v2/alerts", b"", {}, "GET")
        return [one["status"]["state"] for one in json.loads(answer.text)]


class Later:
    """The time here, which may be hours after Alertmanager's."""

    hours: float = 0

    def __call__(self) -> int:
        return wall_clock() + round(self.hours * 3_600_000)


@pytest.fixture
def later() -> Later:
    return Later()


@pytest.fixture
async def intake(home, vault, stream, later):
    intake = Intake(home, vault, stream.publish, listen="127.0.0.1:0", now=later)
    await intake.start()
    assert (
        await intake.add_source(RemoteSource(name="am", type="alertmanager"), SECRET.encode())
        == "/in/am"
    )
    yield intake
    await intake.stop()


@pytest.fixture
async def manager(intake, tmp_path, post):
    """An Alertmanager of this test's own, on loopback, that posts to the receiver."""
    async with running(tmp_path, intake.url + "/in/am", post) as manager:
        yield manager


@asynccontextmanager
async def running(folder, url: str, post):
    configuration = folder / "alertmanager.yml"
    configuration.write_text(CONFIGURATION.format(url=url, secret=SECRET))
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        f"--config.file={configuration}",
        f"--storage.path={folder / 'alertmanager'}",
        "--web.listen-address=127.0.0.1:0",
        "--cluster.listen-address=",
        stderr=asyncio.subprocess.PIPE,
    )
    said: list[str] = []
    reader = None
    try:
        async with asyncio.timeout(30):
            while not (found := _LISTENING.search(said[-1] if said else "")):
                line = await process.stderr.readline()
                assert line, "".join(said)
                said.append(line.decode())
        # What it goes on to say must be read, or it stops when the pipe is full.
        reader = asyncio.create_task(process.stderr.read())
        yield Alertmanager(f"http://{found[1]}", post)
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 20)
        if reader is not None:
            await reader


@pytest.fixture
async def poller(manager, stream, home):
    """The same Alertmanager, asked; what it says is a stream of its own."""
    told = type(stream)()
    store = Store(home.root / "asked.sqlite")
    await store.open()
    health = Health("asked", told.publish, Notes(store))
    info = SourceInfo("asked", url=manager.url)
    clock = Later()
    limiter = RateLimiter("asked", health, Publisher(told.publish), clock)
    one = HttpPoller(info, alertmanager, 0, lambda: b"", Notes(store), health, limiter, clock)
    one.told, one.clock = told, clock
    yield one
    await one.close()
    await store.close()


def alert(
    name: str, instance: str, *, starts: int, ends: int = 0, **labels: str
) -> dict[str, object]:
    body: dict[str, object] = {
        "labels": {
            "alertname": name,
            "instance": instance,
            "service": "shop",
            "env": "prod",
            "severity": "page",
        }
        | labels,
        "annotations": {"summary": f"{name} for 5 minutes"},
        "startsAt": iso(starts),
        "generatorURL": "http://prometheus.example.org/graph",
    }
    return body | ({"endsAt": iso(ends)} if ends else {})


def facts(events) -> dict[str, tuple[object, ...]]:
    return {
        event.key: (
            event.state,
            event.subject,
            event.number,
            event.title,
            event.environment,
            event.severity,
        )
        for event in events
    }


def group_sizes(store) -> set[int]:
    """The numbers of alerts in the notifications."""
    with closing(sqlite3.connect(store)) as connection:
        return {
            len(json.loads(body)["alerts"])
            for (body,) in connection.execute("SELECT body FROM raw")
        }


async def test_firing_grouped_repeated_and_resolved(
    intake, manager, poller, stream, home, eventually
):
    start = wall_clock() - 60_000
    both = [alert("HighErrorRate", f"web{number}", starts=start) for number in (1, 2)]
    assert (await poller.poll()).errors == []
    await manager.say(*both, alert("DiskFull", "db1", starts=start, severity="warning"))
    await stream.first(3)
    assert Counter((event.state, event.title, event.severity.word) for event in stream.events) == {
        ("firing", "HighErrorRate (web1)", "critical"): 1,
        ("firing", "HighErrorRate (web2)", "critical"): 1,
        ("firing", "DiskFull (db1)", "warning"): 1,
    }
    for event in stream.events:
        assert (event.service, event.environment, event.number, event.time) == (
            "shop",
            "prod",
            str(start),
            start,
        )
    # It groups by name and repeats itself each second: the receiver hears more, the team does not.
    (status,) = intake.status()
    heard = status.accepted
    await eventually(lambda: intake.status()[0].accepted >= heard + 2)
    assert len(stream.events) == 3
    assert await asyncio.to_thread(group_sizes, home.intake) == {1, 2}
    assert intake.status()[0].refused == 0

    assert (await poller.poll()).errors == []
    assert facts(poller.told.events) == facts(stream.events)

    await manager.say(alert("HighErrorRate", "web1", starts=start, ends=wall_clock()))
    await stream.first(4)
    ended = stream.events[3]
    fired = next(event for event in stream.events if event.title == "HighErrorRate (web1)")
    assert (ended.state, ended.subject, ended.number, ended.title) == (
        "resolved",
        fired.subject,
        fired.number,
        fired.title,
    )
    assert ended.duration >= 60_000
    assert (await poller.poll()).errors == []
    # It was started less than five minutes ago, so a missing alert may yet be reported again.
    assert len(poller.told.events) == 3
    poller.clock.hours = 0.1
    assert (await poller.poll()).errors == []
    assert facts(poller.told.events) == facts(stream.events)


async def test_a_silence_is_not_an_end(manager, poller, stream):
    await manager.say(alert("DiskFull", "db1", starts=wall_clock() - 60_000))
    await stream.first(1)
    assert (await poller.poll()).errors == []
    await manager.silence("DiskFull")
    await manager.say(
        alert("DiskFull", "db2", starts=wall_clock()), alert("Slow", "web1", starts=wall_clock())
    )
    await stream.first(2)
    poller.clock.hours = 0.1
    assert (await poller.poll()).errors == []
    for events in (stream.events, poller.told.events):
        assert sorted((event.state, event.title) for event in events) == [
            ("firing", "DiskFull (db1)"),
            ("firing", "Slow (web1)"),
        ]


async def test_k5_a_silence_that_ends_after_two_hours_is_news(manager, poller, stream, later):
    silence = await manager.silence("DiskFull")
    start = wall_clock()
    await manager.say(alert("DiskFull", "db1", starts=start), alert("Slow", "web1", starts=start))
    # Both were looked at: the other one came.
    await stream.first(1)
    assert sorted(await manager.states()) == ["active", "suppressed"]
    assert (await poller.poll()).errors == []
    assert [event.title for event in poller.told.events] == ["Slow (web1)"]

    later.hours = poller.clock.hours = 2
    await manager.end_silence(silence)
    await stream.first(2)
    assert (await poller.poll()).errors == []
    for events in (stream.events, poller.told.events):
        (news,) = [event for event in events if event.title == "DiskFull (db1)"]
        assert (news.state, news.quiet) == ("firing", False)
        assert "firing since 2h00m" in render(news)
        if events is stream.events:
            assert news.time == start
        # A look cannot tell it from an alert that had ended, so it stands where it was seen.
        else:
            assert 0 <= news.time - start - 2 * 3_600_000 < 600_000


async def test_its_fingerprint_is_the_one_that_we_make_for_senders_without(manager, stream):
    body = alert("Täuschung", "web1", starts=wall_clock(), zone="", note="a=b,c")
    await manager.say(body)
    (event,) = await stream.first(1)
    # A label without a value is no label.
    labels = {name: value for name, value in body["labels"].items() if value}
    assert event.subject == f"incident/shop/{fingerprint(labels)}"


async def test_without_the_secret_nothing_is_taken(intake, tmp_path, post, stream, eventually):
    async with running(tmp_path, intake.url + "/in/am", post) as manager:
        configuration = tmp_path / "alertmanager.yml"
        configuration.write_text(configuration.read_text().replace(SECRET, "another"))
        answer = await post(manager.url, "/-/reload", b"")
        assert answer.status == 200
        await manager.say(alert("HighErrorRate", "web1", starts=wall_clock()))
        await eventually(lambda: intake.status()[0].refused)
    assert stream.events == []
