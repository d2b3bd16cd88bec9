"""The traits of single back ends: moved refs, locks of their own, addresses that lead elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest
from deploy_backends import SECRETS, Place, make
from msgspec import structs
from real_git import commit, git

from devstream_desktop.control.messages.deploys import PlanDeploy
from devstream_desktop.deploy.backends.contract import Unsure
from devstream_desktop.deploy.backends.following import filled
from devstream_desktop.deploy.request import Action
from devstream_desktop.stream.run_mark import REQUEST
from devstream_desktop.stream.text import short_revision

from .conftest import ASKER


@pytest.fixture
async def place_of(sha) -> AsyncIterator[Callable[[str], Awaitable[Place]]]:
    made: list[Place] = []

    async def start(name: str) -> Place:
        made.append(await asyncio.to_thread(make, name, sha))
        return made[-1]

    yield start
    for one in made:
        await asyncio.to_thread(one.service.close)


async def deployed(room, place, **changes):
    place.write(room)
    await room.start(backends=place.backends, secret=SECRETS.get)
    room.deploys._runner._search_s = 0.05
    event = room.request(**changes)
    await room.ask(event)
    return await room.news.final(event.key)


@pytest.mark.parametrize("name", ["github-workflow", "gitlab"])
async def test_a_ref_that_moved_is_cancelled_and_said(room, place_of, name):
    place = await place_of(name)
    place.service.head_sha = "9" * 40
    place.service.states = ["in_progress"]
    done = await deployed(room, place)
    assert done.state in ("error", "cancelled")
    assert place.service.runs[0]["cancelled"]


@pytest.mark.parametrize("name", ["github-workflow", "gitlab"])
async def test_a_ref_that_moved_unseen_is_no_success(room, place_of, name):
    place = await place_of(name)
    place.service.head_sha = "9" * 40
    place.service.states = ["success"]
    done = await deployed(room, place)
    assert done.state == "error"
    assert "ref moved" in done.reason
    assert "9999999999 instead" in done.reason


@pytest.mark.parametrize("name", ["github-workflow", "gitlab"])
async def test_without_a_ref_nothing_is_sent(room, place_of, name):
    place = await place_of(name)
    done = await deployed(room, place, ref="")
    assert done.state == "error"
    assert "branch or tag" in done.reason
    assert place.service.asked == []


@pytest.mark.parametrize("name", ["github-workflow", "github-old", "gitlab"])
async def test_a_branch_that_moved_on_starts_nothing_of_another_commit(room, place_of, name):
    place = await place_of(name)
    assert (await deployed(room, place)).state == "success"
    assert len(place.service.runs) == 1
    place.service.tip = place.service.head_sha = "9" * 40
    back = room.request(action=Action.ROLLBACK)
    await room.ask(back)
    done = await room.news.final(back.key)
    assert done.state == "error"
    assert "main is at 9999999999 there, not at 4f4f4f4f4f" in done.reason
    again = room.request()
    # The lock of a rollback would be in the way, if there had been one.
    await room.ask(again)
    assert (await room.news.final(again.key)).state == "error"
    assert len(place.service.runs) == 1


@pytest.mark.parametrize("name", ["github-workflow", "gitlab"])
@pytest.mark.parametrize("trouble", ["hides_tip", "silent"])
async def test_a_branch_that_cannot_be_looked_up_starts_nothing(room, place_of, name, trouble):
    place = await place_of(name)
    setattr(place.service, trouble, True)
    done = await deployed(room, place)
    assert done.state == "error"
    assert "does not tell where main is" in done.reason
    assert place.service.runs == []
    assert not [one for one in place.service.asked if one.method == "POST"]


@pytest.mark.process
@pytest.mark.parametrize("name", ["github-workflow", "gitlab"])
async def test_no_rollback_is_offered_where_the_tip_of_the_branch_would_run(
    room, place_of, name, tmp_path
):
    git(tmp_path, "init", "-q", "repository")
    repository = tmp_path / "repository"
    place = await place_of(name)
    place.service.states = ["success"]
    place.write(room, f'repository = "{repository}"\nrollback_locks = false')
    deploys = await room.start(backends=place.backends, secret=SECRETS.get)
    for subject in ("one", "two"):
        sha = commit(repository, subject)
        place.service.tip = place.service.head_sha = sha
        event = room.request(sha=sha)
        await room.ask(event)
        assert (await room.news.final(event.key)).state == "success"
        room.clock.ms += 1000
    plan = PlanDeploy(target="shop", environment="production", action="rollback")
    found = await deploys.plan(plan, ASKER)
    assert not found.allowed
    assert f"main is now at {short_revision(sha)}" in found.reason
    assert "roll back with its ref" in found.reason
    back = room.request(sha=found.sha, ref=found.ref, action=Action.ROLLBACK)
    await room.ask(back)
    assert (await room.news.final(back.key)).state == "refused"
    assert len(place.service.runs) == 2
    # As the advice says.
    git(repository, "branch", "back", found.sha)
    place.service.tip = place.service.head_sha = found.sha
    plan = structs.replace(plan, sha=found.sha, ref="back")
    assert (await deploys.plan(plan, ASKER)).allowed
    back = room.request(sha=found.sha, ref="back", action=Action.ROLLBACK)
    await room.ask(back)
    assert (await room.news.final(back.key)).state == "success"


async def test_argocd_has_a_lock_of_its_own(room, place_of):
    place = await place_of("argocd")
    place.service.runs = [{"infos": [{"name": "devstream", "value": "another"}]}]
    place.service.states = ["running"]
    done = await deployed(room, place)
    assert (done.state, len(place.service.runs)) == ("error", 1)
    assert "another operation is already in progress" in done.reason


@pytest.mark.parametrize(("health", "state"), [("Degraded", "failure"), ("Healthy", "success")])
async def test_argocd_is_done_when_it_is_healthy(room, place_of, health, state):
    place = await place_of("argocd")
    place.service.states, place.service.health = ["success"], "Progressing"
    place.write(room)
    deploys = await room.start(backends=place.backends, secret=SECRETS.get)
    event = room.request()
    await room.ask(event)
    async with asyncio.timeout(20):
        while "Progressing" not in deploys.status().running[0].last:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    place.service.health = health
    done = await room.news.final(event.key)
    assert done.state == state
    assert ("Degraded: 2 of 3 pods" in done.reason) == (state == "failure")


async def test_another_operation_in_its_place_is_unknown(room, place_of):
    place = await place_of("argocd")
    place.service.states = ["running"]
    place.write(room)
    await room.start(backends=place.backends, secret=SECRETS.get)
    event = room.request()
    await room.ask(event)
    place.service.runs.append({"infos": [{"name": REQUEST, "value": "another"}]})
    assert (await room.news.final(event.key)).state == "unknown"


async def test_jenkins_forgets_the_queue_item(room, place_of):
    place = await place_of("jenkins")
    place.service.forgets, place.service.waits = True, 2
    done = await deployed(room, place)
    assert done.state == "success"
    # The address in its answer names another host, which nobody asked.
    assert all(one.path.startswith(("/job/shop", "/queue")) for one in place.service.asked)


@pytest.mark.parametrize("address", ["http://[", "http://a:b/", "ftp://[::1", "//[x]y/"])
async def test_an_answer_with_a_broken_address_may_have_begun_a_run(room, place_of, address):
    place = await place_of("jenkins")
    route = place.service.route

    def broken(asked):
        status, body, headers = route(asked)
        return (302, body, {"location": address}) if "location" in headers else (status, body, {})

    place.service.route = broken
    done = await deployed(room, place)
    assert (done.state, len(place.service.runs)) == ("success", 1)


@pytest.mark.parametrize("address", ["http://[", "//[x]y", "http://a:b/"])
async def test_a_webhook_with_a_broken_status_address_is_unknown(room, place_of, address):
    place = await place_of("webhook")
    place.table = f'url = "{place.service.url}/deploy"\nsecret = "HOOK"'
    place.service.faults = [(202, {"status_url": address})]
    done = await deployed(room, place)
    assert done.state == "unknown"
    assert "lost sight" not in done.reason


@pytest.mark.parametrize("page", ["javascript:alert(1)", "http://[", "https://x/" + "a" * 600])
async def test_a_page_that_is_no_web_address_is_none(room, place_of, page):
    place = await place_of("webhook")
    place.table = f'url = "{place.service.url}/deploy"\nsecret = "HOOK"'
    url = f"{place.service.url}/runs/1"
    place.service.faults = [(202, {"status_url": url, "url": page})]
    place.write(room)
    deploys = await room.start(backends=place.backends, secret=SECRETS.get)
    await room.ask(room.request())
    assert [run.url for run in deploys.status().running] in ([""], [])


async def test_a_search_that_cannot_be_made_is_unknown_with_its_reason(room, place_of, order):
    place = await place_of("webhook")
    place.write(room)
    deploys = await room.start(backends=place.backends, secret=SECRETS.get)
    (target,) = deploys.status().targets
    given = replace(order("true"), target=target, secrets={"HOOK": "whsec_!"})
    found = await place.backend.find(given)
    assert isinstance(found, Unsure)
    assert "no key" in found.reason


async def test_jenkins_takes_a_cancelled_item_out_of_its_queue(room, place_of):
    place = await place_of("jenkins")
    place.service.waits = 1000
    place.write(room)
    deploys = await room.start(backends=place.backends, secret=SECRETS.get)
    event = room.request()
    await room.ask(event)
    assert await deploys.cancel(event.key, "ana") == ""
    done = await room.news.final(event.key)
    assert (done.state, place.service.runs[0]["build"]) == ("cancelled", 0)


async def test_a_webhook_that_is_told_again_is_told_the_same(room, place_of):
    """After a crash the request is sent anew, with the defaults of what was not chosen."""
    place = await place_of("webhook")
    place.table = place.table.partition("\nstatus_url")[0] + "\nidempotent = true"
    declared = 'size = { type = "text", default = "small" }\nnote = { type = "text" }'
    place.table += f"\n[target.shop.production.parameters]\n{declared}"
    place.service.silent = True
    place.write(room)
    deploys = await room.start(backends=place.backends, secret=SECRETS.get, search_s=0.05)
    event = room.request(parameters={"note": "now"})
    asking = asyncio.create_task(room.ask(event))
    async with asyncio.timeout(20):
        while not place.service.asked:  # noqa: ASYNC110 (the server is a thread)
            await asyncio.sleep(0.01)
    await deploys.stop(patience_s=0.05)
    await asking
    place.service.silent, place.service.states = False, ["success"]
    await room.start(backends=place.backends, secret=SECRETS.get, search_s=0.05)
    assert (await room.news.final(event.key)).state == "success"
    told = [one.json()["parameters"] for one in place.service.asked if one.method == "POST"]
    assert len(told) > 1
    assert [one for one in told if one != {"note": "now", "size": "small"}] == []


async def test_a_webhook_whose_answer_is_the_end(room, place_of):
    place = await place_of("webhook")
    place.service.accepts = False
    place.table = f'url = "{place.service.url}/deploy"\nsecret = "HOOK"'
    assert (await deployed(room, place)).state == "success"


async def test_a_webhook_that_names_its_status(room, place_of):
    place = await place_of("webhook")
    place.table = f'url = "{place.service.url}/deploy"\nsecret = "HOOK"'
    assert (await deployed(room, place)).state == "success"


@pytest.mark.parametrize("status", [{}, {"status_url": "http://127.0.0.1:1/elsewhere"}])
async def test_a_webhook_that_runs_on_unseen_is_unknown(room, place_of, status):
    place = await place_of("webhook")
    place.table = f'url = "{place.service.url}/deploy"\nsecret = "HOOK"'
    place.service.faults = [(202, status)]
    done = await deployed(room, place)
    assert done.state == "unknown"
    assert ("another host" in done.reason) == bool(status)


@pytest.mark.parametrize(("idempotent", "state"), [("true", "success"), ("false", "unknown")])
async def test_a_lost_answer_without_a_status_address(room, place_of, idempotent, state):
    place = await place_of("webhook")
    place.table = f'url = "{place.service.url}/deploy"\nsecret = "HOOK"\n'
    place.table += f"idempotent = {idempotent}"
    place.service.faults = ["lost"]
    done = await deployed(room, place)
    assert (done.state, len(place.service.runs)) == (state, 1)


def test_texts_are_filled_once(order):
    given = order("true")
    object.__setattr__(given.request, "ref", "{sha}")
    text = "{ref} {target}/{environment} {nothing} {} { {sha}"
    assert filled(text, given) == f"{{sha}} shop/production {{nothing}} {{}} {{ {given.request.sha}"
