"""Mistakes of a person or a stranger.

A sentence says what is wrong, and nothing is lost.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from devstream_desktop.control.client import Client
from devstream_desktop.control.errors import ControlError
from devstream_desktop.control.messages.deploys import RequestDeploy

pytestmark = pytest.mark.process


def test_an_emit_without_the_role_says_which_and_who_gives_it(world) -> None:
    _, bob = world.team("bob")
    error = bob.run("emit", "--kind", "build", "--state", "failed", "--service", "shop", code=1)
    assert "lacks the role collector" in error
    assert "ana can give it: devstream team grant bob collector" in error


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--kind", "omen", "--state", "seen", "--service", "shop"], "allowed: change, build"),
        (["--kind", "build", "--state", "exploded", "--service", "shop"], "allowed: queued"),
        (["--kind", "build", "--state", "failed", "--service", "\u202e"], "--service"),
        (
            ["--kind", "build", "--state", "failed", "--service", "shop", "--severity", "bad"],
            "allowed: info",
        ),
    ],
)
def test_an_emit_that_cannot_be_says_what_is_allowed(world, arguments, words) -> None:
    (ana,) = world.team()
    assert words in ana.run("emit", *arguments, code=1)


def test_a_hostile_title_is_one_clean_line_everywhere(world) -> None:
    (ana,) = world.team()
    ana.run(
        "emit",
        "--kind",
        "ticket",
        "--state",
        "opened",
        "--service",
        "shop",
        "--actor",
        "eva",
        "--title",
        "a\x1b[31m\tb\u202ec\nrm -rf /",
    )
    (shown,) = ana.run("search", "kind:ticket").splitlines()
    assert shown.endswith("— a bc")
    assert ana.run("search", "rm") == ""


def test_k6_bytes_that_are_no_utf_8_are_a_sign_in_words_and_a_sentence_for_names(world) -> None:
    (ana,) = world.team()
    broken = os.fsdecode(b"caf\xe9")
    ticket = ("emit", "--kind", "ticket", "--state", "opened", "--service", "shop")
    ana.run(*ticket, "--title", broken, "--actor", broken)
    (shown,) = ana.run("search", "kind:ticket").splitlines()
    assert shown.endswith("— caf\ufffd")
    for names in (
        ("deploy", "shop", "production", "--ref", broken, "--yes"),
        ("deploy", broken, "production", "--ref", "main", "--yes"),
        ("source", "test", broken),
        ("source", "add", "github", broken),
        ("source", "add", "github", "shop", "--branch", broken),
        (*ticket, "--ref", broken),
        ("team", "revoke", broken),
        ("search", broken),
    ):
        assert "bytes that are not UTF-8" in ana.run(*names, code=2)
    # A file may have any name.
    assert "caf" in ana.run("rules", "new", broken, code=1)


def test_wrong_usage_ends_with_2(world) -> None:
    ana = world.desk("ana")
    assert "invalid choice" in ana.run("explode", code=2)
    assert "required" in ana.run("deploy", "shop", "production", code=2)
    assert "not a duration" in ana.run("team", "invite", "--expires", "soon", code=2)


def test_invites_that_do_not_work_say_why(world) -> None:
    (ana,) = world.team()
    invite = ana.run("team", "invite")
    bob, cy = world.desk("bob"), world.desk("cy")
    mistyped = invite[:-5] + ("a" if invite[-5] != "a" else "b") + invite[-4:]
    assert "mistyped" in bob.run("team", "join", mistyped, "--person", "bob", code=1)
    assert "not an invite" in bob.run("team", "join", "hello", "--person", "bob", code=1)
    assert "has this name" in bob.run("team", "join", invite, "--person", "ana", code=1)
    bob.run("team", "join", invite, "--person", "bob")
    assert "used" in cy.run("team", "join", invite, "--person", "cy", code=1)


def test_a_node_without_a_team_says_how_to_get_one(world) -> None:
    error = world.desk("ana").run("node", code=1)
    assert "devstream team create" in error
    assert "devstream team join" in error


def test_a_second_node_of_one_home_is_refused(world) -> None:
    (ana,) = world.team()
    assert "another node has this home" in ana.run("node", code=1)


def test_a_mistake_in_the_settings_says_where(world) -> None:
    ana = world.desk("ana")
    ana.run("team", "create", "acme", "--person", "ana")
    ana.home.settings.write_text("[mesh]\nlissten = 3\n")
    # EX_CONFIG: a service manager does not start it again and again.
    error = ana.run("node", code=78)
    assert "settings.toml, line 2" in error
    assert "allowed: listen, addresses, peers, discovery" in error


def test_a_mistake_in_the_targets_is_seen_in_the_status_and_nothing_is_offered(
    world, until
) -> None:
    (ana,) = world.team()
    ana.home.targets.write_text('[target.shop.production]\nrun = "./deploy.sh"\n')
    notices = until("the mistake is told", lambda: ana.status().notices)
    assert "targets.toml" in notices[0]
    assert "line 2" in notices[0]


def test_a_peer_of_another_team_is_refused_and_seen(world, until) -> None:
    (ana,) = world.team()
    mallory = world.desk("mallory")
    mallory.run("team", "create", "evil", "--person", "mallory")
    mallory.start("--peer", ana.ready["mesh"])
    refused = until("the refusal is told", lambda: mallory.status().refused)
    assert "team" in refused[0].reason
    assert not ana.status().peers
    assert not mallory.facts() & ana.facts()


def test_a_key_file_that_others_can_read_is_refused(world) -> None:
    ana = world.desk("ana")
    key = Path(ana.environment["DEVSTREAM_KEY_FILE"])
    ana.run("team", "create", "acme", "--person", "ana")
    key.chmod(0o644)
    assert str(key) in ana.run("node", code=1)


def _fill(path: Path) -> None:
    """Write until the disk is full to its last page."""
    with path.open("wb", buffering=0) as file:
        for _ in range(100_000):
            try:
                file.write(bytes(4096))
            except OSError:
                return
    pytest.fail("the disk did not fill up")


@pytest.mark.hosts
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_is_told_and_nothing_is_acknowledged_that_is_not_stored(
    world, tmp_path, until
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "none", disk], check=False, capture_output=True
    ).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        ana = world.desk("disk/ana")
        ana.environment["DEVSTREAM_KEY_FILE"] = str(tmp_path / "key")
        ana.run("team", "create", "acme", "--person", "ana")
        ana.start()
        acknowledged = {
            ana.run("emit", "--kind", "build", "--state", "failed", "--service", "shop")
        }
        filler = disk / "filler"
        _fill(filler)
        error = ana.run(
            "emit",
            "--kind",
            "build",
            "--state",
            "failed",
            "--service",
            "shop",
            "--title",
            "x" * 100,
            code=1,
        )
        assert "is full: the event was not stored; free some space" in error
        assert {
            line.event.key for line in ana.lines() if line.event.kind == "build"
        } == acknowledged
        filler.unlink()
        acknowledged.add(
            ana.run(
                "emit",
                "--kind",
                "build",
                "--state",
                "failed",
                "--service",
                "shop",
                "--title",
                "again",
            )
        )
        assert acknowledged <= ana.facts()
        ana.stop()
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


@pytest.mark.parametrize("action", ["dry-run", "canary", "lock", "cancel"])
def test_an_action_that_nobody_knows_is_never_taken_for_a_deploy(world, until, action) -> None:
    (ana,) = world.team()
    ran = ana.home.root / "ran"
    run = f'["touch", "{ran}"]'
    ana.home.targets.write_text(f"[target.shop.staging]\nrun = {run}\n")
    until("the target is known", lambda: "shop" in str(ana.targets()))
    asked = RequestDeploy(target="shop", environment="staging", sha="4f" * 20, action=action)
    with Client(ana.home.control_url()) as client, pytest.raises(ControlError, match="dry_run"):
        client.ask(asked)
    assert not [line for line in ana.lines() if line.event.state == "requested"]
    assert not ran.exists()
