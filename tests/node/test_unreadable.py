"""Whatever the files of a home hold, the node starts and answers.

The doctor names what was set aside.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing

import msgspec
import pytest

from devstream_desktop.home import Home
from devstream_desktop.node.ports import load_peers, load_port
from devstream_desktop.private_file import ASIDE, read_kept
from devstream_desktop.team.errors import PolicyError
from devstream_desktop.team.membership import doors, policy_path
from devstream_desktop.team.policy.chain import PolicyChain

pytestmark = pytest.mark.process

DEEP = b"[" * 5000
ODD: dict[str, bytes] = {
    "empty": b"",
    "garbage": b"\xff\xfe\0 no JSON",
    "deep": DEEP,
    "another type": b'"a text"',
    "odd text": b'{"mesh": "\xff", "person": "\xff", "format": 1}',
    "huge numbers": b'{"mesh": 1e999, "enrol": '
    + b"9" * 400
    + b', "format": '
    + b"9" * 5000
    + b"}",
    "out of range": (
        b'{"mesh": 99999999, "enrol": -5, "last": -1, "epoch": "zz", "format": -1, "person": 5}'
    ),
}
FILES = (
    "ports.json",
    "peers.json",
    "feed.json",
    "team/team.json",
    "team/doors.json",
    "team/invites.json",
)


@pytest.mark.parametrize("odd", ["garbage", "deep", "out of range"])
def test_a_node_starts_and_answers_whatever_its_files_hold(world, odd) -> None:
    (ana, bob) = world.team("bob")
    before = bob.status()
    assert bob.stop() == 0
    for name in FILES:
        (bob.home.root / name).write_bytes(ODD[odd])
    told = bob.begin("doctor").communicate(timeout=60)[0]
    assert "the team's files cannot be used" not in told
    assert (
        odd == "out of range"
        or "feed.json, peers.json, ports.json and 3 more cannot be read" in told
    )
    bob.start("--peer", ana.ready["mesh"])
    after = bob.status()
    assert (after.person, after.team_id, after.device) == (
        before.person,
        before.team_id,
        before.device,
    )
    assert any("team.json" in notice for notice in after.notices)
    told = bob.begin("doctor").communicate(timeout=60)[0]
    assert "team.json" in told
    counts = {
        name: told.count(f" {name.removeprefix('team/')} could not be read, and was set aside as ")
        for name in FILES
    }
    assert counts.pop("team/doors.json") <= 1, "it is read when a certificate is renewed"
    assert set(counts.values()) == {1} or odd == "out of range"
    bob.stop()
    bob.start("--peer", ana.ready["mesh"])
    assert bob.status().person == "bob"


@pytest.mark.parametrize("odd", ODD)
def test_what_a_home_keeps_is_read_or_set_aside(tmp_path, odd) -> None:
    home = Home(tmp_path / "home")
    home.create()
    for path in (home.ports, home.peers, home.team / "doors.json"):
        path.write_bytes(ODD[odd])
    assert load_port(home) == 0
    assert load_peers(home) in ([], ["a text"])
    assert doors(home) == {}
    assert home.set_aside()
    assert not home.ports.exists()
    assert home.ports.with_name(home.ports.name + ASIDE).read_bytes() == ODD[odd]
    assert read_kept(home.ports, dict[str, int]) is None


SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda whole: whole[: len(whole) // 2],
    "the newest nests deeply": lambda whole: _with_last(whole, b"\x91" * 3000),
}


def _with_last(whole: bytes, document: bytes) -> bytes:
    stored = msgspec.msgpack.decode(whole)
    stored[1][-1] = document
    return msgspec.msgpack.encode(stored)


@pytest.mark.parametrize("how", ["cut", "the newest nests deeply"])
def test_a_policy_that_cannot_be_read_stops_no_start_and_comes_again_from_peers(
    world, until, how
) -> None:
    (ana, bob) = world.team("bob")
    ana.run("team", "grant", "bob", "collector")
    newest = ana.status().policy_version
    until("bob has the newest policy", lambda: bob.status().policy_version == newest)
    bob.stop()
    path = policy_path(bob.home)
    spoilt = SPOILT[how](path.read_bytes())
    path.write_bytes(spoilt)
    told = bob.begin("doctor").communicate(timeout=60)[0]
    assert "the team's policies cannot be read after version" in told
    assert path.read_bytes() == spoilt, "an examination changes nothing"
    bob.start("--peer", ana.ready["mesh"])
    until("the newest came again", lambda: bob.status().policy_version == newest)
    assert any("policy.msgpack" in notice for notice in bob.status().notices)
    assert "policy.msgpack" in bob.begin("doctor").communicate(timeout=60)[0]
    assert path.with_name(path.name + ASIDE).read_bytes() == spoilt
    bob.stop()
    assert PolicyChain.load(path).current.version == newest


def test_policies_of_which_nothing_can_be_read_are_told_with_what_to_do(world) -> None:
    ana = world.desk("ana")
    ana.run("team", "create", "acme", "--person", "ana")
    for path in policy_path(ana.home).parent.glob("policy*"):
        path.write_bytes(b"\xc1")
    assert "restore the file from a backup" in ana.run("node", "--no-discovery", code=1)
    with pytest.raises(PolicyError, match="restore"):
        PolicyChain.load(policy_path(ana.home))
    assert "restore" in ana.begin("doctor").communicate(timeout=60)[0]


def test_rows_that_cannot_be_read_stop_neither_deploys_nor_deliveries(world) -> None:
    (ana,) = world.team()
    assert ana.stop() == 0
    with closing(sqlite3.connect(ana.home.deploy)) as connection, connection:
        connection.execute(
            "INSERT INTO runs (request, target, environment, ref, sha, title, person, state,"
            " started)"
            " VALUES ('no key', CAST(x'ff' AS TEXT), '', '', '', '', '', 'no state', 7)"
        )
    with closing(sqlite3.connect(ana.home.intake)) as connection, connection:
        for text in ("no JSON", "[" * 5000, '{"a": 5}'):
            connection.execute(
                "INSERT INTO raw (source, headers, body, received) VALUES ('gone', ?, x'00', 5)",
                (text,),
            )
        connection.execute(
            "INSERT INTO raw (source, headers, body, received) VALUES ('gone', CAST(x'ff' AS"
            " TEXT), x'00', 5)"
        )
    ana.start()
    assert any("rows of deploy.sqlite cannot be read" in notice for notice in ana.status().notices)

    def waiting() -> int:
        with closing(sqlite3.connect(ana.home.intake)) as connection:
            return connection.execute("SELECT COUNT(*) FROM raw WHERE done = 0").fetchone()[0]

    for _ in range(100):
        if not waiting():
            break
        ana.status()
    assert waiting() == 0
