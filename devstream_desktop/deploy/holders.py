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
        """Return why this target and environment take no run; empty when they do."""
        run = self._runs.holder(target, environment)
        if run is None:
            return ""
        # It is under way in this node.
        if run.state != "unknown":
            return (
                f"{target} is already being deployed to {environment}, for {run.person}; wait for "
                "it to end and ask again"
            )
        # A run that was lost from sight may still change the target.
        if alive := self._alive(run):
            return alive
        self._runs.released(run.request)
        return ""

    def look(self) -> None:
        """Free the targets of lost runs that ended; note the others' holders."""
        blocked = []
        for run in self._runs.left():
            if said := self._alive(run):
                blocked.append(said)
            else:
                self._runs.released(run.request)
        self.blocked = tuple(blocked)

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
