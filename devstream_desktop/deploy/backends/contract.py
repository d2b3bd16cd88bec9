"""The interface of a back end: check, start, find, watch, cancel.

An order is on disk before `start` is called, and what `start` returns is on disk before `watch` is.
So after a crash `find` can be asked, and nothing is ever started a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeVar, runtime_checkable

from devstream_desktop.deploy.request import DeployRequest
from devstream_desktop.deploy.targets import Target
from devstream_desktop.errors import DevstreamError

_T = TypeVar("_T")
SILENT_S = 600.0
"""Patience with a back end that does not answer."""
ABSENT_S = 60.0
"""Patience with one that may have begun a run and shows none."""


@dataclass(frozen=True)
class Order:
    """An accepted request, claimed on disk: run it once.

    `person` is proven, `log` is where output goes, `secrets` are the values of the credentials that
    the target names.
    """

    request: DeployRequest
    target: Target
    person: str
    log: Path
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def action(self) -> str:
        """Return what is done, as a word: deploy, rollback or dry_run."""
        return self.request.action.value or "deploy"


@dataclass(frozen=True)
class Started:
    """A run that was started.

    `handle` finds it again, also after a restart; `url` is its page, where it has one.
    """

    handle: str
    url: str = ""


@dataclass(frozen=True)
class NotStarted:
    """A run that surely was not started: nothing happened."""

    reason: str


@dataclass(frozen=True)
class Unsure:
    """A run of which nobody can tell whether it was started.

    `patience_s`: for so long after the first question it is worth asking again.
    """

    reason: str
    patience_s: float = 0.0


Found = Started | NotStarted | Unsure


@dataclass(frozen=True)
class RunOutcome:
    """End of a run.

    `failure` is the deploy's own result, `error` means that it could not be carried out, `unknown`
    that nobody can tell; `reason` is one clean sentence.
    """

    state: Literal["success", "failure", "error", "cancelled", "unknown"]
    exit_code: int | None = None
    reason: str = ""


Hear = Callable[[str], None]
"""Listener to a run's signs of life, each with its text; empty for the sign alone."""


class BackendError(DevstreamError):
    """A back end cannot do what it was asked; the message is one sentence."""


def table(target: Target, kind: type[_T]) -> _T:
    """Return the table of a back end.

    Raises:
        BackendError: the target has another one, or none.

    """
    settings = target.settings()
    if not isinstance(settings, kind):
        raise BackendError(f"the target has no table {kind.__name__.lower()}")
    return settings


class Backend(Protocol):
    """One way to run an order."""

    async def check(self, target: Target, secrets: Mapping[str, str]) -> Sequence[str]:
        """Return what would keep a deploy of `target` from starting; empty when nothing would."""
        ...

    async def start(self, order: Order) -> Found:
        """Start the order, once; called at most once for a request."""
        ...

    async def find(self, order: Order) -> Found:
        """Look for a run that may have started without an answer."""
        ...

    async def watch(self, order: Order, handle: str, hear: Hear) -> RunOutcome:
        """Follow a started run to its end.

        Cancelling the call ends the watching, never the deploy.
        """
        ...

    async def cancel(self, order: Order, handle: str) -> None:
        """Ask a started run to end; its end is what `watch` returns. May be asked twice.

        Raises:
            BackendError: it cannot be ended from here.

        """
        ...

    def leftover(self, order: Order) -> str:
        """Name a lost run's living processes, and how to end them.

        Empty when nothing is. Blocks for the time of a look at this machine.
        """
        ...


@runtime_checkable
class Listening(Protocol):
    """A back end whose service tells by itself how a run goes."""

    def receive(self, order: Order, headers: Mapping[str, str], body: bytes) -> bool:
        """Take a service's word on a run that is under way; returns whether it ends the run.

        Names of `headers` are lower case.

        Raises:
            CallbackError: it is not proven, not readable, or not waited for.

        """
        ...
