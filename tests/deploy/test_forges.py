"""Required checks from the forge, where the stream does not tell them as passed.

GitHub, GitLab and Gitea are local servers that answer as their documents say.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from deploy_services import TOKEN, Asked, Service

from devstream_desktop.control.messages.deploys import PlanDeploy
from devstream_desktop.deploy.backends import http
from devstream_desktop.deploy.checks import Check
from devstream_desktop.deploy.knowledge import Nothing
from devstream_desktop.deploy.targets import TargetsError, parse_targets

KINDS = ("github", "gitlab", "gitea")
WORDS = {"github": "GitHub", "gitlab": "GitLab", "gitea": "Gitea"}


def iso(ms: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)).isoformat()


@dataclass
class ForgeService(Service):
    """A forge with checks: name, state (in the stream's words), time."""

    kind: str = "github"
    sha: str = ""
    checks: list[tuple[str, str, int]] = field(default_factory=list)
    other_sha: str = ""
    """The commit that its answers are about, where it is another."""
    wait: float = 0
    held: threading.Event = field(default_factory=threading.Event)
    """It answers while this is set."""
    reached: threading.Event = field(default_factory=threading.Event)
    """Somebody asked."""
    drip: bool = False
    most: int = 1000
    """The most entries of a page, whatever is asked for."""
    raw: tuple[int, object] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.held.set()

    def allowed(self, asked: Asked) -> bool:
        given = {
            "github": asked.headers.get("authorization") == f"Bearer {TOKEN}",
            "gitlab": asked.headers.get("private-token") == TOKEN,
            "gitea": asked.headers.get("authorization") == f"token {TOKEN}",
        }
        return given[self.kind]

    def handle(self, handler: Any) -> None:
        self.reached.set()
        self.held.wait(10)
        if self.drip:
            handler.send_response(200)
            handler.send_header("content-length", "1000000")
            handler.end_headers()
            for _ in range(100):
                try:
                    handler.wfile.write(b" ")
                except OSError:
                    return
                time.sleep(0.02)
            return
        time.sleep(self.wait)
        super().handle(handler)

    def route(self, asked: Asked) -> tuple[int, object, dict[str, str]]:
        if self.raw is not None:
            return *self.raw, {"location": f"{self.url}/elsewhere"} if self.raw[0] == 302 else {}
        sha = self.other_sha or self.sha
        match self.kind, asked.path:
            case "github", "/repos/acme/shop":
                return 200, {}, {}
            case "github", path if path.endswith(f"/commits/{self.sha}/check-runs"):
                return 200, {"check_runs": self.page(asked, self.github(sha, "check"))}, {}
            case "github", "/repos/acme/shop/actions/runs":
                assert asked.query["head_sha"] == [self.sha]
                return 200, {"workflow_runs": self.page(asked, self.github(sha, "workflow"))}, {}
            case (("github" | "gitea"), path) if path.endswith(f"/commits/{self.sha}/status"):
                word = "state" if self.kind == "github" else "status"
                names = {"errored": "error", "succeeded": "success", "failed": "failure"}
                found = [
                    {
                        "context": name.removeprefix("status:"),
                        word: names.get(state, "pending"),
                        "updated_at": iso(at),
                    }
                    for name, state, at in self.checks
                    if self.kind == "gitea" or name.startswith("status:")
                ]
                about = self.sha if self.kind == "github" else sha
                return 200, {"sha": about, "statuses": self.page(asked, found)}, {}
            case "gitlab", path if path.endswith(f"/repository/commits/{self.sha}/statuses"):
                return 200, self.page(asked, self.gitlab(sha, "")), {}
            case "gitlab", path if path.endswith("/pipelines"):
                assert asked.query["sha"] == [self.sha]
                return 200, self.page(asked, self.gitlab(sha, "pipeline")), {}
        return 404, {"message": "Not Found"}, {}

    def page(self, asked: Asked, found: list[Any]) -> list[Any]:
        (number,) = asked.query["page"]
        size = min(self.most, int(asked.query.get("limit", asked.query["per_page"])[0]))
        return found[(int(number) - 1) * size : int(number) * size]

    def github(self, sha: str, kind: str) -> list[dict[str, Any]]:
        words = {"succeeded": "success", "failed": "failure", "cancelled": "cancelled"}
        return [
            {
                "name": name.removeprefix("workflow:"),
                "head_sha": sha,
                "status": "in_progress" if state == "running" else "completed",
                "conclusion": words.get(state, state if state != "running" else None),
                "completed_at" if kind == "check" else "updated_at": iso(at),
            }
            for name, state, at in self.checks
            if name.startswith("workflow:") == (kind == "workflow")
            and not name.startswith("status:")
        ]

    def gitlab(self, sha: str, kind: str) -> list[dict[str, Any]]:
        words = {"succeeded": "success", "cancelled": "canceled"}
        return [
            {
                **({"name": name} if name != "pipeline" else {}),
                "sha": sha,
                "status": words.get(state, state),
                "finished_at": iso(at) if state != "running" else None,
                "updated_at": iso(at),
            }
            for name, state, at in self.checks
            if (name == "pipeline") == bool(kind)
        ]


@pytest.fixture(params=KINDS)
async def forge(request, sha) -> AsyncIterator[ForgeService]:
    made = await asyncio.to_thread(ForgeService, kind=request.param, sha=sha)
    yield made
    await asyncio.to_thread(made.close)


@pytest.fixture
async def hub(sha) -> AsyncIterator[ForgeService]:
    made = await asyncio.to_thread(ForgeService, kind="github", sha=sha)
    yield made
    await asyncio.to_thread(made.close)


@pytest.fixture
async def gitea(sha) -> AsyncIterator[ForgeService]:
    made = await asyncio.to_thread(ForgeService, kind="gitea", sha=sha)
    yield made
    await asyncio.to_thread(made.close)


class Told(Nothing):
    """A stream that tells these checks."""

    def __init__(self, *checks: Check) -> None:
        self.known = checks

    def checks(self, shas):
        return dict.fromkeys(shas, self.known)


def table(service: ForgeService) -> str:
    return (
        f'[target.shop.production.forge]\nkind = "{service.kind}"\nrepository = "acme/shop"\n'
        f'token = "FORGE"\nurl = "{service.url}"\n'
    )


async def start(room, service, *told, checks='["integration"]', secret=TOKEN, more=""):
    room.write(more=f"checks = {checks}\n{more}\n{table(service)}")
    return await room.start(knowledge=Told(*told), secret={"FORGE": secret}.get)


async def ended(room):
    event = room.request()
    await room.ask(event)
    return await room.news.final(event.key)


async def refusal(room) -> str:
    done = await ended(room)
    assert done.state == "refused", done
    assert not list((room.home.root / "deploy-logs").glob("*"))
    return done.reason


@pytest.mark.process
async def test_a_check_that_the_stream_does_not_know_is_asked_of_the_forge(room, forge, sha):
    forge.checks = [("integration", "succeeded", room.clock() - 60_000), ("x", "failed", 1)]
    await start(room, forge)
    assert (await ended(room)).state == "success"
    assert all(sha in str(asked) or asked.query.get("sha") for asked in forge.asked)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("failed", "the check integration failed 1m00s ago"),
        ("running", "the check integration is running; wait"),
        ("cancelled", "the check integration cancelled 1m00s ago"),
        ("skipped", "the check integration is not known for 4f4f4f4"),
    ],
)
async def test_whatever_has_not_passed_there_refuses(room, forge, state, said):
    if (forge.kind, state) == ("gitea", "cancelled"):
        said = "the check integration is running; wait"
    if (forge.kind, state) == ("gitea", "skipped"):
        said = "is running"
    forge.checks = [("integration", state, room.clock() - 60_000)]
    await start(room, forge)
    assert said in await refusal(room)


