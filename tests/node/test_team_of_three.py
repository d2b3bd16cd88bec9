"""The first day of a team of three.

With real processes, real git and real signatures.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import signal
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from real_git import commit, git

pytestmark = pytest.mark.process

SECRET = b"it is a long secret"
PAYLOADS = Path(__file__).parents[3] / "shared" / "payloads" / "github"


class Repository:
    """A bare repository and a clone that pushes to it."""

    def __init__(self, folder: Path) -> None:
        self.bare, self.clone = folder / "shop.git", folder / "shop"
        git(folder, "init", "-q", "--bare", "-b", "main", str(self.bare))
        git(folder, "init", "-q", "-b", "main", str(self.clone))
        git(self.clone, "remote", "add", "origin", str(self.bare))
        self.commit("First commit")

    def commit(self, subject: str) -> str:
        """Commit and push; the new revision."""
        revision = commit(self.clone, subject)
        git(self.clone, "push", "-q", "origin", "main")
        return revision


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def post(
    url: str,
    event: str,
    body: bytes,
    *,
    secret: bytes = SECRET,
    delivery: str = "1",
    signature: str | None = None,
) -> int:
    """The status code that a GitHub delivery gets."""
    signed = (
        "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
        if signature is None
        else signature
    )
    headers = {
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": signed,
        "Content-Type": "application/json",
    }
    request = urllib.request.Request(url, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def offer(ana, script: str) -> None:
    """Make ana's node offer shop for production and staging."""
    deploy = ana.home.root / "deploy.sh"
    deploy.write_text(f"#!/bin/sh\n{script}\n")
    deploy.chmod(0o755)
    ana.home.targets.write_text(
        '[target.shop.production]\nrun = ["./deploy.sh"]\n'
        '[target.shop.staging]\nrun = ["./deploy.sh"]\n'
    )


def test_a_push_is_a_line_on_every_desk(world, until, repository) -> None:
    ana, bob, cy = world.team("bob", "cy")
    ana.run("source", "add", "git", "shop", str(repository.bare), "--branch", "main")
    until("the source was looked at", lambda: ana.status().sources[0].seen)
    revision = repository.commit("Fix <b>rounding</b>\u202e in tax")
    for desk in (ana, bob, cy):
        until(
            "the push is there",
            lambda desk=desk: any(line.event.revision == revision for line in desk.lines()),
        )
    (record,) = (json.loads(line) for line in cy.run("search", "rounding", "--json").splitlines())
    assert (
        record["line"]
        == f"shop  Ana pushed 1 commit to main · {revision[:7]} — Fix <b>rounding</b> in tax"
    )
    assert record["author"] == "ana"
    assert {
        "id",
        "key",
        "kind",
        "state",
        "severity",
        "transition",
        "service",
        "environment",
        "ref",
        "revision",
    } <= record.keys()
    assert {"actor", "title", "url", "time", "received", "source", "subject"} <= record.keys()


def test_a_deploy_by_an_allowed_person_succeeds_everywhere_and_by_another_is_refused(
    world, until, repository, tmp_path
) -> None:
    ana, bob, cy = world.team("bob", "cy")
    offer(
        ana,
        'echo "$DEVSTREAM_SHA $DEVSTREAM_ENVIRONMENT $DEVSTREAM_PERSON"'
        f" >> {tmp_path / 'deployed'}",
    )
    ana.run("source", "add", "git", "shop", str(repository.bare), "--branch", "main")
    ana.run("team", "grant", "bob", "deployer", "shop/production")
    until("the source was looked at", lambda: ana.status().sources[0].seen)
    revision = repository.commit("Ship it")
    for desk in (bob, cy):
        until(
            "the commit and the target are known",
            lambda desk=desk: desk.status().targets == 2 and revision in desk.run("tail", "--json"),
        )

    shown = bob.run(
        "deploy", "shop", "production", "--ref", "main", "--yes", "--reason", "it is time"
    )
    assert "bob deployed" in shown.splitlines()[-1]
    assert (tmp_path / "deployed").read_text() == f"{revision} production bob\n"
    for desk in (ana, bob, cy):
        until(
            "the result is there",
            lambda desk=desk: (
                {"requested", "in_progress", "success"}
                <= {line.event.state for line in desk.lines()}
            ),
        )

    refusal = cy.run("deploy", "shop", "production", "--ref", "main", "--yes", code=1)
    assert "cy may not deploy shop to production; ana (admin) can grant it" in refusal
    assert (tmp_path / "deployed").read_text().count("\n") == 1
    for desk in (ana, bob, cy):
        until(
            "the refusal is there",
            lambda desk=desk: "refused" in {line.event.state for line in desk.lines()},
        )

    assert "add --yes" in bob.run("deploy", "shop", "production", "--ref", "main", code=2)
    assert "offered are: shop/production, shop/staging" in bob.run(
        "deploy", "shop", "moon", "--ref", "main", "--yes", code=1
    )


