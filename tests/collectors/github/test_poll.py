"""GitHub's poller: any answer is understood or refused, and its cursor is always read again."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devstream_collectors.contract import Response, SourceInfo
from devstream_collectors.kit.decoding import iso
from devstream_collectors.sources import github
from devstream_collectors.sources.github import poll as github_poll
from devstream_collectors.sources.github.poll import parse, requests

SOURCE = SourceInfo(
    "gh", ("main", "release/*"), url="https://api.github.com", options={"repository": "acme/shop"}
)
NOW = 1_800_000_000_000
NAMES = [
    "id", "sha", "ref", "object", "status", "conclusion", "merged_at", "number", "created_at",
    "event", "issue", "name", "full_name", "default_branch", "state", "workflow_runs",
    "head_branch", "commit", "message", "author", "login", "total_commits",
]  # fmt: skip
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 1 << 70)
    | st.text(max_size=8)
    | st.sampled_from(["main", "refs/heads/main", "completed", "success"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6)
    ),
    max_leaves=12,
)


def test_what_is_asked():
    asked = [request.path for request in requests(b"", SOURCE, NOW)]
    assert asked == [
        "/repos/acme/shop",
        "/repos/acme/shop/git/matching-refs/heads/main",
        "/repos/acme/shop/git/matching-refs/heads/release/",
        "/repos/acme/shop/pulls?state=closed&sort=updated&direction=desc&per_page=30",
        "/repos/acme/shop/actions/runs?per_page=30",
        "/repos/acme/shop/deployments?per_page=30",
        "/repos/acme/shop/issues?state=all&sort=created&direction=desc&per_page=30",
        "/repos/acme/shop/issues/events?per_page=50",
        "/repos/acme/shop/pages/builds?per_page=10",
        *(
            f"/repos/acme/shop/{sort}/alerts?sort=updated&direction=desc&per_page=30"
            for sort in ("dependabot", "code-scanning", "secret-scanning")
        ),
    ]


@pytest.mark.parametrize(
    "name",
    [
        "shop",
        "acme/shop/x",
        "acme/..",
        "../shop",
        "acme/shop?x=1",
        "https://github.com/acme/shop",
        "acme/sh op",
    ],
)
def test_a_repository_is_an_owner_and_a_name(name):
    with pytest.raises(ValueError, match="OWNER/NAME"):
        github.check(SourceInfo("gh", options={"repository": name}))
    github.check(SOURCE)
    github.check(SourceInfo("gh"))


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_any_answers_of_a_round_leave_a_cursor_that_the_next_can_read(data):
    cursor = b""
    for _ in range(3):
        waiting = list(requests(cursor, SOURCE, NOW))
        for _ in range(12):
            if not waiting:
                break
            request = waiting.pop(data.draw(st.integers(0, len(waiting) - 1)))
            body = json.dumps(data.draw(JSON | st.lists(JSON, max_size=4))).encode()
            status = data.draw(st.sampled_from([200, 200, 404])) if request.missing_ok else 200
            with contextlib.suppress(ValueError):
                polled = parse(Response(request, status, {}, body, NOW), cursor, SOURCE)
                cursor, waiting = polled.cursor, [*waiting, *polled.requests]
                assert 0 < len(cursor) < 64 * 1024
                assert all(event.key for event in polled.events)


def test_more_branches_than_can_be_followed_hold_up_no_other(rounds):
    home = "/repos/acme/shop"
    hub = rounds(github, SOURCE)
    refs = f"{home}/git/matching-refs/heads"

    def heads(*named: tuple[str, str]) -> list[dict[str, object]]:
        return [{"ref": f"refs/heads/{name}", "object": {"sha": sha}} for name, sha in named]

    hub.say(home, {"full_name": "acme/shop", "default_branch": "main"})
    hub.say(f"{refs}/main", heads(("main", "a" * 40)))
    hub.say(f"{refs}/release/", heads(("release/1", "a" * 40)))
    hub.say(f"{home}/actions/runs", {"workflow_runs": []})
    for path in ("pulls", "deployments", "issues", "issues/events", "commits"):
        hub.say(f"{home}/{path}", [])
    hub.round()
    many = heads(*((f"release/{number:0200}", "a" * 40) for number in range(1200)))
    hub.say(f"{refs}/release/", many)
    hub.say(f"{refs}/main", heads(("main", "b" * 40)))
    (push,) = hub.round(but="name fewer with --branch")
    assert push.ref == "main"
    assert hub.errors
    hub.say(f"{refs}/release/", heads(("release/1", "a" * 40)))
    assert hub.round() == []


def test_no_text_of_a_deployment_makes_the_cursor_large():
    payload = {"devstream_request": "r" * 70_000, "devstream_executor": "e" * 70_000}
    bodies = [{"id": 7, "environment": "production", "sha": "a" * 40, "payload": payload}]
    asked = next(one for one in requests(b"", SOURCE, NOW) if "/deployments" in one.path)
    polled = parse(Response(asked, 200, {}, json.dumps(bodies).encode(), NOW), b"", SOURCE)
    assert len(polled.cursor) < 2000


@pytest.fixture
def hub(rounds):
    """A repository whose lists are empty."""
    home = "/repos/acme/shop"
    hub = rounds(github, SourceInfo("gh", url=SOURCE.url, options=SOURCE.options))
    hub.say(home, {"full_name": "acme/shop", "default_branch": "main"})
    head = {"ref": "refs/heads/main", "object": {"sha": "a" * 40}}
    hub.say(f"{home}/git/matching-refs/heads/main", [head])
    hub.say(f"{home}/actions/runs", {"workflow_runs": []})
    for path in ("pulls", "deployments", "issues", "issues/events"):
        hub.say(f"{home}/{path}", [])
    return hub


@pytest.mark.parametrize("path", ["issues", "pulls"])
def test_many_pull_requests_that_make_no_line_are_no_gap(hub, path):
    items: list[dict[str, object]] = []
    home = f"/repos/acme/shop/{path}"

    def add(count: int, **more: object) -> None:
        for _ in range(count):
            at = iso(NOW - 400 * 3_600_000 + len(items) * 60_000)[:19] + "Z"
            one = {"number": len(items) + 1, "title": "t", "created_at": at, "updated_at": at}
            items.insert(0, one | more)
        for page in range(6):
            suffix = f"&page={page + 1}" if page else ""
            state = "all&sort=created" if path == "issues" else "closed&sort=updated"
            query = f"?state={state}&direction=desc&per_page=30{suffix}"
            hub.say(home + query, items[page * 30 : page * 30 + 30])

    add(1, merged_at=None)
    hub.round()
    for _ in range(8):
        add(25, pull_request={"url": "x"}, merged_at=None)
        assert hub.round() == []
    hub.asked.clear()
    add(1, pull_request={"url": "x"}, merged_at=None)
    assert hub.round() == []
    assert hub.gaps == []
    assert sum(asked.startswith(f"{home}?") for asked in hub.asked) == 1


def test_every_request_can_be_parsed():
    assert github_poll.poller.steps >= {
        json.loads(request.tag)[0] for request in requests(b"", SOURCE, NOW)
    }


def test_a_default_branch_that_is_renamed_fails_no_round(rounds):
    service = rounds(github, SourceInfo("gh", url=SOURCE.url, options=SOURCE.options))

    def say(default: str) -> None:
        heads = [{"ref": f"refs/heads/{default}", "object": {"sha": "a" * 40}}]
        for path, answer in {
            "": {
                "full_name": "acme/shop",
                "default_branch": default,
                "html_url": "https://github.com/acme/shop",
            },
            "/git/matching-refs/heads/master": [],
            f"/git/matching-refs/heads/{default}": heads,
            "/actions/runs": {"workflow_runs": []},
            **{path: [] for path in ("/pulls", "/deployments", "/issues", "/issues/events")},
        }.items():
            service.say(f"/repos/acme/shop{path}", answer)

    say("master")
    assert service.round() == []
    say("main")
    assert service.round() == []
    assert service.dropped == {"not-a-global-branch": 1}
    assert service.round() == []


def test_every_sort_of_answer_is_read_whatever_form_its_fields_have(rounds):
    """The fields of each answer are changed by `rounds` itself; see `sorts.py`."""
    service = rounds(github, SourceInfo("gh", url=SOURCE.url, options=SOURCE.options))
    at = "2027-01-15T07:59:00Z"
    home = {"full_name": "acme/shop", "name": "shop", "html_url": "https://github.com/acme/shop"}
    issue = {"number": 4, "title": "Coupon twice", "html_url": "https://github.com/i/4"}
    issue |= {"created_at": at, "updated_at": at, "user": {"login": "dev1"}}
    answers = {
        "": home | {"default_branch": "main", "pushed_at": at},
        "/git/matching-refs/heads/main": [],
        "/pulls": [],
        "/actions/runs": {"workflow_runs": []},
        "/deployments": [],
        "/issues": [],
        "/issues/events": [],
    }

    def say(**said: object) -> None:
        for path, answer in (answers | said).items():
            service.say(f"/repos/acme/shop{path}", answer)

    def heads(commit: str) -> list[object]:
        return [{"ref": "refs/heads/main", "object": {"sha": commit * 40}}]

    said: dict[str, object] = {"/git/matching-refs/heads/main": heads("a")}
    say(**said)
    assert service.round() == []
    user = {"login": "dev1"}
    said["/git/matching-refs/heads/main"] = heads("b")
    compared = f"/compare/{'a' * 40}...{'b' * 40}"
    said[compared] = {"status": "ahead", "total_commits": 2}
    inner = {"message": "Retry", "author": {"name": "dev1"}}
    commit = {"html_url": "https://github.com/c/b", "commit": inner, "author": user}
    said["/commits"] = [commit]
    pull = {"number": 7, "title": "Retry", "merged_at": at, "updated_at": at, "base": {}}
    pull["base"] = {"ref": "main"}
    said["/pulls"] = [pull | {"merge_commit_sha": "b" * 40, "html_url": "https://github.com/p/7"}]
    said["/pulls/7"] = said["/pulls"][0] | {"merged": True, "merged_by": user, "commits": 2}
    run = {"id": 9, "workflow_id": 3, "run_attempt": 1, "run_number": 5, "name": "CI"}
    run |= {"path": ".github/workflows/ci.yml", "event": "push", "status": "completed"}
    run |= {"conclusion": "failure", "head_branch": "main", "head_sha": "b" * 40, "actor": user}
    run |= {"updated_at": at, "run_started_at": at, "display_title": "Retry"}
    said["/actions/runs"] = {"workflow_runs": [run | {"repository": home, "head_repository": home}]}
    deployment = {"id": 6, "environment": "production", "sha": "b" * 40, "ref": "main"}
    said["/deployments"] = [deployment | {"creator": user, "updated_at": at}]
    status = {"id": 61, "state": "success", "created_at": at, "description": "", "log_url": ""}
    said["/deployments/6/statuses"] = [status]
    said["/issues"] = [issue]
    closed = {"id": 71, "event": "closed", "created_at": at, "actor": user, "issue": issue}
    said["/issues/events"] = [closed]
    say(**said)
    events = service.round()
    assert {(one.kind, one.state) for one in events} == {
        ("change", "pushed"),
        ("change", "merged"),
        ("build", "failed"),
        ("deploy", "success"),
        ("ticket", "opened"),
        ("ticket", "closed"),
    }