async def test_a_check_that_is_too_old_refuses(room, forge):
    forge.checks = [("integration", "succeeded", room.clock() - 7_200_000)]
    await start(room, forge, more="check_age_s = 3600")
    assert "passed 2h00m ago, and only 1h00m count" in await refusal(room)


async def test_what_it_does_not_know_either_refuses(room, forge):
    forge.checks = [("other", "succeeded", room.clock())]
    await start(room, forge)
    assert "the check integration is not known for 4f4f4f4" in await refusal(room)


async def test_an_answer_about_another_commit_counts_for_nothing(room, forge):
    forge.checks = [("integration", "succeeded", room.clock())]
    forge.other_sha = "5a" * 20
    await start(room, forge)
    assert "the check integration is not known" in await refusal(room)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ((500, {"message": "Server Error"}), "does not tell: it answered 500: Server Error"),
        ((302, None), "does not tell: it answered 302"),
        ((404, {"message": "Not Found"}), "does not tell: it answered 404: Not Found"),
        ((200, {"nothing": 1}), "does not tell: its answer cannot be read"),
        ((403, {"message": f"no {TOKEN}"}), "does not tell: it answered 403: no ***"),
    ],
)
async def test_a_forge_that_does_not_tell_refuses_with_its_reason(room, forge, raw, said):
    forge.raw = raw
    await start(room, forge)
    told = await refusal(room)
    assert f"not known for 4f4f4f4, and {WORDS[forge.kind]} {said}" in told
    assert TOKEN not in told
    assert not [asked for asked in forge.asked if asked.path == "/elsewhere"]


