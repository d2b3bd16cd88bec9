"""Back ends that are services, each against a server that behaves as its documents say."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from deploy_backends import NAMES, SECRETS, Place, be_impatient, make

from devstream_desktop.deploy.backends.contract import Started
from devstream_desktop.stream.words import Severity


@pytest.fixture(params=NAMES)
async def place(request, sha) -> AsyncIterator[Place]:
    made = await asyncio.to_thread(make, request.param, sha)
    yield made
    await asyncio.to_thread(made.service.close)


async def started(room, place, more: str = ""):
    place.write(room, more)
    deploys = await room.start(backends=place.backends, secret=SECRETS.get)
    deploys._runner._search_s = 0.05
    return deploys


async def deployed(room, place, more: str = ""):
    """One deploy from the request to its end."""
    await started(room, place, more)
    event = room.request()
    await room.ask(event)
    return await room.news.final(event.key)


async def test_a_run_from_start_to_success(room, place):
    done = await deployed(room, place)
    assert (done.state, done.reason) == ("success", "")
    assert room.news.states(done.request) == ["in_progress", "success"]
    assert len(place.service.runs) == 1
    assert done.request in str(place.service.runs[0])
    for secret in SECRETS.values():
        assert secret not in (room.home.root / "deploy-logs" / f"{done.request}.log").read_text()


@pytest.mark.parametrize("end", ["failure", "cancelled"])
async def test_the_end_is_the_back_ends(room, place, end):
    place.service.states = ["in_progress", end]
    if place.name == "github":
        end = place.service.states[-1] = "error" if end == "cancelled" else end
    done = await deployed(room, place)
    assert done.state == end
    assert done.reason


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422, 429])
async def test_a_refusal_is_an_error_with_its_reason_and_nothing_ran(room, place, status):
    place.service.faults = [(status, {"message": "Required checks: integration failed"})] * 2
    done = await deployed(room, place)
    assert (done.state, room.news.states(done.request)) == ("error", ["error"])
    assert f"{status}: Required checks: integration failed" in done.reason
    assert place.service.runs == []


async def test_a_credential_that_is_not_taken(room, place):
    place.write(room)
    wrong = dict.fromkeys(SECRETS, "whsec_d3Jvbmc=")
    deploys = await room.start(backends=place.backends, secret=wrong.get)
    event = room.request()
    await room.ask(event)
    done = await room.news.final(event.key)
    assert done.state == "error"
    assert "401" in done.reason
    assert "d3Jvbmc" not in done.reason
    (target,) = deploys.status().targets
    assert bool(await deploys.check(target)) == (place.name != "webhook")


async def test_a_secret_that_the_service_repeats_is_told_to_nobody(room, place):
    value = SECRETS["HOOK" if place.name == "webhook" else "TOKEN"]
    # The second is cut in the middle.
    place.service.faults = [(400, {"message": f"no access for {value} {'x' * 150} {value}"})]
    done = await deployed(room, place)
    assert "no access for *** xxx" in done.reason
    assert value[:8] not in done.reason


async def test_a_secret_that_no_header_takes_is_not_quoted(room, place):
    place.write(room)
    broken = {name: f"{value}\nnext" for name, value in SECRETS.items()}
    deploys = await room.start(backends=place.backends, secret=broken.get)
    event = room.request()
    await room.ask(event)
    done = await room.news.final(event.key)
    assert done.state == "error"
    assert place.service.runs == []
    (target,) = deploys.status().targets
    told = " ".join([done.reason, *await deploys.check(target)])
    assert not any(value in told for value in SECRETS.values())


async def test_output_that_cannot_be_written_costs_the_output_alone(room, place):
    await started(room, place)
    event = room.request()
    room.log(event).mkdir(parents=True)
    await room.ask(event)
    assert (await room.news.final(event.key)).state == "success"


async def test_check_says_nothing_when_all_is_well(room, place):
    deploys = await started(room, place)
    (target,) = deploys.status().targets
    assert await deploys.check(target) == []
    assert place.service.runs == []


@pytest.mark.parametrize("fault", ["lost", "500", "late"])
async def test_a_lost_answer_is_looked_for_and_never_started_again(room, place, fault):
    place.service.faults = [fault]
    done = await deployed(room, place)
    assert done.state == "success"
    assert len(place.service.runs) == 1


async def test_what_was_never_begun_is_unknown_and_not_started_again(room, place, monkeypatch):
    be_impatient(monkeypatch, place, 0.2)
    place.service.faults = ["dropped"]
    done = await deployed(room, place)
    assert done.state == "unknown"
    assert "look there before you ask again" in done.reason
    assert place.service.runs == []
    # The target is free: a person decides.
    after = room.request()
    await room.ask(after)
    assert (await room.news.final(after.key)).state == "success"


async def test_a_server_that_is_not_there_starts_nothing(room, place):
    await asyncio.to_thread(place.service.close)
    done = await deployed(room, place)
    assert done.state == "error"
    assert "it cannot be reached" in done.reason


async def test_cancel(room, place):
    place.service.states = ["running" if place.name == "argocd" else "in_progress"]
    deploys = await started(room, place)
    event = room.request()
    await room.ask(event)
    trouble = await deploys.cancel(event.key, "bo")
    if place.name == "github":
        assert "GitHub ends no deployment" in trouble
        place.service.states = ["failure"]
    done = await room.news.final(event.key)
    if place.name == "github":
        assert (done.state, done.severity) == ("failure", Severity.CRITICAL)
    else:
        assert done.state == "cancelled"
        assert done.reason.startswith("cancelled by bo")
    assert "nothing to cancel" in await deploys.cancel(event.key, "bo")


async def test_a_refused_cancel_leaves_a_later_failure_what_it_is(room, place):
    under_way = "running" if place.name == "argocd" else "in_progress"
    place.service.states, place.service.ends_nothing = [under_way], True
    deploys = await started(room, place)
    event = room.request()
    await room.ask(event)
    assert await deploys.cancel(event.key, "bo")
    assert [run.cancelled_by for run in deploys.status().running] == [""]
    # Nor does the next node take it for wanted.
    await deploys.stop(patience_s=0.05)
    await room.start(backends=place.backends, secret=SECRETS.get)
    place.service.states = ["failure"]
    done = await room.news.final(event.key)
    assert (done.state, done.severity) == ("failure", Severity.CRITICAL)
    assert "cancelled" not in done.reason


async def test_of_two_cancels_the_one_that_was_taken_counts(room, place):
    place.service.states = ["running" if place.name == "argocd" else "in_progress"]
    deploys = await started(room, place)
    event = room.request()
    await room.ask(event)
    # The service was asked to end it, and takes its time.
    (watch,) = deploys._runner._watches.values()
    watch.cancelled_by, watch.is_ending = "bo", True
    place.service.ends_nothing = True
    assert await deploys.cancel(event.key, "cy")
    place.service.states = ["failure"]
    done = await room.news.final(event.key)
    assert (done.state, done.reason[:15]) == ("cancelled", "cancelled by bo")


async def test_a_time_out_ends_it_or_says_that_it_goes_on(room, place):
    place.service.states = ["running" if place.name == "argocd" else "in_progress"]
    done = await deployed(room, place, "timeout_s = 0.3")
    assert done.state == ("unknown" if place.name == "github" else "error")
    assert "300 ms" in done.reason


async def test_silence_in_the_middle_is_waited_for(room, place):
    place.service.states = ["running" if place.name == "argocd" else "in_progress"]
    deploys = await started(room, place)
    event = room.request()
    await room.ask(event)
    place.service.silent = True
    count = len(place.service.asked)
    async with asyncio.timeout(20):
        while len(place.service.asked) < count + 3:  # noqa: ASYNC110 (the server is a thread)
            await asyncio.sleep(0.01)
    (run,) = deploys.status().running
    assert "does not answer" in run.last
    # A question without an answer is no sign of life.
    before, looks = time.monotonic(), len(place.service.asked)
    async with asyncio.timeout(20):
        while len(place.service.asked) < looks + 3:  # noqa: ASYNC110 (the server is a thread)
            await asyncio.sleep(0.01)
    passed = time.monotonic() - before
    (run,) = deploys.status().running
    assert run.silent_s >= passed
    place.service.states, place.service.silent = ["success"], False
    assert (await room.news.final(event.key)).state == "success"


async def test_the_next_node_goes_on_watching(room, place):
    place.service.states = ["running" if place.name == "argocd" else "in_progress"]
    deploys = await started(room, place)
    event = room.request()
    await room.ask(event)
    await deploys.stop(patience_s=0.05)
    room.home.targets.unlink()  # what was started is on disk
    place.service.states = ["success"]
    await room.start(backends=place.backends, secret=SECRETS.get)
    assert (await room.news.final(event.key)).state == "success"
    assert len(place.service.runs) == 1


async def test_a_missing_secret_refuses(room, place):
    place.write(room)
    await room.start(backends=place.backends)
    event = room.request()
    await room.ask(event)
    done = await room.news.final(event.key)
    assert done.state == "refused"
    assert "devstream secret set" in done.reason
    assert place.service.asked == []


async def test_find_before_anything_was_sent(room, place, order):
    """A crash between the record and the request: nobody can tell, so it is not started."""
    deploys = await started(room, place)
    (target,) = deploys.status().targets
    given = order("true")
    object.__setattr__(given, "target", target)
    object.__setattr__(given, "secrets", SECRETS)
    assert not isinstance(await place.backend.find(given), Started)
    assert place.service.runs == []
