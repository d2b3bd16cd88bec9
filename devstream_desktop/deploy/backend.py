"""What every way to deploy has in common: an order in, an outcome out, and a word when it has begun."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from devstream_desktop.deploy.request import DeployRequest
from devstream_desktop.deploy.targets import Target


@dataclass(frozen=True)
class Order:
    """An accepted request, claimed on disk: run it once. `person` is proven, `log` is where output goes."""

    request: DeployRequest
    target: Target
    person: str
    log: Path


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended: `failure` is the deploy's own word, `error` that it could not be carried out; `reason` is one clean sentence."""

    state: Literal["success", "failure", "error"]
    exit_code: int | None = None
    reason: str = ""


class Backend(Protocol):
    """One way to run an order: a local program today; a forge, a CI server or a cluster fit the same shape."""

    async def run(self, order: Order, begun: Callable[[], Awaitable[None]]) -> RunOutcome:
        """Carry out `order`, awaiting `begun` once when it is under way. Cancelling stops the watching, never the deploy."""
        ...

    def is_running(self, log: Path) -> bool:
        """Whether anything of a run that an earlier node left behind is still there. Blocks for the time of a file lock."""
        ...