async def test_a_token_that_is_missing_is_named_and_nothing_is_asked(room, hub):
    deploys = await start(room, hub, secret=None)
    assert "devstream secret set FORGE" in await refusal(room)
    assert hub.asked == []
    (target,) = deploys.status().targets
    assert [line for line in await deploys.check(target) if "devstream secret set FORGE" in line]


@pytest.mark.process
async def test_a_rollback_needs_no_forge(room, hub, sha):
    hub.checks = [("integration", "succeeded", room.clock() - 1000)]
    await start(room, hub)
    first, second = room.request(), room.request(sha="5a" * 20)
    await room.ask(first)
    await room.news.final(first.key)
    hub.sha = second.revision
    await room.ask(second)
    assert (await room.news.final(second.key)).state == "success"
    await room.deploys.stop()
    # Its token is gone, and what is broken has to go.
    await room.start(knowledge=Told(), secret={}.get)
    back = room.request(action="rollback")
    await room.ask(back)
    assert (await room.news.final(back.key)).state == "success"


async def test_the_check_of_a_target_asks_its_forge(room, forge):
    deploys = await start(room, forge, secret="wrong")
    (target,) = deploys.status().targets
    (line,) = await deploys.check(target)
    assert line.startswith(f"{WORDS[forge.kind]} acme/shop: it answered 401")


@pytest.mark.process
async def test_the_token_reaches_no_program(room, hub, tmp_path):
    hub.checks = [("integration", "succeeded", room.clock())]
    room.write(script=f"env > {tmp_path}/env", more=f'checks = ["integration"]\n{table(hub)}')
    await room.start(secret={"FORGE": TOKEN}.get)
    assert (await ended(room)).state == "success"
    assert TOKEN not in (tmp_path / "env").read_text()


@pytest.mark.process
async def test_what_the_stream_tells_as_passed_is_not_asked(room, hub):
    await start(room, hub, Check("integration", "succeeded", room.clock()))
    assert (await ended(room)).state == "success"
    assert hub.asked == []


@pytest.mark.process
async def test_a_run_that_passed_since_counts_before_the_stream_tells_it(room, hub):
    hub.checks = [("integration", "succeeded", room.clock() - 1000)]
    await start(room, hub, Check("integration", "failed", room.clock() - 60_000))
    assert (await ended(room)).state == "success"


async def test_a_red_word_of_the_stream_that_is_newer_holds(room, hub):
    hub.checks = [("integration", "succeeded", room.clock() - 60_000)]
    await start(room, hub, Check("integration", "failed", room.clock() - 1000))
    assert "the check integration failed" in await refusal(room)


async def test_statuses_workflows_and_jobs_are_checks(room, hub):
    at = room.clock() - 1000
    hub.checks = [("ci/job", "succeeded", at), ("workflow:ci/all", "succeeded", at)]
    hub.checks += [("status:ci/other", "failed", at)]
    await start(room, hub, checks='["ci/*"]')
    assert "the check ci/other failed" in await refusal(room)


async def test_a_red_check_on_a_later_page_is_found(room, forge):
    at = room.clock() - 1000
    forge.checks = [(f"ci/{n}", "succeeded", at) for n in range(120)] + [("ci/z", "failed", at)]
    await start(room, forge, checks='["ci/*"]')
    assert "the check ci/z failed" in await refusal(room)


