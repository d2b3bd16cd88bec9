"""Argo CD: sync an application to the commit, and wait until it is healthy.

https://argo-cd.readthedocs.io/en/stable/developer-guide/api-docs/ and its swagger.json
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus

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
from devstream_desktop.deploy.backends.following import (
    LOOK_EVERY_S,
    LOOK_FIRST_S,
    Following,
    Look,
)
from devstream_desktop.deploy.backends.http import Api
from devstream_desktop.deploy.backends.settings import Argocd as Settings
from devstream_desktop.deploy.targets import Target
from devstream_desktop.stream.run_mark import EXECUTOR, REQUEST
from devstream_desktop.stream.text import clean

_NAMES = (REQUEST, "devstream")
"""Names of the operation's info that finds it again; the second as earlier versions wrote it."""
DEGRADED_S = 60.0
"""Seconds after which an application that stays degraded is a failure."""


class _Info(msgspec.Struct, frozen=True):
    name: str = ""
    value: str = ""


class _Operation(msgspec.Struct, frozen=True):
    info: list[_Info] | None = None


class _OperationState(msgspec.Struct, frozen=True):
    phase: str = ""
    message: str = ""
    operation: _Operation = _Operation()


class _Health(msgspec.Struct, frozen=True):
    status: str = ""
    message: str = ""


class _Status(msgspec.Struct, frozen=True):
    operationState: _OperationState | None = None  # noqa: N815 (Argo CD's name)
    health: _Health = _Health()


class _Application(msgspec.Struct, frozen=True):
    status: _Status = _Status()
    operation: _Operation | None = None
    """Asked for, and not yet taken up by the controller."""


class Argocd(Following):
    """The back end `argocd`."""

    name = "Argo CD"

    def __init__(
        self,
        first_s: float = LOOK_FIRST_S,
        every_s: float = LOOK_EVERY_S,
        degraded_s: float = DEGRADED_S,
    ) -> None:
        super().__init__(first_s, every_s)
        self._degraded_s = degraded_s
        self._degraded: dict[str, float] = {}
        """By request: since when its application is degraded, by the steady clock."""

    async def check(self, target: Target, secrets: Mapping[str, str]) -> Sequence[str]:
        """Return what the token may not, or what is not there."""
        settings = table(target, Settings)
        return await self.checked(_api(settings, secrets).get(""), settings.application)

    async def send(self, order: Order) -> Found:
        """Ask for a sync to the commit."""
        settings = table(order.target, Settings)
        body = {
            "revision": order.request.sha,
            "prune": settings.prune,
            "dryRun": False,
            "infos": [
                {"name": REQUEST, "value": order.request.id},
                {"name": EXECUTOR, "value": order.request.executor},
            ],
        }
        answer = await _api(settings, order.secrets).post("/sync", body)
        # 400 also when another operation is in progress: Argo CD's own lock.
        return Started(order.request.id) if answer.is_success else self.refused(answer)

    async def search(self, order: Order) -> Found:
        """Look whether the application's latest operation is this request's."""
        if _is_ours(await self._application(order), order):
            return Started(order.request.id)
        return Unsure(
            "the latest operation that Argo CD shows is another one, so whether this sync was "
            "begun is not known; look there before you ask again",
            patience_s=ABSENT_S,
        )

    async def look(self, order: Order, handle: str) -> Look:
        """Read the operation, and the application's health after it."""
        application = await self._application(order)
        if not _is_ours(application, order):
            reason = "another operation took its place at Argo CD before its end was seen"
            return Look(outcome=RunOutcome("unknown", reason=reason))
        state = application.status.operationState
        if state is None or not _has(state.operation, order):
            return Look("waiting for Argo CD's controller")
        said = clean(f"{state.phase}: {state.message}", 160)
        match state.phase:
            case "Succeeded":
                return self._healthy(order, application.status.health)
            case "Failed" if "terminated" in state.message.lower():
                return Look(outcome=RunOutcome("cancelled", reason=said))
            case "Failed" | "Error":
                ended = RunOutcome("failure" if state.phase == "Failed" else "error", reason=said)
                return Look(outcome=ended)
            case _:
                return Look(said)

    async def cancel(self, order: Order, handle: str) -> None:
        """Terminate the operation, if it is this request's."""
        if not _is_ours(await self._application(order), order):
            raise BackendError("another operation runs at Argo CD by now")
        answer = await _api(table(order.target, Settings), order.secrets).delete("/operation")
        if not answer.is_success:
            raise BackendError(f"Argo CD does not end it: {answer.said()}")

    def _healthy(self, order: Order, health: _Health) -> Look:
        """Judge an application that is synced: it may still be starting."""
        request, now = order.request.id, asyncio.get_running_loop().time()
        if health.status == "Healthy":
            self._degraded.pop(request, None)
            return Look(outcome=RunOutcome("success"))
        said = clean(f"synced, {health.status}: {health.message}".rstrip(": "), 160)
        if health.status != "Degraded":
            self._degraded.pop(request, None)
            return Look(said)
        # For a moment it is while old and new pods change places.
        if now - self._degraded.setdefault(request, now) < self._degraded_s:
            return Look(said)
        del self._degraded[request]
        return Look(outcome=RunOutcome("failure", reason=said))

    @staticmethod
    async def _application(order: Order) -> _Application:
        answer = await _api(table(order.target, Settings), order.secrets).get("")
        if answer.status == HTTPStatus.NOT_FOUND:
            raise BackendError("Argo CD does not know the application")
        return answer.taken().read(_Application)


def _is_ours(application: _Application, order: Order) -> bool:
    state = application.status.operationState
    # What was asked for last counts, and is shown before the controller takes it up.
    if application.operation is not None and _has(application.operation, order):
        return True
    return state is not None and _has(state.operation, order)


def _has(operation: _Operation, order: Order) -> bool:
    return any(
        info.name in _NAMES and info.value == order.request.id for info in operation.info or ()
    )


def _api(settings: Settings, secrets: Mapping[str, str]) -> Api:
    base = f"{settings.url.rstrip('/')}/api/v1/applications/{settings.application}"
    headers = {"authorization": f"Bearer {secrets.get(settings.token, '')}"}
    return Api(base, headers, secrets.values())
