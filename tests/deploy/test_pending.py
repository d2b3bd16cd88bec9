"""Places, approvals and locks are on disk: no crash loses or leaks one."""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from devstream_desktop.deploy.database import _FIRST
from devstream_desktop.deploy.lock_table import LockTable
from devstream_desktop.deploy.locks import OLD_MS, VERY_OLD_MS, Lock
from devstream_desktop.deploy.queue import QUEUE_MS, Queue
from devstream_desktop.deploy.request import Action, as_given, make_request
from devstream_desktop.deploy.run import Run
from devstream_desktop.deploy.runs import Claim, Runs, row_of
from devstream_desktop.deploy.targets import Target
from devstream_desktop.deploy.world import Wait
from devstream_desktop.stream.entry import device_id
from devstream_desktop.stream.event import decode_event, encode_event

NOW = 1_800_000_000_000
SHA = "4f" * 20
TARGET = Target(name="shop", environment="live", run=("x",), cwd=Path("/"))
_asked = itertools.count()


def event(action=Action.DEPLOY, **changes):
    parts = {
        "device": device_id(b"a" * 32),
        "person": "ana",
        "target": "shop",
        "environment": "live",
        "executor": device_id(b"e" * 32),
        "now": NOW,
        "sha": SHA,
        "action": action,
        "reason": f"ask {next(_asked)}",
    }
    return make_request(**{**parts, **changes})


def ask(action=Action.DEPLOY, **changes):
    return as_given(event(action, **changes))


