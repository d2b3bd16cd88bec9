"""K2: two things never share a row. K3: older work does not outrank newer."""

from __future__ import annotations

import pytest

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.decoding import iso
from devstream_desktop.history.reader import Reader
from devstream_desktop.stream.line import told

A, B, C = "a" * 40, "b" * 40, "c" * 40


def texts(node) -> list[str]:
    return [told(line) for line in node.lines()]


def meanings(node) -> list[str]:
    return [line.transition.value for line in node.lines()]


def run(
    number: int,
    conclusion: str,
    revision: str = A,
    *,
    workflow: int = 1,
    file: str = "ci.yml",
    owner: str = "acme",
    attempt: int = 1,
) -> dict:
    """A finished workflow run as GitHub posts it."""
    return {
        "action": "completed",
        "workflow_run": {
            "id": 1000 + number * 10 + workflow,
            "workflow_id": workflow,
            "run_number": number,
            "run_attempt": attempt,
            "name": "CI",
            "path": f".github/workflows/{file}",
            "head_branch": "main",
            "head_sha": revision,
            "status": "completed",
            "conclusion": conclusion,
        },
        "repository": {
            "name": "shop",
            "full_name": f"{owner}/shop",
            "html_url": f"https://github.com/{owner}/shop",
            "default_branch": "main",
        },
    }


async def post(node, document: dict) -> None:
    node.pass_time()
    await node.post("github", document, x_github_event="workflow_run")


async def test_k2_two_suites_of_one_commit(node) -> None:
    for title in ("unit", "integration"):
        await node.emit("test", "failed", ref="main", revision=B, title=title)
    assert len({line.event.key for line in node.lines()}) == 2
    assert [line.event.title for line in node.rows()] == ["integration", "unit"]


async def test_k2_one_suite_does_not_mend_another(node) -> None:
    await node.emit("test", "failed", ref="main", revision=B, title="unit")
    await node.emit("test", "succeeded", ref="main", revision=B, title="lint")
    assert texts(node) == [
        "shop  unit FAILED on main at bbbbbbb",
        "shop  lint passed on main at bbbbbbb",
    ]
    assert len(node.rows()) == 2


async def test_k2_two_workflows_of_one_name(node) -> None:
    await post(node, run(1, "failure"))
    await post(node, run(1, "success", workflow=2, file="nightly.yml"))
    await post(node, run(2, "failure"))
    assert meanings(node) == ["failed", "", "still failing"]
    assert texts(node)[1] == "shop  CI (nightly.yml) passed on main at aaaaaaa"
    assert texts(node)[2].startswith("shop  CI (ci.yml) still failing")


async def test_k2_two_repositories_of_one_name(node) -> None:
    await post(node, run(1, "failure"))
    await post(node, run(1, "success", owner="beta"))
    assert meanings(node) == ["failed", ""]
    assert len(node.rows()) == 2


async def test_k2_two_pods_of_one_alert(node) -> None:
    def alert(pod: str, status: str) -> dict:
        return {
            "status": status,
            "labels": {"alertname": "Memory", "job": "shop", "pod": pod},
            "startsAt": "2027-01-15T07:59:00Z",
        }

    await node.post(
        "alertmanager",
        {"version": "4", "alerts": [alert("a", "firing"), alert("b", "firing")]},
    )
    await node.post("alertmanager", {"version": "4", "alerts": [alert("a", "resolved")]})
    assert meanings(node) == ["new", "new", "fixed"]
    assert sorted(line.event.state for line in node.rows()) == ["firing", "resolved"]


async def test_k2_two_tickets_of_one_number(node) -> None:
    def issue(owner: str, action: str) -> dict:
        at = "2027-01-15T08:00:00Z"
        return {
            "action": action,
            "issue": {"number": 7, "title": owner, "created_at": at, "closed_at": at},
            "repository": {
                "name": "shop",
                "full_name": f"{owner}/shop",
                "html_url": f"https://github.com/{owner}/shop",
            },
            "sender": {"login": "dev1"},
        }

    await node.post("github", issue("acme", "opened"), x_github_event="issues")
    await node.post("github", issue("beta", "closed"), x_github_event="issues")
    assert sorted(line.event.state for line in node.rows()) == ["closed", "opened"]


@pytest.mark.parametrize("outcome", ["failure", "success"])
async def test_k8_what_is_no_longer_there_hides_no_outcome(node, outcome) -> None:
    for state in ("in_progress", outcome, "inactive"):
        await node.emit("deploy", state, environment="production", revision=B)
        node.pass_time()
    assert [line.event.state for line in node.rows()] == ["inactive", outcome]


async def test_k3_a_result_for_an_older_commit_changes_nothing(node) -> None:
    await post(node, run(2, "success", C))
    await post(node, run(1, "failure", B))
    await post(node, run(3, "success", A))
    assert meanings(node) == ["", "outdated", ""]
    assert texts(node)[1] == "shop  CI FAILED on main at bbbbbbb · for an older commit"


async def test_k3_an_older_commit_run_again_is_older_still(node) -> None:
    await post(node, run(1, "failure", B))
    await post(node, run(2, "success", C))
    await post(node, run(1, "failure", B, attempt=2))
    assert meanings(node) == ["failed", "fixed", "outdated"]


async def test_k3_the_newest_commit_run_again_is_news(node) -> None:
    await post(node, run(2, "failure", C))
    await post(node, run(2, "success", C, attempt=2))
    assert meanings(node) == ["failed", "fixed"]


def gitlab(number: int, status: str) -> tuple[str, dict, dict]:
    attributes = {"id": number, "ref": "main", "sha": A, "status": status}
    project = {"name": "shop", "web_url": "https://gitlab.example.org/acme/shop"}
    body = {"object_kind": "pipeline", "object_attributes": attributes, "project": project}
    return "gitlab", body, {"x_gitlab_event": "Pipeline Hook"}


