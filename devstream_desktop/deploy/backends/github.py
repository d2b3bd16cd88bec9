"""GitHub: a deployment that others act on, or a workflow that is dispatched.

https://docs.github.com/en/rest/deployments and https://docs.github.com/en/rest/actions/workflows
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from urllib.parse import quote, urlencode

import msgspec

from devstream_desktop.deploy.backends.contract import (
    SILENT_S,
    BackendError,
    Found,
    NotStarted,
    Order,
    RunOutcome,
    Started,
    Unsure,
    table,
)
from devstream_desktop.deploy.backends.following import Following, Look, filled_all, started
from devstream_desktop.deploy.backends.http import Answer, Api
from devstream_desktop.deploy.backends.settings import Github as Settings
from devstream_desktop.deploy.targets import Target
from devstream_desktop.stream.text import clean

_RUN, _DEPLOYMENT = "run", "deployment"
_PAGE = 100
_HASH_ALONE = {"accept": "application/vnd.github.sha"}
"""The hash of a commit as plain text."""
_ENDED = {"success": "success", "failure": "failure", "error": "error"}
_CONCLUSIONS = {"success": "success", "failure": "failure", "cancelled": "cancelled"}


class _Deployment(msgspec.Struct, frozen=True):
    id: int
    payload: object = None


class _Status(msgspec.Struct, frozen=True):
    state: str
    description: str | None = ""
    log_url: str | None = ""
    target_url: str | None = ""


class _Dispatched(msgspec.Struct, frozen=True):
    workflow_run_id: int
    html_url: str = ""


class _Run(msgspec.Struct, frozen=True):
    id: int
    head_sha: str
    status: str | None = ""
    conclusion: str | None = ""
    name: str | None = ""
    display_title: str | None = ""
    html_url: str = ""


class _Runs(msgspec.Struct, frozen=True):
    workflow_runs: list[_Run]


class Github(Following):
    """The back end `github`."""

    name = "GitHub"

    async def check(self, target: Target, secrets: Mapping[str, str]) -> Sequence[str]:
        """Return what the token may not, or what is not there."""
        settings = table(target, Settings)
        path = f"/repos/{settings.repository}"
        path += f"/actions/workflows/{settings.workflow}" if settings.workflow else ""
        return await self.checked(_api(settings, secrets).get(path), path)

    async def send(self, order: Order) -> Found:
        """Make a deployment, or dispatch the workflow."""
        settings = table(order.target, Settings)
        if settings.workflow and not order.request.ref:
            return NotStarted("a workflow is dispatched for a branch or tag; name one with --ref")
        send = self._dispatch if settings.workflow else self._deploy
        return await send(order, settings, _api(settings, order.secrets))

    async def search(self, order: Order) -> Found | None:
        """Look for what carries this request's id."""
        settings = table(order.target, Settings)
        look = self._find_run if settings.workflow else self._find_deployment
        return await look(order, settings, _api(settings, order.secrets))

    async def look(self, order: Order, handle: str) -> Look:
        """Read the state of the run or deployment."""
        settings = table(order.target, Settings)
        api = _api(settings, order.secrets)
        kind, _, number = handle.partition(":")
        if kind == _RUN:
            return await self._look_at_run(order, settings, api, number)
        path = f"/repos/{settings.repository}/deployments/{number}/statuses?per_page={_PAGE}"
        answer = await api.get(path)
        if answer.status == HTTPStatus.NOT_FOUND:
            return Look(outcome=RunOutcome("unknown", reason="GitHub knows it no more"))
        statuses = answer.taken().read(list[_Status])
        # The newest is first.
        for status in statuses:
            if state := _ENDED.get(status.state):
                said = clean(status.description or "", 160)
                return Look(outcome=_outcome(state, said))
        if statuses and statuses[0].state == "inactive":
            reason = "GitHub made it inactive before it ended"
            return Look(outcome=RunOutcome("cancelled", reason=reason))
        newest = statuses[0] if statuses else _Status("pending", "nobody acts on it yet")
        return Look(f"{newest.state} {newest.description or ''}".strip())

    async def cancel(self, order: Order, handle: str) -> None:
        """Cancel a workflow's run; a deployment cannot be cancelled."""
        settings = table(order.target, Settings)
        kind, _, number = handle.partition(":")
        if kind != _RUN:
            raise BackendError("GitHub ends no deployment; end what acts on it there")
        path = f"/repos/{settings.repository}/actions/runs/{number}/cancel"
        answer = await _api(settings, order.secrets).post(path)
        # 409: it has ended already, which the next look tells.
        if not answer.is_success and answer.status != HTTPStatus.CONFLICT:
            raise BackendError(f"GitHub does not cancel it: {answer.said()}")

    async def _deploy(self, order: Order, settings: Settings, api: Api) -> Found:
        request = order.request
        body = {
            "ref": request.sha,
            "task": "deploy",
            "environment": settings.environment or request.environment,
            "payload": {
                "devstream_request": request.id,
                "devstream_executor": request.executor,
                "ref": request.ref,
                "action": order.action,
                "parameters": dict(request.parameters),
            },
            # It would deploy another commit than the one that was judged.
            "auto_merge": False,
            "description": clean(f"{order.person}: {request.title}", 140),
        }
        answer = await api.post(f"/repos/{settings.repository}/deployments", body)
        if answer.status == HTTPStatus.CREATED:
            return Started(f"{_DEPLOYMENT}:{answer.read(_Deployment).id}")
        return self.refused(answer)

    async def _dispatch(self, order: Order, settings: Settings, api: Api) -> Found:
        path = f"/repos/{settings.repository}/actions/workflows/{settings.workflow}/dispatches"
        ref = order.request.ref
        asked = api.get(f"/repos/{settings.repository}/commits/{quote(ref, safe='')}", _HASH_ALONE)
        if moved := await self.elsewhere(order, asked, _hash_in):
            return moved
        body: dict[str, object] = {"ref": ref, "inputs": filled_all(settings.inputs, order)}
        answer = await api.post(path, body | {"return_run_details": True})
        # An older server does not know that word, and has done nothing.
        if answer.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY) and (
            b"return_run_details" in answer.body
        ):
            answer = await api.post(path, body)
        if answer.status == HTTPStatus.OK:
            run = answer.read(_Dispatched)
            return started(f"{_RUN}:{run.workflow_run_id}", run.html_url)
        # It does not say which run it is.
        if answer.status == HTTPStatus.NO_CONTENT:
            return Unsure("GitHub took it and does not name its run", patience_s=SILENT_S)
        return self.refused(answer)

    @staticmethod
    async def _find_deployment(order: Order, settings: Settings, api: Api) -> Started | None:
        query = urlencode({"sha": order.request.sha, "per_page": _PAGE})
        answer = await api.get(f"/repos/{settings.repository}/deployments?{query}")
        for one in answer.taken().read(list[_Deployment]):
            payload = one.payload
            if isinstance(payload, dict) and payload.get("devstream_request") == order.request.id:
                return Started(f"{_DEPLOYMENT}:{one.id}")
        return None

    @staticmethod
    async def _find_run(order: Order, settings: Settings, api: Api) -> Started | None:
        query = urlencode({"event": "workflow_dispatch", "per_page": _PAGE})
        workflow = f"/repos/{settings.repository}/actions/workflows/{quote(settings.workflow)}"
        answer = await api.get(f"{workflow}/runs?{query}")
        # Told by its name: run-name: deploy ${{ inputs.devstream_request }}
        for run in answer.taken().read(_Runs).workflow_runs:
            if order.request.id in f"{run.name} {run.display_title}":
                return started(f"{_RUN}:{run.id}", run.html_url)
        return None

    async def _look_at_run(self, order: Order, settings: Settings, api: Api, number: str) -> Look:
        answer = await api.get(f"/repos/{settings.repository}/actions/runs/{number}")
        if answer.status == HTTPStatus.NOT_FOUND:
            return Look(outcome=RunOutcome("unknown", reason="GitHub knows it no more"))
        run = answer.taken().read(_Run)
        # A workflow runs on a ref, which may have moved since the executor looked.
        if run.head_sha != order.request.sha and run.status != "completed":
            await self.cancel(order, f"{_RUN}:{number}")
            return Look("the ref moved before the run began; it is being cancelled")
        if run.status != "completed":
            return Look(run.status or "queued")
        if run.head_sha != order.request.sha:
            reason = f"the ref moved: GitHub ran {run.head_sha[:10]} instead, {run.conclusion}"
            return Look(outcome=RunOutcome("error", reason=clean(reason, 200)))
        conclusion = run.conclusion or "unknown"
        return Look(outcome=_outcome(_CONCLUSIONS.get(conclusion, "failure"), conclusion))


def _hash_in(answer: Answer) -> str:
    return answer.body.decode("utf-8", "replace").strip()


def _outcome(state: str, said: str) -> RunOutcome:
    if state == "success":
        return RunOutcome("success")
    if state == "cancelled":
        return RunOutcome("cancelled", reason="cancelled at GitHub")
    reason = f"GitHub says {said}" if said else "GitHub gives no reason"
    return RunOutcome("error" if state == "error" else "failure", reason=reason)


def _api(settings: Settings, secrets: Mapping[str, str]) -> Api:
    return Api(
        settings.api,
        {
            "authorization": f"Bearer {secrets.get(settings.token, '')}",
            "accept": "application/vnd.github+json",
            "x-github-api-version": "2022-11-28",
        },
        secrets.values(),
    )
