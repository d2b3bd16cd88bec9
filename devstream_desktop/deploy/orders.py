"""Orders for back ends: made for a request, and made again for a run of an earlier node."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from devstream_desktop.deploy.backends.contract import Backend, BackendError, Listening, Order
from devstream_desktop.deploy.parameters import InvalidParameterError, complete, from_text
from devstream_desktop.deploy.request import Action, DeployRequest
from devstream_desktop.deploy.run import Run
from devstream_desktop.deploy.targets import Target


class Orders:
    """Puts orders together, with the credentials of this machine.

    Args:
        backends: By their names in targets.toml.
        logs: The folder of output, one file a request.
        secret: Returns a credential's value, None where it is not set. Blocks.

    """

    def __init__(
        self,
        backends: Mapping[str, Backend],
        logs: Path,
        secret: Callable[[str], str | None],
    ) -> None:
        self.logs = logs
        self._backends = backends
        self._secret = secret

    def secret(self, name: str) -> str:
        """Return a credential's value, empty where it is not set. Blocks."""
        return self._secret(name) or ""

    def log_of(self, request: str) -> Path:
        """Return the file of a run's output."""
        return self.logs / f"{request}.log"

    def order(self, request: DeployRequest, target: Target, person: str) -> Order:
        """Return the order of a request. Blocks."""
        found = ((name, self._secret(name)) for name in target.secret_names())
        secrets = {name: value for name, value in found if value}
        return Order(request, target, person, self.log_of(request.id), secrets)

    def again(self, run: Run, target: Target) -> Order:
        """Return the order of a run that was started as `target` says. Blocks."""
        try:
            # With the defaults of what was not chosen, as it was started.
            parameters = complete(from_text(run.parameters), target.parameters)
        # A damaged row; what was started knows its parameters.
        except InvalidParameterError:
            parameters = {}
        request = DeployRequest(
            id=run.request,
            target=run.target,
            environment=run.environment,
            ref=run.ref,
            sha=run.sha,
            executor="",
            person=run.person,
            title=run.title,
            reason="",
            time=run.started,
            expires=run.started,
            action=Action(run.action) if run.action else Action.DEPLOY,
            parameters=parameters,
        )
        return self.order(request, target, run.person)

    def backend_of(self, order: Order) -> Backend:
        """Return the back end that carries an order out."""
        # A dry run is a program of this machine, whatever carries out the deploys.
        dry = order.request.action is Action.DRY_RUN
        return self._backends["shell" if dry else order.target.backend]

    def listener_of(self, order: Order) -> Listening | None:
        """Return the back end of an order if its service calls back."""
        backend: object = self.backend_of(order)
        return backend if isinstance(backend, Listening) else None

    def lacks(self, target: Target) -> str:
        """Say which secret of a run is not set on this machine; empty when none. Blocks."""
        return self.lacks_of(target, target.secret_names())

    def lacks_of(self, target: Target, names: Iterable[str]) -> str:
        """Say which of these secrets is not set on this machine; empty when none. Blocks."""
        for name in names:
            if not self._secret(name):
                return (
                    f"the secret {name} that {target.name} {target.environment} needs is not set; "
                    f"the executor's operator types there: devstream secret set {name}"
                )
        return ""

    async def check(self, target: Target) -> list[str]:
        """Return what would keep a deploy of `target` from starting, as sentences."""
        if lacks := await asyncio.to_thread(self.lacks_of, target, target.all_secret_names()):
            return [lacks]
        names = target.secret_names()
        found = await asyncio.to_thread(lambda: {name: self.secret(name) for name in names})
        try:
            return list(await self._backends[target.backend].check(target, found))
        except BackendError as error:
            return [str(error)]
