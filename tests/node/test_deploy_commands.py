"""Deploys as three persons ask for them: approvals, queue, locks, promotion, rollback, audit."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path

import pytest
from real_git import commit, git

pytestmark = [pytest.mark.process, pytest.mark.slow]

TARGETS = """
[target.shop.staging]
run = ["./deploy.sh"]
repository = "{repository}"
type_to_confirm = false

[target.shop.production]
run = ["./deploy.sh"]
repository = "{repository}"
order = ["staging"]
approvals = 1
dry_run = ["./deploy.sh", "dry"]

[target.shop.production.parameters]
size = {{ type = "choice", choices = ["small", "large"] }}
"""
SCRIPT = """#!/bin/sh
echo "$1 $DEVSTREAM_ENVIRONMENT $DEVSTREAM_SHA $DEVSTREAM_ACTION $DEVSTREAM_PARAM_SIZE" >> {log}
while [ -e {hold} ]; do sleep 0.05; done
"""


@pytest.fixture
def shop(world, until, tmp_path):
    """Ana's node deploys the shop from a real repository; bob and cy joined."""
    repository = tmp_path / "shop"
    repository.mkdir()
    git(repository, "init", "-q", "-b", "main")
    commit(repository, "first", "Ana")
    ana, bob, cy = world.team("bob", "cy")
    made = Shop(ana, bob, cy, repository, tmp_path / "deployed", tmp_path / "hold", until)
    script = ana.home.root / "deploy.sh"
    script.write_text(SCRIPT.format(log=made.log, hold=made.hold))
    script.chmod(0o755)
    ana.home.targets.write_text(TARGETS.format(repository=repository))
    for role in ("deployer", "approver"):
        for name in ("bob", "cy"):
            ana.run("team", "grant", name, role, "shop/*")
    for desk in (bob, cy):
        until("the targets are known", lambda desk=desk: desk.status().targets == 2)
        until(
            "its rights are known",
            lambda desk=desk: "yes" in desk.run("can-i", "shop", "staging"),
        )
    return made


