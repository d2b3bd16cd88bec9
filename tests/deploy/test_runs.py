"""The promises of deploy.sqlite: once a request, one at a time, nothing untold."""

from __future__ import annotations

import itertools
import sqlite3
import stat
import threading
from contextlib import closing

import psutil
import pytest

from devstream_desktop.deploy.database import RunsError
from devstream_desktop.deploy.request import as_given, make_request
from devstream_desktop.deploy.runs import Claim, Runs
from devstream_desktop.stream.entry import device_id

NOW = 1_800_000_000_000


_asked = itertools.count()


def request(target="shop", environment="production", sha="4f" * 20):
    return as_given(
        make_request(
            device=device_id(b"a" * 32),
            person="ana",
            target=target,
            environment=environment,
            ref="main",
            sha=sha,
            executor=device_id(b"e" * 32),
            now=NOW,
            reason=f"ask {next(_asked)}",  # another request each time
        )
    )


@pytest.fixture
def runs(tmp_path):
    made = Runs(tmp_path / "deploy.sqlite")
    made.open()
    yield made
    made.close()


def test_the_file_is_private_and_committed_in_full(runs, tmp_path):
    assert stat.S_IMODE((tmp_path / "deploy.sqlite").stat().st_mode) == 0o600
    with runs.database.connection() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_request_is_claimed_once_ever(runs):
    asked = request()
    assert runs.claim(asked, "ana", NOW) is Claim.TAKEN
    assert runs.claim(asked, "ana", NOW) is Claim.KNOWN
    runs.finished(asked.id, "success", NOW + 1, 0, "")
    assert runs.claim(asked, "ana", NOW) is Claim.KNOWN
    assert not runs.refuse(asked, "ana", "late", NOW)


def test_a_target_and_environment_carry_one_run_at_a_time(runs):
    first, second = request(), request()
    assert runs.claim(first, "ana", NOW) is Claim.TAKEN
    assert runs.claim(second, "bo", NOW) is Claim.BUSY
    assert not runs.judged(second.id)
    assert runs.claim(request(environment="staging"), "bo", NOW) is Claim.TAKEN
    assert runs.holder("shop", "production").person == "ana"
    runs.started(first.id, NOW)
    assert runs.claim(second, "bo", NOW) is Claim.BUSY
    runs.finished(first.id, "failure", NOW, 1, "exit 1")
    assert runs.holder("shop", "production") is None
    assert runs.claim(second, "bo", NOW) is Claim.TAKEN


def test_of_many_threads_one_gets_the_target(runs, tmp_path):
    others = [Runs(tmp_path / "deploy.sqlite") for _ in range(4)]
    ready, claims = threading.Barrier(len(others)), []

    def claim(store):
        store.open()
        ready.wait()
        claims.append(store.claim(request(), "ana", NOW))
        store.close()

    threads = [threading.Thread(target=claim, args=(store,)) for store in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claim.value for claim in claims) == ["busy", "busy", "busy", "taken"]


def test_a_success_remembers_what_it_replaced(runs):
    for sha, state in (("1" * 40, "success"), ("2" * 40, "failure"), ("3" * 40, "success")):
        asked = request(sha=sha)
        runs.claim(asked, "ana", NOW)
        runs.finished(asked.id, state, NOW + int(sha[0]), 0, "")
    assert [run.previous for run in runs.unpublished()] == ["", "", "1" * 40]


def test_an_ended_run_does_not_end_again(runs):
    asked = request()
    runs.claim(asked, "ana", NOW)
    runs.finished(asked.id, "success", NOW, 0, "")
    runs.abandon(asked.id, NOW, "lost")
    runs.finished(asked.id, "failure", NOW, 1, "")
    runs.started(asked.id, NOW)
    assert [run.state for run in runs.unpublished()] == ["success"]


def test_an_abandoned_run_holds_its_target_until_it_is_released(runs):
    asked = request()
    runs.claim(asked, "ana", NOW)
    runs.abandon(asked.id, NOW, "lost")
    assert runs.unfinished() == []
    assert runs.holder("shop", "production").request == asked.id
    runs.released(asked.id)
    assert runs.holder("shop", "production") is None


def test_what_was_told_is_not_told_again(runs):
    asked = request()
    runs.claim(asked, "ana", NOW)
    assert runs.unpublished() == []
    runs.started(asked.id, NOW)
    told = runs.unpublished()
    assert [run.state for run in told] == ["in_progress"]
    runs.finished(asked.id, "success", NOW, 0, "")
    runs.published(told)
    assert [run.state for run in runs.unpublished()] == ["success"]
    runs.published(runs.unpublished())
    assert runs.unpublished() == []


def test_old_refusals_are_forgotten_once_told_and_runs_never(runs):
    refused, ran = request(), request()
    runs.refuse(refused, "bo", "no", NOW)
    runs.claim(ran, "ana", NOW)
    runs.finished(ran.id, "success", NOW, 0, "")
    runs.forget_refused(NOW + 1)
    assert runs.judged(refused.id)
    runs.published(runs.unpublished())
    runs.forget_refused(NOW)
    assert runs.judged(refused.id)
    runs.forget_refused(NOW + 1)
    assert not runs.judged(refused.id)
    assert runs.judged(ran.id)


def test_a_full_disk_is_a_sentence_and_leaves_nothing_half_done(runs):
    with runs.database.connection() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
    accepted = []

    def fill() -> None:
        for _ in range(500):
            asked = request()
            runs.refuse(asked, "ana", "no " * 60, NOW)
            accepted.append(asked)

    with pytest.raises(RunsError, match="the disk is full; free some space"):
        fill()
    assert all(runs.judged(asked.id) for asked in accepted)
    with runs.database.connection() as connection:
        connection.execute("PRAGMA max_page_count = 100000")
    assert runs.refuse(request(), "ana", "no", NOW)


def test_a_newer_file_is_left_alone(tmp_path):
    with sqlite3.connect(tmp_path / "deploy.sqlite") as connection:
        connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(RunsError, match="newer devstream"):
        Runs(tmp_path / "deploy.sqlite").open()


def test_a_file_that_cannot_be_brought_to_this_schema_is_let_go(tmp_path):
    path = tmp_path / "deploy.sqlite"
    runs = Runs(path)
    runs.open()
    runs.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 1")  # so its tables are made a second time
    with pytest.raises(RunsError, match="cannot be used") as raised:
        Runs(path).open()
    # The error holds what a function had open, so the collector has closed nothing yet.
    assert raised.value.__cause__ is not None
    assert not [one.path for one in psutil.Process().open_files() if one.path.startswith(str(path))]


def test_closed_it_says_so(tmp_path):
    with pytest.raises(RunsError, match="not open"):
        Runs(tmp_path / "deploy.sqlite").judged("x")


def test_what_peers_were_told_of_targets_is_remembered(runs):
    production, staging = ("shop", "production"), ("shop", "staging")
    assert runs.offer({production: "main", staging: "main"}, 1) == {production: 1, staging: 1}
    assert runs.offer({staging: "main"}, 2) == {production: 1, staging: 1}
    assert runs.offer({staging: "trunk"}, 3) == {production: 1, staging: 3}
    runs.withdraw({production})
    assert runs.offer({}, 4) == {staging: 3}
