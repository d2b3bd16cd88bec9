"""The command line as scripts use it: what it prints, where, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.process


def test_tail_follows_what_comes(world) -> None:
    (ana,) = world.team()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "devstream_desktop",
            "--home",
            str(ana.home.root),
            "tail",
            "--json",
            "--follow",
            "--limit",
            "1",
        ],
        env=ana.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    keys = [
        ana.run(
            "emit", "--kind", "build", "--state", "failed", "--service", "shop", "--title", f"b{n}"
        )
        for n in range(3)
    ]
    seen: list[str] = []
    while keys[-1] not in seen:
        seen.append(json.loads(process.stdout.readline())["key"])
    assert [key for key in seen if key in keys] == keys[
        -len([key for key in seen if key in keys]) :
    ]
    process.terminate()
    process.communicate(timeout=10)


def test_tail_without_a_node_still_reads_the_history(world) -> None:
    (ana,) = world.team()
    key = ana.run("emit", "--kind", "build", "--state", "failed", "--service", "shop")
    ana.stop()
    assert json.loads(ana.run("tail", "--json", "--limit", "1"))["key"] == key
    assert "no node runs" in ana.run("status", code=1)
    assert "no node runs" in ana.run(
        "emit", "--kind", "build", "--state", "failed", "--service", "shop", code=1
    )


def test_duty_is_said_and_seen(world, until) -> None:
    ana, bob = world.team("bob")
    assert ana.run("duty", "show").startswith("ana is on duty")
    assert json.loads(ana.run("duty", "show", "--json")) == {
        "person": "ana",
        "on_duty": True,
        "duty": ["ana"],
        "since": {},
    }
    assert ana.run("duty", "off") == "ana is off duty"
    assert bob.run("duty", "on") == "bob is on duty"
    until("ana knows that bob is", lambda: "bob (1 minute)" in ana.run("duty", "show"))
    ana.stop()
    ana.start()
    assert ana.run("duty", "show").startswith("ana is off duty")


def test_status_and_members_in_json(world) -> None:
    ana, bob = world.team("bob")
    status = json.loads(bob.run("status", "--json"))
    assert (status["team"], status["person"], status["members"]) == ("acme", "bob", 2)
    ana.run("team", "grant", "bob", "deployer", "shop/staging")
    members = json.loads(ana.run("team", "members", "--json"))
    assert {member["person"]: member["roles"] for member in members["members"]} == {
        "ana": ["admin", "issuer", "collector", "executor"],
        "bob": ["deployer shop/staging"],
    }
    assert "ana" in bob.run("team", "grant", "bob", "admin", code=1)
    assert "invalid choice" in ana.run("team", "grant", "bob", "king", code=2)


def test_a_role_takes_effect_while_the_node_runs(world, until) -> None:
    ana, bob = world.team("bob")
    bob.run("emit", "--kind", "build", "--state", "failed", "--service", "shop", code=1)
    ana.run("team", "grant", "bob", "collector")
    until("bob is a collector", lambda: "collector" in bob.status().roles)
    key = bob.run("emit", "--kind", "build", "--state", "failed", "--service", "shop")
    until("ana takes it", lambda: key in ana.facts())


def test_sources_are_added_listed_tested_and_removed_with_and_without_a_node(
    world, until, tmp_path
) -> None:
    ana = world.desk("ana")
    ana.run("team", "create", "acme", "--person", "ana")
    subprocess.run(
        ["git", "init", "-q", "--bare", "-b", "main", tmp_path / "shop.git"], check=True, timeout=30
    )
    secret = tmp_path / "secret"
    secret.write_text("it is a long secret\n")
    ana.run(
        "source",
        "add",
        "git",
        "shop",
        str(tmp_path / "shop.git"),
        "--branch",
        "main",
        "release/*",
        "--branch",
        "hotfix",
    )
    assert "release/*" in ana.home.sources.read_text()
    assert ana.run("source", "add", "github", "hub", "--secret-file", str(secret)) == "/in/hub"
    assert {source["name"] for source in json.loads(ana.run("source", "list", "--json"))} == {
        "shop",
        "hub",
    }
    ana.start("--intake", "127.0.0.1:0")
    assert "in order" in ana.run("source", "test", "hub")
    assert "already" in ana.run("source", "add", "git", "shop", str(tmp_path / "shop.git"), code=1)
    ana.run("source", "remove", "shop")
    assert [source["name"] for source in json.loads(ana.run("source", "list", "--json"))] == ["hub"]
    assert "there is no source" in ana.run("source", "test", "shop", code=1)
    sealed = b"it is a long secret"
    for file in ana.home.root.rglob("*"):
        assert not file.is_file() or sealed not in file.read_bytes(), file


def test_every_command_has_help(world) -> None:
    desk = world.desk("me")
    commands = [
        "team create",
        "team invite",
        "team join",
        "team grant",
        "team members",
        "node",
        "source add git",
        "source add github",
    ]
    commands += [
        "source list",
        "source test",
        "source remove",
        "emit",
        "tail",
        "search",
        "duty",
        "deploy",
        "status",
        "doctor",
    ]
    for command in commands:
        assert "usage: devstream" in desk.run(*command.split(), "--help")
    assert desk.run("--version").startswith("devstream ")


def test_a_terminal_that_lacks_a_sign_gets_a_question_mark(world) -> None:
    (ana,) = world.team()
    ana.run(
        "emit", "--kind", "build", "--state", "failed", "--service", "shop", "--title", "Prüfung"
    )
    ana.environment |= {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "devstream_desktop", "--home", str(ana.home.root), "tail"],
        env=ana.environment, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert "? shop  Prüfung FAILED" in done.stdout.decode("latin-1")


def test_tail_ends_when_nobody_reads_it_any_more(world) -> None:
    (ana,) = world.team()
    ana.run("emit", "--kind", "build", "--state", "failed", "--service", "shop")
    process = ana.begin("tail", "--follow", "--limit", "1")
    assert process.stdout is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(20) == 0


def test_a_node_that_is_killed_while_it_is_asked_is_noticed_and_waited_for(world, until) -> None:
    (ana,) = world.team()
    process = ana.begin("tail", "--follow", "--json", "--limit", "1")
    ana.run(
        "emit", "--kind", "build", "--state", "failed", "--service", "shop", "--title", "before"
    )
    assert process.stdout is not None
    while "before" not in process.stdout.readline():
        pass
    ana.stop(signal.SIGKILL)
    ana.start()
    ana.run("emit", "--kind", "build", "--state", "failed", "--service", "shop", "--title", "after")
    assert "after" in process.stdout.readline()
    process.terminate()
    process.communicate(timeout=10)


def test_a_home_with_a_key_file_needs_no_word_about_it(world, tmp_path) -> None:
    ana = world.desk("ana")
    del ana.environment["DEVSTREAM_KEY_FILE"]
    ana.environment |= {
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={tmp_path}/none",
        "HOME": str(tmp_path),
    }
    assert "no keyring" in ana.run("team", "create", "acme", "--person", "ana", code=1)
    assert "is founded" in ana.run("--allow-key-file", "team", "create", "acme", "--person", "ana")
    assert (ana.home.root / "key").stat().st_mode & 0o777 == 0o600
    ana.start()
    assert "ana" in ana.run("team", "members")
    ana.stop()
    assert ana.run("team", "invite").startswith("ds1-")


def test_a_node_that_takes_nothing_in_says_so_at_its_start(world) -> None:
    ana, bob = world.team("bob")
    bob.stop()
    address = ana.ready["intake"].removeprefix("http://")
    bob.start("--intake", address)
    assert bob.process is not None
    bob.process.send_signal(signal.SIGTERM)
    assert "not a collector, so no webhooks are received" in bob.process.communicate(timeout=20)[1]
    cy = world.desk("cy")
    cy.run("team", "create", "other", "--person", "cy")
    cy.start("--intake", address)
    assert cy.process is not None
    cy.process.send_signal(signal.SIGTERM)
    assert "nothing is received: cannot listen on" in cy.process.communicate(timeout=20)[1]
