"""A command does the same with a running node and without one.

A home has one writer at a time.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from devstream_desktop.cli.node_client import ask
from devstream_desktop.control.client import Client
from devstream_desktop.control.errors import HomeTakenError, NoNodeError, StartingError
from devstream_desktop.control.messages.policy import GetPolicy
from devstream_desktop.control.messages.status import GetStatus
from devstream_desktop.node import stopped_home
from devstream_desktop.node.holder import held

pytestmark = pytest.mark.process

CHANGES = [
    ("team", "grant", "ana", "deployer", "shop/*", "*/staging"),
    ("team", "ungrant", "ana", "deployer", "shop/*"),
    ("team", "grant", "ana", "approver", "shop/production"),
    ("team", "set", "--retention", "20", "--approve-joins", "off"),
    ("source", "add", "github", "hub", "--secret-file", "secret"),
    ("source", "add", "git", "shop", "."),
    ("source", "remove", "shop"),
]
REFUSED = [
    ("team", "grant", "nobody", "deployer", "shop/*"),
    ("team", "ungrant", "ana", "approver", "other/*"),
    ("team", "set", "--threshold", "2"),
    ("team", "approve-policy", "12345678"),
    ("team", "recover"),
    ("source", "add", "github", "hub", "--secret-file", "secret"),
    ("source", "add", "github", "short", "--secret-file", "short"),
    ("source", "add", "git", "long", ".", "--service", "x" * 61),
    ("source", "add", "git", "Odd Name", "."),
    ("source", "remove", "nothing"),
]
OF_A_NODE = [
    ("status",),
    ("emit", "--kind", "build", "--state", "failed", "--service", "shop"),
    ("duty", "on"),
    ("duty", "show"),
    ("deploy", "shop", "staging", "--ref", "main", "--yes"),
    ("source", "test", "hub"),
    ("team", "revoke", "ana"),
    ("team", "approve-join", "bob"),
]
"""Commands that make no sense while no node runs."""


@pytest.fixture
def ana(world, tmp_path, monkeypatch):
    """A founder whose node does not run, in a folder with the files that the commands name."""
    desk = world.desk("ana")
    desk.run("team", "create", "acme", "--person", "ana")
    for key in ("DEVSTREAM_KEY_FILE", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(key, desk.environment[key])
    monkeypatch.chdir(tmp_path)
    Path("secret").write_text("it is a long secret\n")
    Path("short").write_text("short\n")
    subprocess.run(["git", "init", "-q", "."], check=True, timeout=30)
    return desk


def state(desk) -> dict[str, object]:
    """Show the team and its sources, without what each home has of its own."""
    policy = json.loads(desk.run("team", "policy", "--json"))
    members = json.loads(desk.run("team", "members", "--json"))
    sources = json.loads(desk.run("source", "list", "--json"))
    shown = (
        "name",
        "version",
        "threshold",
        "approve_joins",
        "retention_days",
        "admins",
        "notices",
        "may_change",
        "recovery_key",
    )
    return {
        **{name: policy.get(name) for name in shown},
        "members": [(member["person"], member["roles"]) for member in members["members"]],
        "waiting": members["waiting"],
        "sources": [(source["name"], source["type"], source["location"]) for source in sources],
    }


def test_each_change_answers_the_same_with_and_without_a_node(world, ana) -> None:
    running = world.desk("ana2")
    running.run("team", "create", "acme", "--person", "ana")
    running.start("--intake", "127.0.0.1:0")
    for command in CHANGES:
        assert ana.run(*command) == running.run(*command)
    for command in REFUSED:
        refusal = ana.run(*command, code=1, stdin="not a key\n")
        assert refusal == running.run(*command, code=1, stdin="not a key\n")
        assert refusal.startswith("devstream: ")
    assert ana.run("team", "recovery-key").startswith("dsr1-")
    assert running.run("team", "recovery-key").startswith("dsr1-")
    assert state(ana) == state(running)


def test_changes_made_without_a_node_are_the_nodes_when_it_starts(ana) -> None:
    for command in CHANGES:
        ana.run(*command)
    before = state(ana)
    paper = ana.run("team", "recovery-key")
    ana.start("--intake", "127.0.0.1:0")
    assert state(ana) | {"version": 0} == before | {
        "version": 0,
        "notices": state(ana)["notices"],
        "recovery_key": True,
    }
    assert "is admin on this device" in ana.run("team", "recover", stdin=paper)


@pytest.mark.parametrize("command", OF_A_NODE, ids=" ".join)
def test_a_command_that_takes_a_node_says_so(ana, command) -> None:
    said = ana.run(*command, code=1)
    assert said.startswith("devstream: no node runs for this home")
    assert "`devstream node`" in said


def test_without_its_key_a_home_is_not_changed(ana, tmp_path) -> None:
    before = ana.home.sources.exists(), (ana.home.team / "policy.msgpack").read_bytes()
    ana.environment["DEVSTREAM_KEY_FILE"] = str(tmp_path / "another.key")
    assert "another.key is gone" in ana.run("team", "set", "--retention", "9", code=1)
    assert "another.key is gone" in ana.run("source", "add", "git", "shop", ".", code=1)
    assert before == (ana.home.sources.exists(), (ana.home.team / "policy.msgpack").read_bytes())
    assert ana.run("source", "list").startswith("there is no source yet")


def test_commands_at_once_change_a_home_one_after_the_other(ana) -> None:
    commands = [
        ana.begin("team", "grant", "ana", "deployer", f"shop{number}/*") for number in range(4)
    ]
    assert [command.wait(60) for command in commands] == [0] * 4
    assert json.loads(ana.run("team", "policy", "--json"))["version"] == 5
    for command in commands:
        command.communicate()


async def test_a_node_that_starts_meanwhile_waits_for_the_command(ana) -> None:
    async with held(ana.home):
        node = ana.begin("node", "--no-discovery", "--listen", "127.0.0.1:0")
        with Client(ana.home.control_url(), starting_s=0) as client:
            for _ in range(20):
                with pytest.raises(StartingError, match="another devstream command"):
                    await asyncio.to_thread(client.ask, GetStatus())
                await asyncio.sleep(0.1)
        assert node.poll() is None
    ready = await asyncio.to_thread(node.stdout.readline)
    assert ready.startswith("ready ")
    node.terminate()
    assert await asyncio.to_thread(node.wait, 20) == 0
    node.communicate()


def test_where_a_node_started_meanwhile_it_is_asked(ana) -> None:
    ana.start()
    # This is what a command meets whose look found no node yet.
    with pytest.raises(HomeTakenError):
        stopped_home.answer(ana.home, GetPolicy())
    assert ask(ana.home, GetPolicy()).team == "acme"
    assert "another node has this home already" in ana.run(
        "team", "create", "acme", "--person", "ana", code=1
    )


async def test_a_second_node_is_refused_at_once_and_a_node_that_ended_leaves_the_home(ana) -> None:
    ana.start()
    assert "another node has this home" in await asyncio.to_thread(ana.run, "node", code=1)
    ana.stop()
    with pytest.raises(NoNodeError):
        Client(ana.home.control_url())
    async with held(ana.home):
        pass