class Disk:
    """One database, opened as often as a node starts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: list[Runs] = []
        self.open()

    def open(self) -> None:
        """Begin again, as after a crash: the old connection is not closed first."""
        self.runs = Runs(self._path)
        self._opened.append(self.runs)
        self.runs.open()
        self.queue = Queue(self.runs.database)
        self.locks = LockTable(self.runs.database)

    def close(self) -> None:
        for runs in self._opened:
            runs.close()

    def take(self, request, state="queued", **changes):
        wait = Wait(as_given(request), TARGET, state, "because")
        parts = {"policy": 3, "current": "c" * 40, "ahead": ("a" * 40, "b" * 40)}
        person = request.actor
        return self.queue.take(
            wait, person, "device", encode_event(request), NOW, **{**parts, **changes}
        )


@pytest.fixture
def disk(tmp_path):
    with closing(Disk(tmp_path / "deploy.sqlite")) as made:
        yield made


def test_a_place_survives_with_all_that_it_is_judged_by(disk):
    first, second = event(), event(person="bo")
    assert disk.take(first)
    assert disk.take(second)
    assert not disk.take(first), "a request has one row"
    disk.open()
    one, two = disk.queue.all()
    assert (one.run.request, two.run.request) == (first.key, second.key)
    assert decode_event(one.event) == first
    assert (one.device, one.taken.policy, one.taken.current) == ("device", 3, "c" * 40)
    assert one.taken.ahead == ("a" * 40, "b" * 40)
    assert one.taken.until == NOW + QUEUE_MS


def test_what_waited_begins_once_and_only_where_nothing_runs(disk):
    waiting, running = event(), ask()
    disk.take(waiting)
    assert disk.runs.claim(running, "bo", NOW) is Claim.TAKEN
    assert disk.queue.begin(waiting.key, NOW) is Claim.BUSY
    disk.runs.finished(running.id, "success", NOW, 0, "")
    assert disk.queue.begin(waiting.key, NOW) is Claim.TAKEN
    disk.open()
    assert disk.queue.begin(waiting.key, NOW) is Claim.KNOWN
    assert disk.queue.all() == []
    assert not disk.queue.end(waiting.key, "refused", "late", NOW), "it runs"


def test_an_approval_survives_and_counts_one_person_once(disk):
    waiting = event()
    disk.take(waiting, "waiting")
    command = ask(Action.APPROVE, about=waiting.key, sha="", person="bo")
    assert disk.queue.approve(command, "bo", NOW, 3)
    assert not disk.queue.approve(command, "bo", NOW + 5, 3), "the command has its row"
    again = ask(Action.APPROVE, about=waiting.key, sha="", person="bo")
    assert disk.queue.approve(again, "bo", NOW + 9, 3)
    disk.open()
    # The later one counts for longer.
    given = disk.queue.approvals(waiting.key)
    assert [(one.person, one.at) for one in given] == [("bo", NOW + 9)]


def test_a_newer_request_replaces_the_persons_own_and_nobody_elses(disk):
    mine, theirs = event(), event(person="bo")
    disk.take(mine)
    disk.take(theirs)
    assert disk.take(event(about=theirs.key))
    assert disk.runs.of(theirs.key).state == "queued"
    assert disk.runs.claim(ask(about=mine.key), "ana", NOW) is Claim.TAKEN
    ended = disk.runs.of(mine.key)
    assert ended.state == "cancelled"
    assert ended.reason.startswith("replaced by ana's newer request")


def lock(disk, person="ana", *, environment="live", until=0, at=NOW) -> Lock:
    request = ask(Action.LOCK, sha="", person=person, environment=environment)
    made = Lock(request.id, "shop", environment, person, "why", at, until)
    row = replace(row_of(request, person, "locked", at, 1), until=until)
    assert disk.locks.put(row, made)
    return made


def test_a_lock_survives_ends_by_itself_and_is_told(disk):
    held = lock(disk, until=NOW + 1000)
    disk.open()
    assert disk.locks.all() == (held,)
    assert not disk.locks.expire(NOW + 999)
    assert disk.locks.expire(NOW + 1000)
    assert disk.locks.all() == ()
    row = disk.runs.of(held.id)
    assert (row.state, row.reason) == ("unlocked", "its time is over")
    assert held.id in {run.request for run in disk.runs.unpublished()}


def test_a_lock_again_takes_the_place_of_the_first(disk):
    first = lock(disk)
    second = lock(disk, until=NOW + 5)
    assert disk.locks.all() == (second,)
    assert disk.runs.of(first.id).state == "unlocked"


def roll_back(disk, *, locks: bool) -> Run:
    back = ask(Action.ROLLBACK)
    assert disk.runs.claim(back, "ana", NOW, locks=locks) is Claim.TAKEN
    disk.runs.finished(back.id, "success", NOW + 7, 0, "")
    return disk.runs.of(back.id)


def test_a_rollback_locks_once_it_succeeded_and_only_then(disk):
    failed = ask(Action.ROLLBACK)
    disk.runs.claim(failed, "ana", NOW, locks=True)
    disk.runs.finished(failed.id, "failure", NOW, 1, "")
    assert disk.locks.all() == ()
    roll_back(disk, locks=False)
    assert disk.locks.all() == ()
    roll_back(disk, locks=True)
    (held,) = disk.locks.all()
    assert (held.person, held.environment) == ("ana", "live")
    assert "rolled back to 4f4f4f4 by ana" in held.reason
    assert disk.runs.of(held.id).state == "locked"
    roll_back(disk, locks=True)
    assert disk.locks.all() == (held,), "a lock that is there stays"


def test_a_dry_run_is_no_success(disk):
    dry = ask(Action.DRY_RUN)
    disk.runs.claim(dry, "ana", NOW)
    disk.runs.finished(dry.id, "success", NOW, 0, "")
    assert disk.runs.of(dry.id).state == "dry_run"
    assert disk.runs.current("shop", "live") == ("", 0)
    assert disk.runs.succeeded("shop", SHA) == frozenset()


def deploy(disk, sha: str, state: str, at: int) -> None:
    request = ask(sha=sha)
    disk.runs.claim(request, "ana", at)
    disk.runs.finished(request.id, state, at, 0, "")


def test_the_last_good_one_is_before_what_runs_or_what_failed(disk):
    one, two, three = ("1" * 40, "2" * 40, "3" * 40)
    assert disk.runs.last_good("shop", "live") is None
    deploy(disk, one, "success", NOW)
    assert disk.runs.last_good("shop", "live") is None
    deploy(disk, two, "success", NOW + 1)
    assert disk.runs.last_good("shop", "live").sha == one
    deploy(disk, three, "failure", NOW + 2)
    assert disk.runs.last_good("shop", "live").sha == two
    # What never began changed nothing.
    withdrawn = event(sha="9" * 40)
    disk.take(withdrawn)
    disk.queue.end(withdrawn.key, "cancelled", "withdrawn", NOW + 3)
    assert disk.runs.last_good("shop", "live").sha == two


def test_reminders_come_after_four_hours_and_then_each_day():
    held = Lock("1" * 32, "shop", "live", "ana", "", NOW)
    ages = [0, OLD_MS - 1, OLD_MS, VERY_OLD_MS - 1, VERY_OLD_MS, 3 * VERY_OLD_MS]
    assert [held.due(NOW + age) for age in ages] == [0, 0, 1, 1, 2, 4]


def test_a_record_of_the_first_version_is_read_and_goes_on(tmp_path):
    path = tmp_path / "deploy.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.executescript(f"{_FIRST} PRAGMA user_version = 1;")
        old.execute(
            "INSERT INTO runs (request, target, environment, ref, sha, title, person, state,"
            " published, started, finished) VALUES (?, 'shop', 'live', 'main', ?, 't', 'ana',"
            " 'success', 'success', 1, 2)",
            ("5" * 32, SHA),
        )
    with closing(Disk(path)) as disk:
        assert disk.runs.current("shop", "live") == (SHA, 2)
        assert disk.runs.judged("5" * 32)
        assert disk.take(event())
        assert disk.locks.all() == ()
