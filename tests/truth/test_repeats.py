"""K1: what happens again after something else in between is a new fact, and a redelivery is not."""

from __future__ import annotations

from itertools import pairwise

import pytest

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.branches import Moved
from devstream_collectors.kit.place import service_scope
from devstream_collectors.sources.git import change_event

A, B, C = "a" * 40, "b" * 40, "c" * 40
NONE = "0" * 40
MOVES = {
    "deleted, restored, deleted": [B, "", B, ""],
    "there and back": [A, B, A, B],
    "made anew where it was": ["", A, "", A],
    "back by two ways": [A, B, C, A, C, B],
}
HOSTS = ["github", "gitlab", "gitea", "bitbucket"]


def push(host: str, before: str, after: str, second: int) -> tuple[dict, dict[str, str]]:
    """The push as a forge posts it, at this second of the day."""
    ref = "refs/heads/main"
    url = f"https://{host}.example.org/acme/shop"
    match host:
        case "github":
            body = {
                "ref": ref,
                "before": before or NONE,
                "after": after or NONE,
                "deleted": not after,
                "created": not before,
                "commits": [{}],
                "head_commit": {"message": "Retry"} if after else None,
                "repository": {
                    "name": "shop",
                    "full_name": "acme/shop",
                    "html_url": url,
                    "default_branch": "main",
                    "pushed_at": second,
                },
                "sender": {"login": "dev1"},
            }
            return body, {"x-github-event": "push"}
        case "gitlab":
            body = {
                "object_kind": "push",
                "ref": ref,
                "before": before or NONE,
                "after": after or NONE,
                "user_username": "dev1",
                "total_commits_count": 1,
                "project": {
                    "name": "shop",
                    "path_with_namespace": "acme/shop",
                    "web_url": url,
                    "default_branch": "main",
                },
            }
            return body, {"x-gitlab-event": "Push Hook"}
        case "gitea":
            body = {
                "ref": ref,
                "before": before or NONE,
                "after": after or NONE,
                "commits": [{"message": "Retry"}],
                "repository": {
                    "name": "shop",
                    "full_name": "acme/shop",
                    "html_url": url,
                    "default_branch": "main",
                },
                "sender": {"login": "dev1"},
            }
            return body, {"x-gitea-event": "push"}
    change = {
        "old": {"type": "branch", "name": "main", "target": {"hash": before}} if before else None,
        "new": {"type": "branch", "name": "main", "target": {"hash": after}} if after else None,
        "created": not before,
        "closed": not after,
    }
    body = {
        "push": {"changes": [change]},
        "repository": {
            "name": "shop",
            "full_name": "acme/shop",
            "links": {"html": {"href": url}},
        },
        "actor": {"nickname": "dev1"},
    }
    return body, {"x-event-key": "repo:push"}


def ends(node) -> list[str]:
    """The place of the branch in each line."""
    return [line.event.revision for line in node.lines()]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("moves", MOVES.values(), ids=MOVES)
