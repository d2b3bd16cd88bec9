"""Azure DevOps asked through its API: the rows of its hooks, nothing missed."""

from __future__ import annotations

import json

import pytest
from collecting import assert_event

from devstream_collectors.contract import SourceInfo
from devstream_collectors.sources import azuredevops
from devstream_collectors.sources.azuredevops import poll as azuredevops_poll

URL = "https://dev.azure.com/acme"
API = "/Web/_apis"
GIT = f"{API}/git/repositories/shop"
B = "b" * 40
PROJECT = {"id": "x", "name": "Web"}


def resource(samples, name: str) -> dict[str, object]:
    return json.loads(samples("azuredevops")[name])["resource"]


@pytest.fixture
def az(rounds, samples):
    az = rounds(azuredevops, SourceInfo("az", url=URL, options={"repository": "Web/shop"}))
    az.say(GIT, resource(samples, "git.push")["repository"])
    for path in (f"{GIT}/pushes", f"{GIT}/pullrequests", f"{API}/build/builds"):
        az.say(path, {"count": 0, "value": []})
    az.say(f"{API}/wit/wiql", {"workItems": []})
    return az


@pytest.fixture
def hook(reader):
    return reader("azuredevops", azuredevops.normalise)


def test_first_contact_tells_no_history(az, samples):
    az.say(f"{GIT}/pushes", {"value": [resource(samples, "git.push")]})
    az.say(f"{GIT}/pullrequests", {"value": [resource(samples, "git.pullrequest.updated")]})
    assert az.round() == az.round() == []
    assert all("api-version=6.0" in path for path in az.asked)


def test_a_push_is_the_row_of_its_hook(az, hook, row, samples):
    az.round()
    push = {
        key: value for key, value in resource(samples, "git.push").items() if key != "repository"
    }
    az.say(
        f"{GIT}/pushes",
        {"value": [{key: value for key, value in push.items() if key != "commits"}]},
    )
    az.say(f"{GIT}/pushes/14", push)
    (told,) = az.round()
    assert row(told) == row(hook.event("git.push"))
    assert_event(told, time=hook.event("git.push").time, count=2, url=hook.event("git.push").url)
    assert az.round() == []


def test_a_completed_pull_request_is_the_row_of_its_hook(az, hook, row, samples):
    az.round()
    pull = resource(samples, "git.pullrequest.updated") | {
        "closedBy": {"displayName": "Bo Dahl"},
        "repository": {"name": "shop"},
    }
    az.say(f"{GIT}/pullrequests", {"value": [pull]})
    (merge,) = az.round()
    assert row(merge) == row(hook.event("git.pullrequest.updated"))
    assert az.round() == []


def test_a_build_is_the_row_of_its_hook_at_each_step(az, hook, row, samples):
    az.round()
    over = resource(samples, "build.complete")
    begun = over | {"status": "inProgress", "result": None, "finishTime": None}
    az.say(f"{API}/build/builds", {"value": [begun]})
    (running,) = az.round()
    assert_event(running, state="running", subject="build/shop/main/Shop CI@7", number="93")
    az.say(f"{API}/build/builds", {"value": []})
    az.say(f"{API}/build/builds/93", over)
    (failed,) = az.round()
    assert row(failed) == row(hook.event("build.complete")), (
        "it left the first page and is asked for by itself"
    )
    az.say(f"{API}/build/builds", {"value": [over]})
    assert az.round() == []


def test_releases_of_services_have_an_address_of_their_own(rounds, az, hook, row, samples):
    assert not any("/release/" in path for path in az.asked)
    rm = rounds(
        azuredevops,
        SourceInfo("rm", url="https://vsrm.dev.azure.com/acme", options={"repository": "Web/shop"}),
    )
    path = f"{API}/release/deployments"
    rm.say(path, {"value": []})
    rm.round()
    sample = resource(samples, "deployment-completed")
    done = sample["deployment"] | {
        "release": sample["environment"]["release"],
        "releaseEnvironment": {"id": 5, "name": "Production"},
    }
    rm.say(path, {"value": [done | {"deploymentStatus": "inProgress", "completedOn": None}]})
    (started,) = rm.round()
    assert row(started) == row(hook.event("deployment-started"))
    rm.say(path, {"value": [done]})
    (over,) = rm.round()
    assert row(over) == row(hook.event("deployment-completed"))
    assert rm.round() == []
    assert set(rm.asked) == {f"{path}?%24top=30&queryOrder=descending&api-version=6.0"}
    server = rounds(
        azuredevops,
        SourceInfo(
            "tfs", url="https://tfs.example.org/tfs/Shop", options={"repository": "Web/shop"}
        ),
    )
    server.like(az)
    server.like(rm)
    server.round()
    assert any("/release/" in path for path in server.asked), "a server has them with the rest"


def test_work_items_are_the_rows_of_their_hooks(az, hook, row, samples):
    az.now -= 24 * 3_600_000
    az.round()
    az.now += 24 * 3_600_000
    item = resource(samples, "workitem.created")
    az.say(f"{API}/wit/wiql", {"workItems": [{"id": 912}]})
    az.say(f"{API}/wit/workitems", {"value": [item]})
    (opened,) = az.round()
    assert row(opened) == row(hook.event("workitem.created"))
    changed = "2027-01-15T07:59:00.663Z"
    moved = item | {
        "fields": item["fields"]
        | {"System.State": "Closed", "Microsoft.VSTS.Common.StateChangeDate": changed}
    }
    az.say(f"{API}/wit/workitems", {"value": [moved]})
    first = {
        "id": 1,
        "fields": {
            "System.State": {"newValue": "New"},
            "System.ChangedDate": {"newValue": "2027-01-15T07:58:00.663Z"},
        },
    }
    update = {
        key: value
        for key, value in resource(samples, "workitem.updated").items()
        if key != "revision"
    }
    az.say(f"{API}/wit/workItems/912/updates", {"value": [first, update]})
    (closed,) = az.round()
    assert row(closed) == row(hook.event("workitem.updated"))
    az.say(f"{API}/wit/workitems", {"value": [moved]})
    assert az.round() == []


def test_a_repository_is_a_project_and_a_name():
    for name in ("shop", "Web/shop/x", "Web/.."):
        with pytest.raises(ValueError, match="PROJECT/REPOSITORY"):
            azuredevops.check(SourceInfo("az", options={"repository": name}))
    azuredevops.check(SourceInfo("az", options={"repository": "Our Web/The shop"}))


def test_any_answers_leave_a_cursor_that_the_next_round_can_read(az, any_answers, samples):
    names = (
        "git.push",
        "git.pullrequest.updated",
        "build.complete",
        "deployment-completed",
        "workitem.created",
        "workitem.updated",
    )
    any_answers(azuredevops_poll, az.source, [resource(samples, name) for name in names])
