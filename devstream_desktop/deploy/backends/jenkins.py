"""Jenkins: a parameterized job, from the queue item to the build's end.

https://www.jenkins.io/doc/book/using/remote-access-api/
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from urllib.parse import quote

import msgspec

from devstream_desktop.deploy.backends.contract import (
    ABSENT_S,
    BackendError,
    Found,
    Order,
    RunOutcome,
    Started,
    Unsure,
    table,
)
from devstream_desktop.deploy.backends.following import Following, Look, filled_all
from devstream_desktop.deploy.backends.http import Api
from devstream_desktop.deploy.backends.settings import Jenkins as Settings
from devstream_desktop.deploy.parameters import variables
from devstream_desktop.deploy.targets import Target
from devstream_desktop.stream.run_mark import EXECUTOR, REQUEST
from devstream_desktop.stream.text import clean

_QUEUE, _BUILD = "queue", "build"
_ITEM = re.compile(r"/queue/item/(\d{1,12})(?:/|\Z)")
_PARAMETERS = "actions[parameters[name,value]]"
_RESULTS = {"SUCCESS": "success", "ABORTED": "cancelled"}


class _Parameter(msgspec.Struct, frozen=True):
    name: str = ""
    value: object = None


class _Action(msgspec.Struct, frozen=True):
    parameters: list[_Parameter] | None = None


class _Build(msgspec.Struct, frozen=True):
    number: int
    building: bool = True
    result: str | None = None
    actions: list[_Action | None] = []


class _Job(msgspec.Struct, frozen=True):
    builds: list[_Build] = []


class _Item(msgspec.Struct, frozen=True):
    id: int = 0
    cancelled: bool = False
    why: str | None = None
    executable: _Build | None = None
    actions: list[_Action | None] = []


class _Queue(msgspec.Struct, frozen=True):
    items: list[_Item] = []


class Jenkins(Following):
    """The back end `jenkins`."""

    name = "Jenkins"

    async def check(self, target: Target, secrets: Mapping[str, str]) -> Sequence[str]:
        """Return what the user may not, or what is not there."""
        return await self.checked(_job(target, secrets).get("/api/json?tree=name"))

    async def send(self, order: Order) -> Found:
        """Queue the job."""
        settings = table(order.target, Settings)
        chosen = variables(order.request.parameters)
        fields = {
            **chosen,
            **filled_all(settings.parameters, order),
            REQUEST: order.request.id,
            EXECUTOR: order.request.executor,
        }
        answer = await _job(order.target, order.secrets).post_form("/buildWithParameters", fields)
        if answer.is_lost:
            return self.refused(answer)
        # Only the number is taken from its address, which may name another host.
        if item := _ITEM.search(answer.headers.get("location", "")):
            return Started(f"{_QUEUE}:{item[1]}")
        # It took the job, as old versions say it, and named no item.
        if answer.status in (HTTPStatus.CREATED, HTTPStatus.FOUND, HTTPStatus.SEE_OTHER):
            return Unsure("Jenkins took it and names no queue item", patience_s=ABSENT_S)
        return self.refused(answer)

    async def search(self, order: Order) -> Started | None:
        """Look for the request in the queue, then among the job's builds."""
        root, job = _root(order.target, order.secrets), _job(order.target, order.secrets)
        queue = await root.get(f"/queue/api/json?tree=items[id,{quote(_PARAMETERS)}]")
        for item in queue.taken().read(_Queue).items:
            if _carries(item.actions, order.request.id):
                return Started(f"{_QUEUE}:{item.id}")
        tree = quote(f"builds[number,{_PARAMETERS}]{{0,100}}")
        builds = await job.get(f"/api/json?tree={tree}")
        for build in builds.taken().read(_Job).builds:
            if _carries(build.actions, order.request.id):
                return Started(f"{_BUILD}:{build.number}")
        return None

    async def look(self, order: Order, handle: str) -> Look:
        """Read the queue item, and the build once there is one."""
        build = await self._build_of(order, handle)
        if isinstance(build, Look):
            return build
        answer = await _job(order.target, order.secrets).get(
            f"/{build}/api/json?tree=number,building,result"
        )
        if answer.status == HTTPStatus.NOT_FOUND:
            return Look(outcome=RunOutcome("unknown", reason="Jenkins knows it no more"))
        state = answer.taken().read(_Build)
        if state.building or state.result is None:
            return Look(f"build {build} runs")
        outcome = _RESULTS.get(state.result, "failure")
        if outcome == "success":
            return Look(outcome=RunOutcome("success"))
        reason = clean(f"build {build}: {state.result}", 200)
        if outcome == "cancelled":
            return Look(outcome=RunOutcome("cancelled", reason=reason))
        return Look(outcome=RunOutcome("failure", reason=reason))

    async def cancel(self, order: Order, handle: str) -> None:
        """Take it out of the queue, or stop its build."""
        build = await self._build_of(order, handle)
        if isinstance(build, Look):
            number = handle.partition(":")[2]
            answer = await _root(order.target, order.secrets).post_form(
                f"/queue/cancelItem?id={number}", {}
            )
        else:
            answer = await _job(order.target, order.secrets).post_form(f"/{build}/stop", {})
        # Both answer with a page to go to, or with nothing.
        if not answer.is_success and answer.status not in (HTTPStatus.FOUND, HTTPStatus.SEE_OTHER):
            raise BackendError(f"Jenkins does not end it: {answer.said()}")

    async def _build_of(self, order: Order, handle: str) -> int | Look:
        """Return the build's number, or the state of the queue item."""
        kind, _, number = handle.partition(":")
        if kind == _BUILD:
            return int(number)
        answer = await _root(order.target, order.secrets).get(f"/queue/item/{number}/api/json")
        # Minutes after its start an item is forgotten.
        if answer.status == HTTPStatus.NOT_FOUND:
            found = await self.search(order)
            if found is not None and found.handle.startswith(_BUILD):
                return int(found.handle.partition(":")[2])
            return Look(outcome=RunOutcome("unknown", reason="Jenkins knows it no more"))
        item = answer.taken().read(_Item)
        if item.executable is not None:
            return item.executable.number
        if item.cancelled:
            reason = "cancelled in the queue of Jenkins"
            return Look(outcome=RunOutcome("cancelled", reason=reason))
        return Look(f"queued: {item.why or ''}".rstrip(": "))


def _carries(actions: Sequence[_Action | None], request: str) -> bool:
    return any(
        parameter.name == REQUEST and parameter.value == request
        for action in actions
        if action is not None
        for parameter in action.parameters or ()
    )


def _job(target: Target, secrets: Mapping[str, str]) -> Api:
    settings = table(target, Settings)
    return _api(settings, secrets, settings.url)


def _root(target: Target, secrets: Mapping[str, str]) -> Api:
    settings = table(target, Settings)
    return _api(settings, secrets, settings.url.partition("/job/")[0])


def _api(settings: Settings, secrets: Mapping[str, str], base: str) -> Api:
    # With a token instead of the password no crumb is asked for.
    pair = f"{settings.user}:{secrets.get(settings.token, '')}"
    basic = "Basic " + base64.b64encode(pair.encode()).decode()
    return Api(base, {"authorization": basic}, secrets.values())