async def test_k1_every_move_of_a_branch_by_webhook(node, host, moves) -> None:
    source = SourceInfo("hook", branches=("main",))
    for before, after in pairwise(moves):
        node.pass_time()
        body, headers = push(host, before, after, node.now // 1000)
        await node.post(host, body, source, **headers)
    assert ends(node) == moves[1:]
    assert not any(line.event.quiet for line in node.lines())
    assert [line.event.revision for line in node.rows()] == moves[:0:-1]


@pytest.mark.parametrize("moves", MOVES.values(), ids=MOVES)
async def test_k1_every_move_of_a_branch_by_poll(node, moves) -> None:
    source = SourceInfo("repo", branches=("main",))
    for before, after in pairwise(moves):
        node.pass_time()
        seen = change_event(
            source,
            "git.example.org/acme/shop",
            Moved("main", before, after),
            forced=False,
            count=1,
            head=None,
            now=node.now,
        )
        # A crash before the cursor was kept repeats the look.
        assert await node.see(seen)
        node.restart()
        assert not await node.see(seen)
    assert ends(node) == moves[1:]


@pytest.mark.parametrize("previous", [True, False], ids=["with --previous", "without"])
@pytest.mark.parametrize("moves", MOVES.values(), ids=MOVES)
async def test_k1_every_move_of_a_branch_by_hook(node, moves, previous) -> None:
    for before, after in pairwise(moves):
        node.pass_time()
        state = "deleted" if not after else "created" if not before else "pushed"
        options = {"ref": "main", "revision": after or before}
        if previous:
            options["previous"] = before
        assert await node.emit("change", state, **options)
        node.pass_time(1)
        assert not await node.emit("change", state, **options)
    assert ends(node) == moves[1:]


async def test_k1_one_move_by_webhook_poll_and_hook_is_one_line(node) -> None:
    source = SourceInfo("hook", branches=("main",))
    for before, after in pairwise([A, B, A, B]):
        node.pass_time()
        body, headers = push("github", before, after, node.now // 1000)
        await node.post("github", body, source, **headers)
        node.pass_time(5_000)
        seen = change_event(
            source,
            "github.example.org/acme/shop",
            Moved("main", before, after),
            forced=False,
            count=1,
            head=None,
            now=node.now,
        )
        assert not await node.see(seen)
    assert ends(node) == [B, A, B]


async def test_k1_a_late_redelivery_is_no_new_move(node) -> None:
    source = SourceInfo("hook", branches=("main",))
    first, headers = push("github", A, B, node.now // 1000)
    await node.post("github", first, source, **headers)
    node.pass_time()
    back, _ = push("github", B, A, node.now // 1000)
    await node.post("github", back, source, **headers)
    node.pass_time(86_400_000)
    for document in (first, back, first):
        assert not await node.post("github", document, source, **headers)
    assert ends(node) == [B, A]


@pytest.mark.parametrize("host", ["gitlab", "gitea"])
async def test_k1_moves_that_come_in_another_order_end_where_the_branch_is(node, host) -> None:
    """The forge says no time; where each move began tells their order."""
    source = SourceInfo("hook", branches=("main",))
    moves = list(pairwise([A, B, C]))
    for before, after in reversed(moves):
        node.pass_time()
        body, headers = push(host, before, after, 0)
        await node.post(host, body, source, **headers)
    lines = node.lines()
    assert [line.event.revision for line in lines] == [C, B]
    assert [line.transition.value for line in lines] == ["", "outdated"]


async def test_k1_a_return_that_was_heard_first_is_told_after_what_it_returned_from(node) -> None:
    source = SourceInfo("hook", branches=("main",))
    for before, after in ((C, B), (A, B), (B, A)):
        node.pass_time()
        body, headers = push("gitlab", before, after, 0)
        await node.post("gitlab", body, source, **headers)
    assert ends(node) == [B, A, B]


@pytest.mark.parametrize(
    ("told", "last"),
    [([("", A), (A, ""), ("", A)], ""), ([("", C), (C, A)], C), ([("", C), (C, B), (B, A)], C)],
    ids=["a deletion and a creation", "a move", "a visit before"],
)
async def test_k1_a_look_that_missed_moves_makes_no_return_of_a_hook_that_comes_late(
    node, told, last
) -> None:
    """A look says where the branch was at the look before; a hook knows each move."""

    async def hook(before: str, after: str) -> None:
        node.pass_time(100)
        state = "deleted" if not after else "created" if not before else "pushed"
        at = {"ref": "main", "revision": after or before, "previous": before}
        await node.emit("change", state, **at)

    for before, after in told:
        await hook(before, after)
    node.pass_time(100)
    seen = change_event(
        SourceInfo("shop", branches=("main",), service="shop"),
        service_scope("shop"),
        Moved("main", last, B),
        forced=False,
        count=1,
        head=None,
        now=node.now,
    )
    await node.see(seen)
    # It began after this push, and its word is the first.
    await hook(A, B)
    await hook(B, A)
    assert ends(node) == [*(after for _, after in told), B, A]
    assert node.rows()[0].event.revision == A


@pytest.mark.parametrize("late", [2, 3], ids=["after one move", "after two"])
async def test_k1_a_hook_that_runs_late_says_when_the_push_was(node, late) -> None:
    """Looks have told what came after it; a hook of the shell runs in the background."""

    async def look(before: str, after: str) -> None:
        node.pass_time(100)
        seen = change_event(
            SourceInfo("shop", branches=("main",), service="shop"),
            service_scope("shop"),
            Moved("main", before, after),
            forced=False,
            count=1,
            head=None,
            now=node.now,
        )
        await node.see(seen)

    moves = [("", A), (A, B), (B, A), (A, B)][: late + 1]
    pushed: list[int] = []
    for before, after in moves:
        await look(before, after)
        # The look had begun when the push came.
        pushed.append(node.now + 10)
    for (before, after), at in zip(moves, pushed, strict=True):
        node.pass_time(700)
        state = "created" if not before else "pushed"
        ref = {"ref": "main", "revision": after, "previous": before}
        await node.emit("change", state, time=at, **ref)
    assert ends(node) == [after for _, after in moves]


async def test_k1_a_script_cannot_say_what_is_yet_to_come(node) -> None:
    await node.emit("change", "pushed", ref="main", revision=A, time=node.now + 3_600_000)
    assert node.lines()[0].event.time == node.now


async def test_k1_two_collectors_tell_each_move_once(pair) -> None:
    one, other = pair
    source = SourceInfo("hook", branches=("main",))
    for before, after in pairwise([A, B, "", B, A, B]):
        one.pass_time()
        body, headers = push("github", before, after, one.now // 1000)
        for node in pair:
            await node.post("github", body, source, **headers)
    assert ends(one) == ends(other) == [B, "", B, A, B]


async def test_k1_a_suite_that_fails_again(node) -> None:
    for state in ("failed", "succeeded", "failed", "failed"):
        node.pass_time()
        await node.emit("test", state, ref="main", revision=B, title="unit")
    assert node.states() == ["failed", "succeeded", "failed"]
    assert [line.event.state for line in node.rows()] == ["failed"]
    assert [line.transition.value for line in node.lines()] == ["failed", "fixed", "failed"]


async def test_k1_a_script_can_name_what_happened(node) -> None:
    for key in ("night 1", "night 2", "night 2"):
        node.pass_time()
        await node.emit("test", "failed", ref="main", revision=B, title="unit", key=key)
    assert node.states() == ["failed", "failed"]


def deployment(state: str, status: int, deployment: int = 7) -> dict:
    return {
        "action": "created",
        "deployment": {"id": deployment, "environment": "production", "sha": A, "ref": "main"},
        "deployment_status": {"id": status, "state": state},
        "repository": {
            "name": "shop",
            "full_name": "acme/shop",
            "html_url": "https://github.com/acme/shop",
            "default_branch": "main",
        },
        "sender": {"login": "dev1"},
    }


async def test_k1_a_deployment_that_fails_again(node) -> None:
    for status, state in enumerate(("failure", "success", "failure"), 1):
        node.pass_time()
        document = deployment(state, status)
        for _ in range(2):
            await node.post("github", document, x_github_event="deployment_status")
    assert node.states() == ["failure", "success", "failure"]
    assert [line.event.state for line in node.rows()] == ["failure"]


async def test_k1_two_jobs_of_gitlab_deploy_twice(node) -> None:
    body = {
        "object_kind": "deployment",
        "status": "success",
        "environment": "production",
        "project": {"name": "shop", "web_url": "https://gitlab.example.org/acme/shop"},
    }
    for job in (7, 8, 8):
        node.pass_time()
        await node.post("gitlab", body | {"deployable_id": job}, x_gitlab_event="Deployment Hook")
    assert len(node.rows()) == 2


async def test_k1_a_job_that_was_made_anew_counts_from_one(node) -> None:
    def build(number: int) -> dict:
        return {
            "name": "shop",
            "build": {
                "full_url": f"https://ci.example.org/job/shop/{number}/",
                "number": number,
                "phase": "FINALIZED",
                "status": "FAILURE",
                "timestamp": node.now,
                "scm": {"branch": "origin/main"},
            },
        }

    for number in (1, 2, 1, 2):
        node.pass_time(3_600_000)
        document = build(number)
        await node.post("jenkins", document)
        # The plugin tells of the end twice.
        await node.post("jenkins", document)
    assert len(node.lines()) == 4


async def test_k1_an_alert_that_fires_again(node) -> None:
    def alert(status: str, began: str) -> dict:
        return {
            "version": "4",
            "alerts": [
                {
                    "status": status,
                    "labels": {"alertname": "Disk", "job": "shop"},
                    "startsAt": began,
                    "endsAt": "0001-01-01T00:00:00Z",
                    "fingerprint": "f1",
                }
            ],
        }

    for status, began in (
        ("firing", "2027-01-15T08:00:00Z"),
        ("firing", "2027-01-15T08:00:00Z"),
        ("resolved", "2027-01-15T08:00:00Z"),
        ("firing", "2027-01-15T08:05:00Z"),
        ("resolved", "2027-01-15T08:05:00Z"),
    ):
        node.pass_time(180_000)
        await node.post("alertmanager", alert(status, began))
    assert node.states() == ["firing", "resolved", "firing", "resolved"]
    assert [line.transition.value for line in node.lines()] == [
        "new",
        "fixed",
        "regressed",
        "fixed",
    ]


async def test_k5_an_alert_that_fired_for_two_hours_unheard_is_loud_and_says_so(node) -> None:
    node.now += 2 * 3_600_000
    alert = {
        "status": "firing",
        "labels": {"alertname": "Disk", "job": "shop"},
        "startsAt": "2027-01-15T08:00:00Z",
        "fingerprint": "f1",
    }
    (told,) = await node.post("alertmanager", {"version": "4", "alerts": [alert]})
    assert not told.quiet
    (line,) = node.lines()
    from devstream_desktop.stream.line import told as text

    assert "firing since 2h00m: Disk" in text(line)


async def test_k5_a_feed_without_numbers_tells_each_change(node) -> None:
    from devstream_collectors.kit.place import Place
    from devstream_collectors.kit.run import Run, run_event

    for state in ("failed", "succeeded", "failed"):
        node.pass_time()
        place = Place(SourceInfo("tray"), node.now, "cctray/ci.example.org", "shop")
        await node.see(run_event(Run(pipeline="shop", run="last", state=state), place))
    assert [line.transition.value for line in node.lines()] == ["failed", "fixed", "failed"]
    assert not any(line.event.quiet for line in node.lines())