class Shop:
    def __init__(self, ana, bob, cy, repository: Path, log: Path, hold: Path, until) -> None:
        self.ana, self.bob, self.cy = ana, bob, cy
        self.repository, self.log, self.hold, self.until = repository, log, hold, until

    def ran(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    def state(self, desk, number: str) -> str:
        lines = [line for line in desk.lines() if line.event.request.startswith(number)]
        lines.sort(key=lambda line: line.arrival)
        return lines[-1].event.state if lines else ""

    def wait_for(self, desk, number: str, state: str) -> None:
        self.until(f"{number} is {state}", lambda: self.state(desk, number) == state)

    def ask(self, desk, *words: str) -> str:
        return desk.run(*words, "--yes", "--no-wait")[:8]


def test_from_staging_to_production_and_back(shop) -> None:
    bob, cy = shop.bob, shop.cy
    second = commit(shop.repository, "second", "Bob")
    began = time.monotonic()
    plan = json.loads(bob.run("deploy", "shop", "staging", "--ref", "main", "--plan", "--json"))
    assert time.monotonic() - began < 5
    assert (plan["sha"], plan["told_by"], plan["allowed"]) == (second, "executor", True)
    assert "deployed" in bob.run("deploy", "shop", "staging", "--ref", "main", "--yes")
    # A second person has to say yes, and not the asker.
    number = shop.ask(
        bob, "promote", "shop", "production", "--param", "size=large", "--reason", "more baskets"
    )
    shop.wait_for(bob, number, "waiting")
    assert "second person" in bob.run("approve", number, code=1)
    told = f"{second[:7]} of main waiting"
    said = [line for line in cy.run("deploys").splitlines() if line.startswith(number)]
    assert told in said[0]
    assert "size=large · bob says: more baskets" in said[0]
    (waits,) = json.loads(cy.run("deploys", "--json"))["pending"]
    assert (waits["why"], waits["parameters"]) == ("more baskets", "size=large")
    approved = cy.run("approve", number)
    assert "size=large · bob says: more baskets" in approved
    assert "approved" in approved
    shop.wait_for(bob, number, "success")
    assert shop.ran()[-1] == f" production {second} deploy large"
    # What was not on staging does not go to production.
    third = commit(shop.repository, "third", "Cy")
    refused = bob.run("deploy", "shop", "production", "--sha", third[:8], "--yes", code=1)
    assert "comes before production" in refused
    bob.run("deploy", "shop", "staging", "--ref", "main", "--yes")
    plan = json.loads(bob.run("promote", "shop", "production", "--plan", "--json"))
    assert [(one["sha"], one["author"], one["title"]) for one in plan["commits"]] == [
        (third, "Cy", "third")
    ]
    assert (plan["current"], plan["source"], plan["approvals"]) == (second, "repository", 1)
    assert plan["approvers"] == ["cy"]
    # A dry run needs nobody, and deploys nothing.
    assert "passed" in bob.run(
        "deploy", "shop", "production", "--ref", "main", "--dry-run", "--yes"
    )
    assert shop.ran()[-1] == f"dry production {third} dry_run small"
    number = shop.ask(bob, "promote", "shop", "production")
    shop.wait_for(cy, number, "waiting")
    cy.run("approve", number)
    shop.wait_for(bob, number, "success")
    # Back again: what goes away is shown, and the environment is locked after it.
    plan = json.loads(cy.run("rollback", "shop", "production", "--plan", "--json"))
    assert (plan["sha"], plan["backwards"]) == (second, True)
    number = shop.ask(cy, "rollback", "shop", "production", "--reason", "it broke")
    shop.wait_for(bob, number, "waiting")
    bob.run("approve", number)
    shop.wait_for(cy, number, "success")
    assert shop.ran()[-1] == f" production {second} rollback small"
    assert "is locked by cy" in bob.run("promote", "shop", "production", "--plan", code=1)
    assert "needs a reason" in bob.run("unlock", "shop", "production", code=1)
    bob.run("unlock", "shop", "production", "--reason", "mended")
    audit = [json.loads(line) for line in bob.run("audit", "--json").splitlines()]
    assert all(line["proven"] for line in audit)
    said = {(line["person"], line["action"], line["state"]) for line in audit}
    assert {
        ("cy", "approve", "requested"),
        ("ana", "approve", "approved"),
        ("cy", "rollback", "requested"),
        ("ana", "lock", "locked"),
        ("bob", "unlock", "requested"),
        ("ana", "deploy", "refused"),
    } <= said
    assert bob.run("audit", "--csv").startswith("time,person,device,action,state,target")


def test_the_next_one_has_its_turn_also_after_a_crash(shop) -> None:
    ana, bob, cy = shop.ana, shop.bob, shop.cy
    shop.hold.touch()
    first = shop.ask(bob, "deploy", "shop", "staging", "--ref", "main")
    shop.wait_for(bob, first, "in_progress")
    second = shop.ask(cy, "deploy", "shop", "staging", "--ref", "main")
    shop.wait_for(cy, second, "queued")
    again = bob.run("deploy", "shop", "staging", "--ref", "main", "--plan")
    assert "after cy's deploy" in again
    third = shop.ask(bob, "deploy", "shop", "staging", "--ref", "main")
    shop.wait_for(bob, third, "queued")
    assert "there already; replace" in bob.run(
        "deploy", "shop", "staging", "--ref", "main", "--yes", code=1
    )
    cy.run("withdraw", third, "--reason", "not now")
    shop.wait_for(bob, third, "cancelled")
    ana.stop(signal.SIGKILL)
    said = bob.run("deploy", "shop", "staging", "--ref", "main", "--plan", code=1)
    assert re.search(r"is offline, last heard of .* ago", said)
    ana.start()
    shop.hold.unlink()
    shop.wait_for(ana, first, "success")
    shop.wait_for(ana, second, "success")
    assert len(shop.ran()) == 2
    assert all("staging" in line for line in shop.ran())


def test_a_deploy_is_followed_across_a_restart_of_the_node(world, until, tmp_path) -> None:
    (ana,) = world.team()
    hold = tmp_path / "hold"
    hold.touch()
    ana.home.targets.write_text(
        "[target.shop.production]\n"
        f"run = ['/bin/sh', '-c', 'while [ -e {hold} ]; do sleep 0.05; done']\n"
    )
    ana.run("team", "grant", "ana", "deployer", "shop/production")
    until("the target is known", lambda: ana.status().targets == 1)
    asking = ana.begin("deploy", "shop", "production", "--sha", "ab" * 20, "--yes", "--json")
    assert asking.stdout is not None
    while "in_progress" not in asking.stdout.readline():
        pass
    ana.stop()
    ana.start()
    hold.unlink()
    assert "success" in asking.communicate(timeout=30)[0]
    assert asking.returncode == 0


def test_a_lock_is_read_by_everybody_and_broken_with_a_reason(shop) -> None:
    bob, cy = shop.bob, shop.cy
    assert "locked staging" in bob.run(
        "lock", "shop", "staging", "--reason", "migration", "--for", "2h"
    )
    refused = cy.run("deploy", "shop", "staging", "--ref", "main", "--yes", code=1)
    assert "shop staging is locked by bob" in refused
    assert "migration" in refused
    cy.run("can-i", "shop", "staging", code=1)
    assert "yes" in bob.run("can-i", "shop", "staging"), "whoever holds it may"
    shop.until("cy knows of it", lambda: "locked by bob" in cy.run("deploys"))
    cy.run("unlock", "shop", "staging", "--reason", "it is done")
    shop.until("bob knows of it", lambda: "locked by" not in bob.run("deploys"))
    assert "deployed" in cy.run("deploy", "shop", "staging", "--ref", "main", "--yes")
    assert "name a TARGET" in cy.run("lock", code=2)


def test_what_is_named_wrongly_is_one_sentence_and_nothing_runs(shop) -> None:
    bob = shop.bob
    for words, said in (
        (("deploy", "shop", "stagin", "--ref", "main"), "Is it shop/staging?"),
        (("deploy", "shop", "staging", "--ref", "absent"), "there is no absent"),
        (("deploy", "shop", "staging", "--sha", "0123456"), "no single commit"),
        (("approve", "abcdef12"), "no deploy abcdef12 is known"),
        (("rollback", "shop", "staging"), "nothing to go back to"),
        (("promote", "shop", "staging"), "names no environment that comes before"),
    ):
        extra = () if words[0] == "approve" else ("--yes",)
        assert said in bob.run(*words, *extra, code=1), words
    assert "there is no terminal" in bob.run("deploy", "shop", "staging", "--ref", "main", code=2)
    assert shop.ran() == []
    shop.ana.home.targets.write_text("[target.shop.staging\nrun = [")
    said = bob.run("deploy", "shop", "staging", "--ref", "main", "--yes", code=1)
    assert "targets.toml, line 1" in said
    assert shop.ran() == []


def test_a_target_is_written_and_checked_by_commands(world, until) -> None:
    (ana,) = world.team()
    ana.run(
        "target", "add", "blog", "live", "--description", 'the "blog"', "--run", "sh", "-c", "true"
    )
    until("it is offered", lambda: ana.status().targets == 1)
    assert "✓ blog live" in ana.run("target", "check")
    assert "already" in ana.run("target", "add", "blog", "live", "--run", "true", code=1)
    assert "no name for a target" in ana.run("target", "add", "a b", "live", "--run", "x", code=1)
    ana.run("target", "add", "blog", "next", "--run", "./absent.sh")
    until("it is offered", lambda: ana.status().targets == 2)
    ana.run("target", "check", code=1)
