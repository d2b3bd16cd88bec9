"""The common shape of every way to deploy.

An order goes in and an outcome comes out; the way says when the run has begun.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from devstream_desktop.deploy.request import DeployRequest
from devstream_desktop.deploy.targets import Target


@dataclass(frozen=True)
class Order:
    """An accepted request, claimed on disk: run it once.

    `person` is proven, `log` is where output goes.
    """

    request: DeployRequest
    target: Target
    person: str
    log: Path


@dataclass(frozen=True)
class RunOutcome:
    """End of a run.

    `failure` is the deploy's own result, `error` means that it could not be carried out; `reason`
    is one clean sentence.
    """

    state: Literal["success", "failure", "error"]
    exit_code: int | None = None
    reason: str = ""


class Backend(Protocol):
    """One way to run an order.

    A local program today; a forge, a CI server or a cluster fit the same shape.
    """

    async def run(self, order: Order, begun: Callable[[], Awaitable[None]]) -> RunOutcome:
        """Carry out `order`, awaiting `begun` once when it is under way.

        Cancelling stops the watching, never the deploy.
        """
        ...

    def is_running(self, log: Path) -> bool:
        """Return true while anything of an earlier node's run is still alive.

        Blocks for the time of a file lock.
        """
        ...
