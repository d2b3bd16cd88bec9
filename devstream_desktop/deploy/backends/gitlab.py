"""GitLab: a new pipeline for a branch or tag.

https://docs.gitlab.com/api/pipelines
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from urllib.parse import quote, urlencode

import msgspec

from devstream_desktop.deploy.backends.contract import (
    BackendError,
    Found,
    NotStarted,
    Order,
    RunOutcome,
    Started,
    table,
)
from devstream_desktop.deploy.backends.following import Following, Look, filled_all, started
from devstream_desktop.deploy.backends.http import Api
from devstream_desktop.deploy.backends.settings import Gitlab as Settings
from devstream_desktop.deploy.parameters import variables
from devstream_desktop.deploy.targets import Target
from devstream_desktop.stream.run_mark import EXECUTOR, REQUEST

_PAGE = 50


class _Pipeline(msgspec.Struct, frozen=True):
    id: int
    sha: str
    status: str = ""
    web_url: str = ""


class _Commit(msgspec.Struct, frozen=True):
    id: str


class _Variable(msgspec.Struct, frozen=True):
    key: str
    value: str | None = ""


class Gitlab(Following):
    """The back end `gitlab`."""

    name = "GitLab"

    async def check(self, target: Target, secrets: Mapping[str, str]) -> Sequence[str]:
        """Return what the token may not, or what is not there."""
        settings = table(target, Settings)
        asked = _api(settings, secrets).get("/pipelines?per_page=1")
        return await self.checked(asked, settings.project)

    async def send(self, order: Order) -> Found:
        """Create the pipeline, where its branch or tag is at the commit."""
        request, settings = order.request, table(order.target, Settings)
        if not request.ref:
            return NotStarted("a pipeline runs on a branch or tag; name one with --ref")
        api = _api(settings, order.secrets)
        asked = api.get(f"/repository/commits/{quote(request.ref, safe='')}")
        if moved := await self.elsewhere(order, asked, lambda told: told.read(_Commit).id):
            return moved
        chosen = variables(request.parameters)
        own = {REQUEST: request.id, EXECUTOR: request.executor}
        sent = {**chosen, **filled_all(settings.variables, order), **own}
        body = {
            "ref": request.ref,
            "variables": [{"key": key, "value": value} for key, value in sent.items()],
        }
        answer = await api.post("/pipeline", body)
        if answer.status != HTTPStatus.CREATED:
            return self.refused(answer)
        made = answer.read(_Pipeline)
        return started(made.id, made.web_url)

    async def search(self, order: Order) -> Started | None:
        """Look for the pipeline with this request's variable."""
        api = _api(table(order.target, Settings), order.secrets)
        # Not by the commit: the ref may have moved since, and the pipeline is this one's.
        query = urlencode({"source": "api", "per_page": _PAGE})
        listed = await api.get(f"/pipelines?{query}")
        for one in listed.taken().read(list[_Pipeline]):
            answer = await api.get(f"/pipelines/{one.id}/variables")
            found = answer.read(list[_Variable]) if answer.is_success else []
            if any(each.key == REQUEST and each.value == order.request.id for each in found):
                return started(one.id, one.web_url)
        return None

    async def look(self, order: Order, handle: str) -> Look:
        """Read the state of the pipeline."""
        api = _api(table(order.target, Settings), order.secrets)
        answer = await api.get(f"/pipelines/{handle}")
        if answer.status == HTTPStatus.NOT_FOUND:
            return Look(outcome=RunOutcome("unknown", reason="GitLab knows it no more"))
        pipeline = answer.taken().read(_Pipeline)
        moved = pipeline.sha != order.request.sha
        match pipeline.status:
            case "success" | "failed" | "skipped" if moved:
                reason = f"the ref moved: GitLab ran {pipeline.sha[:10]} instead"
                return Look(outcome=RunOutcome("error", reason=f"{reason}, {pipeline.status}"))
            case "success":
                return Look(outcome=RunOutcome("success"))
            case "failed":
                return Look(outcome=RunOutcome("failure", reason="GitLab says failed"))
            case "canceled":
                return Look(outcome=RunOutcome("cancelled", reason="cancelled at GitLab"))
            case "skipped":
                return Look(outcome=RunOutcome("error", reason="GitLab skipped it"))
            case _ if moved:
                await self.cancel(order, handle)
                return Look("the ref moved before it began; it is being cancelled")
            case "manual":
                return Look("manual: it waits for a person at GitLab")
            case _:
                return Look(pipeline.status)

    async def cancel(self, order: Order, handle: str) -> None:
        """Cancel the pipeline's jobs."""
        api = _api(table(order.target, Settings), order.secrets)
        answer = await api.post(f"/pipelines/{handle}/cancel")
        if not answer.is_success:
            raise BackendError(f"GitLab does not cancel it: {answer.said()}")


def _api(settings: Settings, secrets: Mapping[str, str]) -> Api:
    base = f"{settings.url.rstrip('/')}/api/v4/projects/{quote(settings.project, safe='')}"
    return Api(base, {"private-token": secrets.get(settings.token, "")}, secrets.values())