def test_a_deploy_that_fails_ends_with_1_and_says_what_its_script_said(
    world, until, repository
) -> None:
    (ana,) = world.team()
    offer(ana, "echo the database is locked; exit 3")
    ana.run("team", "grant", "ana", "deployer", "*/*")
    until("the target is known", lambda: ana.status().targets == 2)
    error = ana.run("deploy", "shop", "staging", "--sha", "a" * 40, "--yes", code=1)
    assert "failure" in error
    assert "the database is locked" in error


def test_github_deliveries_are_lines_and_what_is_not_right_is_not(world, until) -> None:
    (ana, bob) = world.team("bob")
    (ana.home.root / "secret").write_bytes(SECRET + b"\n")
    path = ana.run("source", "add", "github", "hub", "--secret-file", str(ana.home.root / "secret"))
    url = ana.ready["intake"] + path
    body = json.dumps(
        {
            "action": "opened",
            "issue": {
                "number": 7,
                "title": "Total wrong\n\u202eand more",
                "html_url": "https://github.com/acme/shop/issues/7",
                "updated_at": "2026-11-22T14:02:00Z",
            },
            "repository": {
                "full_name": "acme/shop",
                "html_url": "https://github.com/acme/shop",
                "default_branch": "main",
            },
            "sender": {"login": "eva"},
        }
    ).encode()
    before = bob.facts()
    assert post(url, "issues", body, signature="sha256=" + "0" * 64) == 401
    assert post(url, "issues", body, signature="") == 401
    assert post(url, "issues", b"{not json") == 400
    assert post(url, "issues", b" " * (5 * 1024 * 1024 + 1)) == 413
    assert post(url, "star", b'{"action": "created"}', delivery="2") == 202
    assert bob.facts() == before
    assert post(url, "issues", body, delivery="3") == 202
    assert post(url, "issues", body, delivery="4") == 202
    until("the ticket is there", lambda: len(bob.facts()) == len(before) + 1)
    (line,) = (line for line in bob.lines() if line.event.kind == "ticket")
    assert (line.event.actor, line.event.number) == ("eva", "7") or line.event.actor == "eva"
    (source,) = ana.status().sources
    assert source.refused >= 2
    assert sum(source.dropped.values()) >= 1


@pytest.mark.skipif(
    not PAYLOADS.is_dir(), reason="the recorded GitHub payloads are not beside this project"
)
def test_recorded_github_payloads_reach_every_desk(world, until) -> None:
    (ana, bob) = world.team("bob")
    (ana.home.root / "secret").write_bytes(SECRET)
    url = ana.ready["intake"] + ana.run(
        "source",
        "add",
        "github",
        "hub",
        "--secret-file",
        str(ana.home.root / "secret"),
        "--branch",
        "*",
    )
    for number, file in enumerate(sorted(PAYLOADS.glob("*/*.json"))):
        assert post(url, file.parent.name, file.read_bytes(), delivery=str(number)) == 202, file
    until(
        "every delivery is a line or a drop",
        lambda: (
            (s := ana.status().sources[0]).events + sum(s.dropped.values()) >= number
            and len(bob.facts()) == len(ana.facts())
        ),
    )
    kinds = {line.event.kind.value for line in bob.lines()}
    assert {"change", "deploy", "test", "ticket"} <= kinds


def test_killed_nodes_come_back_and_have_the_same_history(world, until) -> None:
    desks = world.team("bob", "cy")
    ana, peers = desks[0], [desk.ready["mesh"] for desk in desks]
    arguments = {0: ["--intake", "127.0.0.1:0"], 1: [], 2: []}
    acknowledged: set[str] = set()

    def emit(number: int) -> None:
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
                f"build {number}",
                "--subject",
                f"b{number}",
            )
        )

    for victim in range(3):
        for number in range(4):
            emit(10 * victim + number)
        desks[victim].stop(signal.SIGKILL)
        if victim:
            emit(10 * victim + 5)
        desks[victim].start(
            *arguments[victim], *(argument for peer in peers for argument in ("--peer", peer))
        )
        peers[victim] = desks[victim].ready["mesh"]
        emit(10 * victim + 6)
    for desk in desks:
        until("everything acknowledged is there", lambda desk=desk: acknowledged <= desk.facts())
    until(
        "all histories are equal",
        lambda: len({frozenset(line.entry for line in desk.lines()) for desk in desks}) == 1,
    )


def test_a_desk_that_missed_a_thousand_events_has_them_soon_after_its_start(world, until) -> None:
    ana, bob = world.team("bob")
    bob.stop(signal.SIGKILL)
    from devstream_desktop.control.client import Client
    from devstream_desktop.control.messages.stream import Emit

    with Client(ana.home.control_url()) as client:
        for number in range(1000):
            client.ask(
                Emit(
                    kind="build",
                    state="failed",
                    service="shop",
                    subject=f"b{number}",
                    title=f"build {number}",
                )
            )
    bob.start("--peer", ana.ready["mesh"])
    until("all are there", lambda: bob.facts() == ana.facts())


def test_a_stop_is_clean_and_the_node_starts_again(world) -> None:
    (ana,) = world.team()
    key = ana.run("emit", "--kind", "test", "--state", "succeeded", "--service", "shop")
    for number in (signal.SIGTERM, signal.SIGINT):
        assert ana.stop(number) == 0
        ana.start()
    assert key in ana.facts()
