"""The audit proves who said what, and says what it cannot prove and what is missing."""

from __future__ import annotations

import csv
import io
import sqlite3
from contextlib import closing

import pytest

from devstream_desktop.history.archive import keep, read_archive
from devstream_desktop.history.evidence import deploy_entries
from devstream_desktop.node.audit import audit

pytestmark = [pytest.mark.process, pytest.mark.slow]
SHA = "4f" * 20
DAY = 86_400_000


@pytest.fixture
def ana(world, until):
    (desk,) = world.team()
    desk.home.targets.write_text('[target.shop.live]\nrun = ["true"]\n')
    desk.run("team", "grant", "ana", "deployer", "shop/*")
    until("it is offered", lambda: desk.status().targets == 1)
    desk.run("deploy", "shop", "live", "--sha", SHA, "--yes", "--reason", "=1+1")
    desk.run("lock", "shop", "live", "--reason", "x")
    until("the deploys are archived", lambda: len(list(read_archive(desk.home.archive))) == 5)
    return desk


def test_everything_that_was_said_is_proven(ana):
    ana.stop()
    found = audit(ana.home, 0, "")
    assert found.missing == ()
    assert [(one.action, one.state, one.person, one.proven) for one in found.lines] == [
        ("deploy", "requested", "ana", True),
        ("deploy", "in_progress", "ana", True),
        ("deploy", "success", "ana", True),
        ("lock", "requested", "ana", True),
        ("lock", "locked", "ana", True),
    ]
    assert {one.policy for one in found.lines} == {2}
    assert audit(ana.home, 0, "blog").lines == ()
    assert audit(ana.home, 1 << 46, "").lines == ()
    rows = list(csv.DictReader(io.StringIO(ana.run("audit", "--csv"))))
    assert rows[0]["reason"] == "'=1+1", "no spreadsheet runs it"


def test_what_was_changed_is_not_proven_and_what_is_gone_is_missing(ana):
    ana.stop()
    (request, begun, *_) = deploy_entries(ana.home.history, ana.home.archive)
    ana.home.archive.unlink()
    with closing(sqlite3.connect(ana.home.history, isolation_level=None)) as connection:
        (signature,) = connection.execute(
            "SELECT signature FROM log WHERE body = ?", (request.entry.body,)
        ).fetchone()
        forged = bytes([signature[0] ^ 1]) + signature[1:]
        connection.execute(
            "UPDATE log SET signature = ? WHERE body = ?", (forged, request.entry.body)
        )
        connection.execute("DELETE FROM log WHERE body = ?", (begun.entry.body,))
    found = audit(ana.home, 0, "")
    assert [(one.state, one.proven) for one in found.lines][:2] == [
        ("requested", False),
        ("success", True),
    ]
    assert found.lines[0].fault == "its signature is not the device's"
    ana.run("audit", code=1)
    assert any("1 entries of ana's device" in one for one in found.missing)
    with closing(sqlite3.connect(ana.home.history, isolation_level=None)) as connection:
        connection.execute("DELETE FROM log WHERE body = ?", (request.entry.body,))
    found = audit(ana.home, 0, "")
    assert any("that an executor answered is not here" in one for one in found.missing)


def test_deploys_outlive_the_history_and_end_themselves(ana):
    ana.stop()
    entries = [one.entry for one in deploy_entries(ana.home.history, ana.home.archive)]
    with closing(sqlite3.connect(ana.home.history, isolation_level=None)) as connection:
        connection.execute("DELETE FROM log")
    assert [one.state for one in audit(ana.home, 0, "").lines] == [
        "requested",
        "in_progress",
        "success",
        "requested",
        "locked",
    ]
    latest = max(one.hlc >> 16 for one in entries)
    assert keep(ana.home.archive, [], latest) == ""
    assert len(list(read_archive(ana.home.archive))) >= 1
    assert keep(ana.home.archive, [], latest + 1) == ""
    assert list(read_archive(ana.home.archive)) == []


def test_the_policy_says_for_how_long(ana, world, until):
    assert "deploys      kept for 400 days on executors" in ana.run("team", "policy")
    ana.run("team", "set", "--audit-retention", "700")
    with closing(sqlite3.connect(ana.home.archive, isolation_level=None)) as connection:
        connection.execute("UPDATE entries SET at = at - ?", (450 * DAY,))
    # A clock that no peer has seen yet ends nothing.
    bob = world.desk("bob")
    bob.run("team", "join", ana.run("team", "invite", "--pre-approved"), "--person", "bob")
    bob.start()
    until("they are linked", lambda: any(one.state == "live" for one in ana.status().peers))
    # Each change of the policy ends what is too old by then.
    ana.run("team", "set", "--retention", "5")
    ana.run("unlock", "shop", "live", "--reason", "y")
    until("the new ones are there", lambda: len(list(read_archive(ana.home.archive))) > 6)
    ana.run("team", "set", "--audit-retention", "430")
    until("the old ones are gone", lambda: len(list(read_archive(ana.home.archive))) < 5)
    assert list(read_archive(ana.home.archive))