async def test_a_gitea_with_smaller_pages_tells_all_of_them(room, gitea):
    gitea.most = 30
    at = room.clock() - 1000
    gitea.checks = [(f"ci/{n}", "succeeded", at) for n in range(40)] + [("ci/z", "failed", at)]
    await start(room, gitea, checks='["ci/*"]')
    assert "the check ci/z failed" in await refusal(room)


async def test_an_answer_counts_only_for_the_target_that_it_was_asked_for(room, hub, gitea):
    hub.checks = [("integration", "succeeded", room.clock() - 1000)]
    hub.held.clear()
    await start(room, hub)
    event = room.request()
    asking = asyncio.create_task(room.ask(event))
    assert await asyncio.to_thread(hub.reached.wait, 10)
    # Meanwhile somebody names another forge, whose word is another.
    gitea.checks = [("integration", "failed", room.clock() - 1000)]
    room.home.targets.unlink()
    room.write(more=f'checks = ["integration"]\n{table(gitea)}')
    await room.deploys.reload()
    hub.held.set()
    await asking
    done = await room.news.final(event.key)
    assert (done.state, gitea.asked != []) == ("refused", True)
    assert "the check integration failed" in done.reason


async def test_a_list_without_an_end_refuses(room, forge):
    forge.checks = [(f"ci/{n}", "succeeded", room.clock()) for n in range(700)]
    await start(room, forge, checks='["ci/*"]')
    assert "it has more than" in await refusal(room)


async def test_the_plan_shows_it(room, forge):
    forge.checks = [("integration", "failed", room.clock() - 60_000)]
    deploys = await start(room, forge, Check("lint", "succeeded", room.clock()))
    asked = PlanDeploy(target="shop", environment="production", sha=forge.sha)
    plan = await deploys.plan(asked, next(iter(room.devices)))
    assert "the check integration failed" in plan.reason
    lint, integration = sorted(plan.new.checks, key=lambda one: one.required)
    assert (lint.name, lint.told_by) == ("lint", "")
    assert (integration.state, integration.told_by) == ("failed", WORDS[forge.kind])
    assert any(one.text.startswith(f"{WORDS[forge.kind]} was asked") for one in plan.warnings)


async def test_a_slow_forge_holds_up_neither_plan_nor_node(room, hub):
    hub.wait = 0.4
    deploys = await start(room, hub)
    longest, before = 0.0, time.monotonic()

    async def beat() -> None:
        nonlocal longest, before
        while True:
            await asyncio.sleep(0.01)
            longest, before = max(longest, time.monotonic() - before), time.monotonic()

    beating = asyncio.create_task(beat())
    # As many as press it at once ask it once.
    asked = PlanDeploy(target="shop", environment="production", sha=hub.sha)
    plans = await asyncio.gather(*(deploys.plan(asked, next(iter(room.devices))) for _ in range(5)))
    beating.cancel()
    assert all("not known" in plan.reason for plan in plans)
    assert len(hub.asked) == 3
    assert longest < 0.3


async def test_a_forge_that_never_answers_is_given_up(room, hub, monkeypatch):
    hub.drip = True
    monkeypatch.setattr(http, "TIMEOUT_S", 0.1)
    await start(room, hub)
    assert "comes too slowly" in await refusal(room)


def test_mistakes_in_the_table_are_named(tmp_path):
    def mistake(text: str, checks: str = 'checks = ["ci"]') -> str:
        with pytest.raises(TargetsError) as caught:
            parse_targets(
                f'[target.a.b]\nrun = ["x"]\n{checks}\n[target.a.b.forge]\n{text}',
                tmp_path / "targets.toml",
            )
        return str(caught.value)

    good = 'kind = "github"\nrepository = "a/b"\ntoken = "T"\n'
    assert "asked for checks, and there are none" in mistake(good, "")
    assert "url is missing" in mistake(good.replace("github", "gitea"))
    assert "OWNER/NAME" in mistake(good.replace("a/b", "a"))
    assert "OWNER/NAME" in mistake(good.replace("a/b", "../b"))
    assert "github, gitlab or gitea" in mistake(good.replace("github", "svn"))
    assert "name a secret" in mistake(good + 'url = "https://u:p@x"')
