"""The intake as a node runs it: start, crash, restart, reload, test of a source, status."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from devstream_desktop.control.messages.sources import GitSource, RemoteSource
from devstream_desktop.control.messages.stream import Emit
from devstream_desktop.intake.config.names import SourcesError
from devstream_desktop.intake.config.source_file import save_sources
from devstream_desktop.intake.registry import NoCollectorError, collector_names, webhook_collector
from devstream_desktop.intake.service import Intake, IntakeError
from devstream_desktop.intake.store import Store
from devstream_desktop.intake.webhook import normaliser
from devstream_desktop.intake.webhook.spool import KEEP, Spool

SECRET = b"It's a Secret to Everybody"
PAYLOAD = (
    b'{"action": "opened", "issue": {"number": 7, "title": "Coupon applied twice",'
    b' "updated_at": "2027-01-15T08:00:00Z"},'
    b' "repository": {"name": "shop", "full_name": "acme/shop"}, "sender": {"login": "eva"}}'
)


@contextlib.asynccontextmanager
async def running(*arguments, **options):
    intake = Intake(*arguments, **options)
    await intake.start()
    try:
        yield intake
    finally:
        await intake.stop()


async def fill(home, clock, count: int = 1, source: str = "gh") -> None:
    """Store deliveries as a receiver did before the node died."""
    store = Store(home.intake)
    await store.open()
    for number in range(count):
        body = PAYLOAD.replace(b'"number": 7', b'"number": %d' % number)
        await Spool(store).put(
            source, f"delivery-{number}", {"x-github-event": "issues"}, body, clock()
        )
    await store.close()


def stored(home, where: str = "true") -> int:
    """Number of raw deliveries, as another program would count them."""
    with contextlib.closing(sqlite3.connect(home.intake)) as connection:
        return connection.execute(f"SELECT count(*) FROM raw WHERE {where}").fetchone()[0]


def waiting(home) -> int:
    return stored(home, "done = 0")


def github_headers(delivery: int) -> dict[str, str]:
    """The headers with which GitHub posts `PAYLOAD`."""
    digest = hmac.new(SECRET, PAYLOAD, "sha256").hexdigest()
    return {
        "content-type": "application/json",
        "x-github-event": "issues",
        "x-github-delivery": str(delivery),
        "x-hub-signature-256": f"sha256={digest}",
    }


async def with_github(home, vault) -> None:
    vault.seal("source-gh", SECRET)
    await asyncio.to_thread(save_sources, home.sources, [RemoteSource(name="gh", type="github")])


async def test_what_was_stored_before_a_crash_is_published_after_it(home, vault, stream, clock):
    await with_github(home, vault)
    await fill(home, clock, 200)
    async with running(home, vault, stream.publish, now=clock):
        await stream.first(200)
    assert {event.number for event in stream.events if event.kind == "ticket"} == {
        str(number) for number in range(200)
    }
    assert waiting(home) == 0


async def test_a_stream_that_cannot_take_events_loses_none(home, vault, stream, clock):
    await with_github(home, vault)
    await fill(home, clock, 3)
    stream.error = OSError("no space left on device")
    async with running(home, vault, stream.publish, now=clock) as intake:
        await stream.until(lambda: stream.calls >= 2)
        assert "no space left" in intake.status()[0].error
    assert waiting(home) == 3
    stream.error = None
    async with running(home, vault, stream.publish, now=clock):
        await stream.first(3)


async def test_one_event_that_is_refused_for_what_it_is_does_not_hold_the_others(
    home, vault, stream, clock, eventually
):
    await with_github(home, vault)
    await fill(home, clock, 3)
    real = stream.publish

    async def publish(events):
        if any(event.number == "1" for event in events):
            raise ValueError("an entry of 9000 bytes is over the limit")
        await real(events)

    async with running(home, vault, publish, now=clock) as intake:
        await stream.first(2)
        await eventually(lambda: intake.status()[0].dropped == {"refused": 1})
    assert {event.number for event in stream.events} == {"0", "2"}
    assert waiting(home) == 0


async def test_a_single_event_that_is_refused_is_given_up(home, vault, clock, eventually):
    await with_github(home, vault)
    await fill(home, clock)

    async def publish(events):
        raise ValueError("an entry of 9000 bytes is over the limit")

    async with running(home, vault, publish, now=clock) as intake:
        await eventually(lambda: intake.status()[0].dropped == {"refused": 1})
    assert waiting(home) == 0


async def test_what_a_source_without_its_secret_had_delivered_waits_for_it(
    home, vault, stream, clock
):
    await with_github(home, vault)
    await fill(home, clock, 100, source="locked")
    await fill(home, clock, 1)
    listed = [RemoteSource(name="locked", type="github"), RemoteSource(name="gh", type="github")]
    await asyncio.to_thread(save_sources, home.sources, listed)
    async with running(home, vault, stream.publish, now=clock) as intake:
        await stream.first()
        assert waiting(home) >= 100
        vault.seal("source-locked", SECRET)
        await intake.reload()
        await stream.first(100)
    assert waiting(home) == 0


async def test_trouble_with_the_stream_is_shown_until_it_is_over(
    home, vault, stream, clock, eventually
):
    await with_github(home, vault)
    await fill(home, clock)
    stream.error = OSError("no space left on device")
    async with running(home, vault, stream.publish, now=clock) as intake:
        await eventually(lambda: "no space left" in intake.status()[0].error)
        stream.error = None
        await eventually(lambda: not intake.status()[0].error)


@pytest.mark.process
async def test_kill_9_between_answer_and_event_loses_nothing(home, vault, stream, clock):
    """A process stores deliveries and is killed; the next one has them all."""
    await with_github(home, vault)
    script = Path(__file__).with_name("crash_script.py")
    process = await asyncio.to_thread(
        subprocess.Popen,
        [sys.executable, str(script), str(home.root)],
        stdout=subprocess.PIPE,
    )
    stored = 0
    try:
        while stored < 50:
            line = await asyncio.to_thread(process.stdout.readline)
            assert line, "the process ended by itself"
            stored = int(line)
    finally:
        process.send_signal(signal.SIGKILL)
        rest = await asyncio.to_thread(process.stdout.read)
        await asyncio.to_thread(process.wait)
        process.stdout.close()
    stored = int(rest.split()[-1]) if rest.split() else stored
    async with running(home, vault, stream.publish, now=clock):
        await stream.first(stored)
    assert {str(number) for number in range(stored)} <= {event.number for event in stream.events}


async def test_what_a_removed_source_left_is_dropped_by_name(
    home, vault, stream, clock, eventually
):
    await with_github(home, vault)
    await fill(home, clock, source="gone")
    async with running(home, vault, stream.publish, now=clock):
        await eventually(lambda: not waiting(home))
    assert stream.events == []


async def test_raw_deliveries_are_deleted_after_three_days(
    home, vault, stream, clock, eventually, monkeypatch
):
    monkeypatch.setattr("devstream_desktop.intake.service.HOUSEKEEPING_SECONDS", 0.02)
    await with_github(home, vault)
    await fill(home, clock)
    clock.now += 2
    await fill(home, clock, source="gone")
    async with running(home, vault, stream.publish, now=clock):
        await eventually(lambda: not waiting(home))
        assert stored(home) == 2
        # Past the time of the first by one millisecond, and one short of that of the second.
        clock.now += KEEP - 1
        await eventually(lambda: stored(home) == 1)
        assert stored(home, "source = 'gone'") == 1
        clock.now += 2
        await eventually(lambda: not stored(home))


async def test_files_are_private(home, vault, stream):
    async with running(home, vault, stream.publish):
        mode = (await asyncio.to_thread(home.intake.stat)).st_mode
    assert mode & 0o077 == 0


async def test_testing_a_webhook_source_goes_all_the_way_and_leaves_one_quiet_line(
    home, vault, stream, clock
):
    await with_github(home, vault)
    async with running(home, vault, stream.publish, listen="127.0.0.1:0", now=clock) as intake:
        report = await intake.test_source("gh")
    assert (report.ok, report.reached) == (True, "published")
    (event,) = stream.events
    assert (event.kind, event.state, event.quiet, event.title) == (
        "source",
        "active",
        True,
        "test of this source",
    )


async def test_testing_says_how_far_it_got(home, vault, stream, clock, monkeypatch):
    monkeypatch.setattr("devstream_desktop.intake.self_test.SECONDS", 0.5)
    await with_github(home, vault)
    async with running(home, vault, stream.publish, now=clock) as intake:
        report = await intake.test_source("gh")
        assert (report.ok, report.reached) == (False, "configured")
        assert "--intake" in report.detail
        assert "known: gh" in (await intake.test_source("other")).detail
    stream.error = OSError("closed")
    async with running(home, vault, stream.publish, listen="127.0.0.1:0", now=clock) as intake:
        report = await intake.test_source("gh")
        assert (report.ok, report.reached) == (False, "accepted")


@pytest.mark.process
async def test_testing_a_git_source(home, vault, stream, clock, repository):
    await asyncio.to_thread(repository.commit, "One")
    await asyncio.to_thread(repository.push)
    async with running(home, vault, stream.publish, now=clock) as intake:
        await intake.add_source(GitSource(name="shop", url=str(repository.bare)))
        report = await intake.test_source("shop")
        assert report.ok
        assert "main" in report.detail
        assert stream.events[-1].quiet
        await intake.add_source(GitSource(name="away", url="/nonexistent/away.git"))
        report = await intake.test_source("away")
        assert (report.ok, report.reached) == (False, "configured")


@pytest.mark.process
async def test_a_push_becomes_an_event_through_the_running_service(
    home, vault, stream, repository, eventually
):
    await asyncio.to_thread(repository.commit, "One")
    await asyncio.to_thread(repository.push)
    async with running(home, vault, stream.publish) as intake:
        await intake.add_source(GitSource(name="shop", url=str(repository.bare)))
        await eventually(lambda: intake.status()[0].state == "active")
        await asyncio.to_thread(repository.commit, "Two")
        await asyncio.to_thread(repository.push)
        (event,) = await stream.first()
        assert event.title == "Two"
        assert intake.status()[0].location == str(repository.bare)


def polling(name: str) -> asyncio.Task[object]:
    """The task that polls a source."""
    return next(one for one in asyncio.all_tasks() if one.get_name() == f"intake-poll-{name}")


@pytest.mark.process
async def test_reload_touches_only_what_changed(home, vault, stream, repository):
    one = GitSource(name="one", url=str(repository.bare))
    async with running(home, vault, stream.publish) as intake:
        await intake.add_source(one)
        await intake.add_source(GitSource(name="two", url=str(repository.bare)))
        one_before, two_before = polling("one"), polling("two")
        await asyncio.to_thread(
            save_sources,
            home.sources,
            [one, GitSource(name="two", url=str(repository.bare), service="shop")],
        )
        await intake.reload()
        assert polling("one") is one_before
        assert polling("two") is not two_before
        await asyncio.to_thread(home.sources.write_text, "[source.one]\ntype = 3\n")
        with pytest.raises(SourcesError, match="line 2"):
            await intake.reload()
        assert [status.name for status in intake.status()] == ["one", "two"]


async def test_a_source_without_a_collector_or_a_secret_is_broken_and_the_others_run(
    home, vault, stream
):
    listed = [
        RemoteSource(name="a", type="nothing"),
        RemoteSource(name="b", type="github"),
        RemoteSource(name="c", type="github"),
    ]
    vault.seal("source-c", SECRET)
    await asyncio.to_thread(save_sources, home.sources, listed)
    async with running(home, vault, stream.publish) as intake:
        a, b, c = intake.status()
        assert (a.state, b.state, c.state) == ("broken", "broken", "new")
        assert "installed: " in a.error
        assert "add it again" in b.error
        with pytest.raises(NoCollectorError):
            await intake.add_source(RemoteSource(name="d", type="nothing"), SECRET)
        with pytest.raises(SourcesError, match="give the path or URL of a git repository"):
            await intake.add_source(RemoteSource(name="d", type="git"), SECRET)


async def test_a_webhook_source_that_is_expected_and_silent_says_so_once(
    home, vault, stream, clock, monkeypatch
):
    monkeypatch.setattr("devstream_desktop.intake.service.HOUSEKEEPING_SECONDS", 0.02)
    vault.seal("source-gh", SECRET)
    await asyncio.to_thread(
        save_sources, home.sources, [RemoteSource(name="gh", type="github", silent_after=3600)]
    )
    async with running(home, vault, stream.publish, now=clock):
        await asyncio.sleep(0.1)
        assert stream.events == []
        clock.now += 3_600_001
        await stream.first()
        await asyncio.sleep(0.1)
    # It is still silent after a restart, and says it not again.
    async with running(home, vault, stream.publish, now=clock) as intake:
        clock.now += 3_600_001
        await asyncio.sleep(0.1)
        assert intake.status()[0].state == "silent"
    assert [event.state for event in stream.events] == ["silent"]


@pytest.mark.process
async def test_emit_and_poll_of_one_repository_are_one_fact(
    home, vault, stream, repository, eventually
):
    await asyncio.to_thread(repository.commit, "One")
    await asyncio.to_thread(repository.push)
    async with running(home, vault, stream.publish) as intake:
        await intake.add_source(GitSource(name="poll", url=str(repository.bare), service="shop"))
        await eventually(lambda: intake.status()[0].state == "active")
        revision = await asyncio.to_thread(repository.commit, "Two")
        await asyncio.to_thread(repository.push)
        (polled,) = await stream.first()
        key = await intake.emit(
            Emit(kind="change", state="pushed", service="shop", ref="main", revision=revision)
        )
        assert key == polled.key
        assert len(stream.events) == 1
        await intake.add_source(
            GitSource(name="far", url="ssh://git@git.invalid/srv/Pay.git", service="pay")
        )
        key = await intake.emit(
            Emit(kind="change", state="pushed", service="pay", ref="main", revision=revision)
        )
        assert key != polled.key


async def test_a_mistake_in_the_file_stops_the_start_with_its_line(home, vault, stream):
    await asyncio.to_thread(home.sources.write_text, '[source.shop]\ntype = "git"\n')
    with pytest.raises(SourcesError, match="line 1: source 'shop': url is missing"):
        await Intake(home, vault, stream.publish).start()


async def test_a_store_that_cannot_be_opened_is_said(home, vault, stream):
    await asyncio.to_thread(home.intake.mkdir)
    with pytest.raises(IntakeError, match="cannot be opened"):
        await Intake(home, vault, stream.publish).start()


@pytest.mark.process
def test_without_the_extra_everything_but_the_receiver_works(tmp_path):
    script = (
        "import sys\n"
        "sys.modules['starlette'] = sys.modules['uvicorn'] = sys.modules['httptools'] = None\n"
        "import asyncio\n"
        "from pathlib import Path\n"
        "from devstream_desktop.home import Home\n"
        "from devstream_desktop.intake.service import Intake, IntakeError\n"
        "async def publish(events): pass\n"
        "async def main():\n"
        "    home = Home(Path(sys.argv[1])); home.create()\n"
        "    intake = Intake(home, None, publish); await intake.start(); await intake.stop()\n"
        "    try: await Intake(home, None, publish, listen='127.0.0.1:0').start()\n"
        "    except IntakeError as error: print(error)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "home")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "devstream[collector]" in done.stdout


def test_the_collectors_that_are_shipped_are_found():
    assert {"git", "github"} <= set(collector_names())
    assert webhook_collector("github").COLLECTOR.webhook.headers == ("x-github-event",)


@pytest.mark.parametrize(
    "coming", [True, False], ids=["while more comes in", "when nothing comes in"]
)
async def test_answers_to_senders_come_before_lines(
    home, vault, stream, post, clock, monkeypatch, coming
):
    """A batch is followed by a pause for the receiver, unless nothing comes in."""
    await with_github(home, vault)
    await fill(home, clock, 2)
    monkeypatch.setattr(normaliser, "BATCH", 1)
    times: list[float] = []

    async def publish(events):
        times.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.1)
        if coming:
            answer = await post(intake.url, "/in/gh", PAYLOAD, github_headers(len(times)))
            assert answer.status == 202
        await stream.publish(events)

    async with running(home, vault, publish, listen="127.0.0.1:0", now=clock) as intake:
        await stream.first(2)
    gap = times[1] - times[0] - 0.1
    assert gap >= 0.1 * normaliser.YIELD if coming else gap < 0.1 * normaliser.YIELD


@pytest.mark.parametrize(("backlog", "pauses"), [(1, 0), (9, 2)])
async def test_what_comes_faster_than_it_is_told_is_told_without_a_pause(
    home, vault, stream, post, clock, monkeypatch, backlog, pauses
):
    await with_github(home, vault)
    await fill(home, clock, 2)
    monkeypatch.setattr(normaliser, "BATCH", 1)
    monkeypatch.setattr(normaliser, "BACKLOG", backlog)
    rests: list[float] = []

    async def within(stop, seconds):
        rests.append(seconds)

    monkeypatch.setattr(normaliser, "within", within)

    async def publish(events):
        await stream.publish(events)
        # Two more come while the first two are told.
        if stream.calls <= 2:
            answer = await post(intake.url, "/in/gh", PAYLOAD, github_headers(stream.calls))
            assert answer.status == 202

    async with running(home, vault, publish, listen="127.0.0.1:0", now=clock) as intake:
        await stream.until(lambda: stream.calls == 4)
    assert len(rests) == pauses


async def test_the_branches_that_count_are_told(home, vault, stream):
    vault.seal("source-gh", SECRET)
    source = RemoteSource(name="gh", type="github", branches=("main", "release/*"))
    await asyncio.to_thread(save_sources, home.sources, [source])
    async with running(home, vault, stream.publish) as intake:
        assert intake.status()[0].branches == source.branches
