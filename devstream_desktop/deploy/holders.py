"""The runs that hold targets: those under way, and those that were lost from sight."""

from __future__ import annotations

from devstream_desktop.deploy import runlog
from devstream_desktop.deploy.orders import Orders
from devstream_desktop.deploy.run import Run
from devstream_desktop.deploy.runs import Runs


class Holders:
    """Names the holder of a target, and frees targets of ended runs.

    Every method blocks, and raises `RunsError` when deploy.sqlite cannot be used.
    """

    def __init__(self, runs: Runs, orders: Orders) -> None:
        self.blocked: tuple[str, ...] = ()
        """Sentences about targets that lost runs block, at the last look."""
        self._runs = runs
        self._orders = orders

    def busy(self, target: str, environment: str) -> str:
        """Return why a run could not begin there now; empty when it could."""
        run = self._runs.holder(target, environment)
        # It is under way in this node.
        if run is not None and run.state != "unknown":
            return (
                f"{target} is already being deployed to {environment}, for {run.person}; wait for "
                "it to end and ask again"
            )
        return self._lost(run)

    def lost(self, target: str, environment: str) -> str:
        """Say that a run which was lost from sight keeps others out; empty when none does."""
        return self._lost(self._runs.holder(target, environment))

    def look(self) -> None:
        """Free the targets of lost runs that ended; note the others' holders."""
        blocked = []
        for run in self._runs.left():
            if said := self._alive(run):
                blocked.append(said)
            else:
                self._runs.released(run.request)
        self.blocked = tuple(blocked)

    def _lost(self, run: Run | None) -> str:
        if run is None or run.state != "unknown":
            return ""
        # It may still change the target.
        if alive := self._alive(run):
            return alive
        self._runs.released(run.request)
        return ""

    def _alive(self, run: Run) -> str:
        trail = self._runs.starts.of(run.request)
        # Of an older devstream, whose programs held the log themselves.
        if trail is None:
            alive = "it still runs" if runlog.is_held(self._orders.log_of(run.request)) else ""
        else:
            order = self._orders.again(run, trail.target)
            alive = self._orders.backend_of(order).leftover(order)
        what = f"deploy {run.request[:8]} of {run.target} to {run.environment}"
        return f"{what} was lost from sight; {alive}" if alive else ""