def jenkins(number: int, status: str) -> tuple[str, dict, dict]:
    build = {
        "full_url": f"https://ci.example.org/job/shop/{number}/",
        "number": number,
        "phase": "FINALIZED",
        "status": {"success": "SUCCESS", "failed": "FAILURE"}[status],
        "timestamp": 1_799_999_000_000 + number * 1000,
    }
    return "jenkins", {"name": "shop", "build": build}, {}


def buildkite(number: int, status: str) -> tuple[str, dict, dict]:
    page = "https://buildkite.com/acme/shop"
    build = {
        "number": number,
        "state": {"success": "passed", "failed": "failed"}[status],
        "branch": "main",
        "commit": A,
        "web_url": f"{page}/builds/{number}",
        "finished_at": f"2027-01-15T07:5{number}:00Z",
    }
    pipeline = {"name": "Shop", "slug": "shop", "default_branch": "main", "web_url": page}
    body = {"event": "build.finished", "build": build, "pipeline": pipeline}
    return "buildkite", body, {"x_buildkite_event": "build.finished"}


def teamcity(number: int, status: str) -> tuple[str, dict, dict]:
    build = {
        "id": number,
        "number": str(number),
        "status": {"success": "SUCCESS", "failed": "FAILURE"}[status],
        "state": "finished",
        "buildTypeId": "Shop_Build",
        "branchName": "main",
        "defaultBranch": True,
        "webUrl": f"https://ci.example.org/build/{number}",
    }
    return "teamcity", {"eventType": "BUILD_FINISHED", "payload": build}, {}


def circleci(number: int, status: str) -> tuple[str, dict, dict]:
    body = {
        "type": "workflow-completed",
        "project": {"name": "shop"},
        "workflow": {"id": f"w{number}", "name": "build", "status": status},
        "pipeline": {"number": number, "vcs": {"branch": "main", "revision": A}},
    }
    return "circleci", body, {}


def azure(number: int, status: str) -> tuple[str, dict, dict]:
    resource = {
        "id": number,
        "status": "completed",
        "result": {"success": "succeeded", "failed": "failed"}[status],
        "definition": {"id": 7, "name": "Shop CI"},
        "sourceBranch": "refs/heads/main",
        "sourceVersion": A,
        "finishTime": f"2027-01-15T07:5{number}:00Z",
        "url": "https://dev.azure.com/acme/shop/_apis/build/Builds/1",
    }
    return "azuredevops", {"eventType": "build.complete", "resource": resource}, {}


def gitea(number: int, status: str) -> tuple[str, dict, dict]:
    run = {
        "id": number,
        "path": "ci.yml@refs/heads/main",
        "conclusion": {"success": "success", "failed": "failure"}[status],
        "status": "completed",
        "head_branch": "main",
        "head_sha": A,
    }
    repository = {
        "name": "shop",
        "full_name": "acme/shop",
        "html_url": "https://git.example.org/acme/shop",
        "default_branch": "main",
    }
    body = {"action": "completed", "workflow_run": run, "repository": repository}
    return "gitea", body, {"x_gitea_event": "workflow_run"}


@pytest.mark.parametrize("service", [gitlab, jenkins, buildkite, teamcity, circleci, azure, gitea])
async def test_k3_every_source_that_counts_its_runs(node, service) -> None:
    for number, status in ((2, "success"), (1, "failed"), (3, "failed")):
        node.pass_time()
        kind, body, headers = service(number, status)
        assert await node.post(kind, body, **headers), (kind, number)
    assert meanings(node) == ["", "outdated", "failed"]


async def test_k2_two_projects_of_circleci(node) -> None:
    def done(project: str, number: int, status: str) -> dict:
        home = f"https://github.com/acme/{project}"
        return {
            "type": "workflow-completed",
            "project": {"name": project},
            "workflow": {"id": f"{project}{number}", "name": "build", "status": status},
            "pipeline": {
                "number": number,
                "vcs": {"branch": "main", "revision": A, "target_repository_url": home},
            },
        }

    for project, number, status in (("shop", 4, "failed"), ("pay", 4, "success")):
        await node.post("circleci", done(project, number, status))
    assert meanings(node) == ["failed", ""]
    assert len(node.rows()) == 2


async def test_k2_one_monitor_that_is_up_does_not_mend_another(node) -> None:
    def beat(name: str, number: int, up: bool) -> dict:
        return {
            "monitor": {"id": number, "name": name},
            "heartbeat": {"status": int(up), "time": "2027-01-15 08:00:00", "msg": "502"},
        }

    for name, number, up in (("shop", 1, False), ("pay", 2, False), ("pay", 2, True)):
        node.pass_time()
        await node.post("uptimekuma", beat(name, number, up))
    assert meanings(node) == ["new", "new", "fixed"]
    with Reader(node.history.path) as reader:
        assert [thing.service for thing in reader.red_now()] == ["shop"]


@pytest.mark.parametrize("kind", ["alertmanager", "grafana"])
async def test_k2_two_clusters_with_an_alert_of_the_same_labels(node, kind) -> None:
    def alert(status: str) -> dict:
        one = {"status": status, "labels": {"alertname": "Disk"}, "startsAt": iso(node.now)}
        return {"status": status, "alerts": [one]}

    for environment, status in (
        ("production", "firing"),
        ("staging", "firing"),
        ("staging", "resolved"),
    ):
        node.pass_time()
        source = SourceInfo(environment, environment=environment)
        await node.post(kind, alert(status), source)
    with Reader(node.history.path) as reader:
        assert [thing.environment for thing in reader.red_now()] == ["production"]
