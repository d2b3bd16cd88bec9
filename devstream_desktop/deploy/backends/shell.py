"""Runs a target's own program.

Fixed arguments, no shell, few environment variables, output to a private file.

The program is started by a supervisor of its own (`supervisor.py`), which outlives a node that
stops or dies. The log carries the supervisor's lock: while it is held, the run goes on, whoever
started it. The result is in a file beside the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from devstream_desktop import machine
from devstream_desktop.deploy import runlog
from devstream_desktop.deploy.backends import supervisor
from devstream_desktop.deploy.backends.contract import (
    Backend,
    BackendError,
    Found,
    Hear,
    NotStarted,
    Order,
    RunOutcome,
    Started,
    Unsure,
)
from devstream_desktop.deploy.parameters import variables
from devstream_desktop.deploy.request import Action
from devstream_desktop.deploy.targets import Target
from devstream_desktop.program import supervise
from devstream_desktop.stream.run_mark import REQUEST
from devstream_desktop.stream.text import clean, duration

KILL_AFTER_S = 10.0
"""Seconds between asking a run to end, and killing it."""
_LOOK_FIRST_S, _LOOK_EVERY_S = 0.02, 0.5
_STARTING_S = 20.0
"""Seconds that a supervisor gets to start its program."""
_WINDOWS_NEEDS = ("SYSTEMROOT", "PATHEXT", "COMSPEC")
_NAMED = 3


class _Result(msgspec.Struct, frozen=True):
    """The content of a result file, as `supervisor.py` writes it."""

    supervisor: int = 0
    program: int = 0
    failed: str = ""
    exit: int | None = None
    why: str = ""


class _Failure(msgspec.Struct, frozen=True):
    """The supervisor's word that a program could not be started; all empty when it was."""

    errno: int = 0
    reason: str = ""
    file: str = ""


@dataclass(frozen=True)
class Program:
    """A program of this machine that carries out an order; `name` is for a person."""

    run: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    name: str


class Shell(Backend):
    """The back end of `run = [...]` and this machine's other programs."""

    def __init__(
        self,
        kill_after_s: float = KILL_AFTER_S,
        max_bytes: int = runlog.MAX_BYTES,
        keep_bytes: int = runlog.KEEP_BYTES,
    ) -> None:
        self._kill_after_s = kill_after_s
        self._max_bytes, self._keep_bytes = max_bytes, keep_bytes

    async def check(self, target: Target, secrets: Mapping[str, str]) -> Sequence[str]:
        """Return what would keep the program from starting."""
        path = dict(target.env).get("PATH") or os.environ.get("PATH") or os.defpath
        return await asyncio.to_thread(_check, target.run[0], target.cwd, path)

    def program(self, order: Order) -> Program:
        """Return the program of an order.

        Raises:
            BackendError: it cannot be put together.

        """
        dry = order.request.action is Action.DRY_RUN
        run = order.target.dry_run if dry else order.target.run
        return Program(run, order.target.cwd, environment(order), run[0])

    async def start(self, order: Order) -> Found:
        """Start the program under its supervisor."""
        # In a thread: starting may wait for a slow disk.
        return await asyncio.to_thread(self._start, order)

    async def find(self, order: Order) -> Found:
        """Read what the supervisor wrote, and whether it is there."""
        deadline = asyncio.get_running_loop().time() + _STARTING_S
        while True:
            found = await asyncio.to_thread(self._find, order)
            if found is not None:
                return found
            if asyncio.get_running_loop().time() > deadline:
                return Unsure("its supervisor does not say whether it started it")
            await asyncio.sleep(_LOOK_EVERY_S)

    async def watch(self, order: Order, handle: str, hear: Hear) -> RunOutcome:
        """Wait for the program's end, and tell what it prints meanwhile."""
        wait, size = _LOOK_FIRST_S, -1
        while True:
            # In this order: a supervisor writes the result before it lets go of the lock.
            held = await asyncio.to_thread(runlog.is_held, order.log)
            result = await asyncio.to_thread(_result, order.log)
            if result.exit is not None:
                return await asyncio.to_thread(_outcome, order, result)
            if not held and sys.platform != "win32":
                return RunOutcome("unknown", reason=_lost(await asyncio.to_thread(_last, order)))
            grown = await asyncio.to_thread(runlog.size, order.log)
            if grown != size:
                size = grown
                hear(await asyncio.to_thread(_last, order))
            await asyncio.sleep(wait)
            wait = min(_LOOK_EVERY_S, wait * 1.5)

    async def cancel(self, order: Order, handle: str) -> None:
        """Have the supervisor end the program with all that it started."""
        result = await asyncio.to_thread(_result, order.log)
        if result.exit is not None:
            return
        # The lock says that this number is still the supervisor's. Without a number, 0 and -1 would
        # end this node and every process of its user.
        known = sys.platform != "win32" and result.supervisor > 0
        if not known or not await asyncio.to_thread(runlog.is_held, order.log):
            raise BackendError("its supervisor is not known, so it cannot be ended from here")
        with contextlib.suppress(ProcessLookupError):
            os.kill(result.supervisor, signal.SIGTERM)

    def leftover(self, order: Order) -> str:
        """Name the processes of a run whose supervisor is gone."""
        if runlog.is_held(order.log):
            return "it still runs"
        alive = list(supervisor.processes_of(order.request.id))
        if not alive:
            return ""
        named = ", ".join(f"{pid} ({clean(name, 60)})" for pid, name in alive[:_NAMED])
        numbers = " ".join(str(pid) for pid, _ in alive[:_NAMED])
        return (
            f"of it still run the processes {named}; when they may end, type on the executor: "
            f"kill {numbers}"
        )

    def _start(self, order: Order) -> Found:
        try:
            lock = runlog.open_log(order.log)
        except OSError as error:
            return NotStarted(f"its output cannot be kept: {machine.reason(error, order.log)}")
        try:
            return self._supervise(order, lock)
        except OSError as error:
            return NotStarted(f"its supervisor could not be started: {error.strerror or error}")
        finally:
            # The supervisor has its own copy, and the lock with it.
            os.close(lock)

    def _supervise(self, order: Order, lock: int) -> Found:
        windows = sys.platform == "win32"
        program = self.program(order)
        task = supervisor.Task(
            run=list(program.run),
            env=dict(program.env),
            cwd=str(program.cwd),
            log=str(order.log),
            result=str(runlog.result_of(order.log)),
            request=order.request.id,
            timeout=order.target.timeout_s,
            kill_after=self._kill_after_s,
            max_bytes=self._max_bytes,
            keep_bytes=self._keep_bytes,
            secrets=list(order.secrets.values()),
            lock=-1 if windows else lock,
        )
        with subprocess.Popen(
            supervise(supervisor.__file__),
            # Of the node's environment, which may hold secrets, only what Windows needs to start.
            env={name: os.environ[name] for name in _WINDOWS_NEEDS if name in os.environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=() if windows else (lock,),
            start_new_session=True,
        ) as process:
            said, _ = process.communicate(json.dumps(task).encode())
        if not said:
            return Unsure("its supervisor ended before it said whether it started")
        failure = msgspec.json.decode(said, type=_Failure)
        if failure.reason:
            return NotStarted(_why(failure, program))
        return Started(order.request.id)

    def _find(self, order: Order) -> Found | None:
        """Look once; None while the supervisor is starting the program."""
        if not order.log.exists():
            return NotStarted("the executor's node ended before it was started")
        held = runlog.is_held(order.log)
        result = _result(order.log)
        if result.failed:
            return NotStarted(_not_started(self.program(order).name, result.failed))
        if result.exit is not None or (held and result.program):
            return Started(order.request.id)
        if held:
            return None
        if not result.supervisor:
            return NotStarted("the executor's node ended before it was started")
        return Unsure(_lost(_last(order)))


def environment(order: Order) -> dict[str, str]:
    """All that the program inherits.

    What the target lets through, what it fixes, its secrets, and who deploys what.
    """
    names = (*order.target.pass_env, *(_WINDOWS_NEEDS if sys.platform == "win32" else ()))
    # The node's environment may hold secrets, so only named variables pass.
    passed = {name: os.environ[name] for name in names if name in os.environ}
    request = order.request
    return (
        passed
        | dict(order.target.env)
        | dict(order.secrets)
        | {
            "DEVSTREAM_TARGET": request.target,
            "DEVSTREAM_ENVIRONMENT": request.environment,
            "DEVSTREAM_REF": request.ref,
            "DEVSTREAM_SHA": request.sha,
            "DEVSTREAM_PERSON": order.person,
            REQUEST: request.id,
            "DEVSTREAM_ACTION": order.action,
        }
        | variables(request.parameters)
    )


def _check(program: str, cwd: Path, path: str) -> list[str]:
    if not cwd.is_dir():
        return ["its cwd is not there; make the folder, or correct targets.toml"]
    # A path is taken from the program's own folder, a bare name is looked up.
    bare = os.sep not in program
    found = shutil.which(program, path=path) if bare else shutil.which(cwd / program)
    if found is None:
        return [f"{clean(program, 80)} cannot be run: it is not there, or not executable"]
    return []


def _result(log: Path) -> _Result:
    try:
        return msgspec.json.decode(runlog.result_of(log).read_bytes(), type=_Result)
    except FileNotFoundError:
        return _Result()
    except (OSError, ValueError, RecursionError):
        # Something is there: whether the program started is not known.
        return _Result(supervisor=-1)


def _outcome(order: Order, result: _Result) -> RunOutcome:
    code, said = result.exit or 0, _last(order)
    quoted = f"; the last it said: {said}" if said else ""
    if result.why == "timeout":
        long = duration(int(order.target.timeout_s * 1000))
        return RunOutcome("error", code, clean(f"stopped: it took longer than {long}{quoted}", 200))
    if result.why == "cancelled":
        return RunOutcome("cancelled", code, clean(f"ended before its end{quoted}", 200))
    # 0 is success, anything else the program's own failure.
    if code == 0:
        return RunOutcome("success", 0)
    how = f"ended by {_signal_name(-code)}" if code < 0 else f"exit {code}"
    return RunOutcome("failure", code, clean(f"{how}: {said}" if said else how, 200))


def _lost(said: str) -> str:
    quoted = f"; the last it said: {said}" if said else ""
    return f"its supervisor was killed or the machine went down, so its end is not known{quoted}"


def _last(order: Order) -> str:
    return runlog.last_line(order.log)


def _why(failure: _Failure, program: Program) -> str:
    """Return the system's reason, without the paths of this machine: everybody reads it."""
    # The path itself would tell the team about this machine.
    place = " (its cwd)" if failure.file == str(program.cwd) else ""
    said = machine.shortage(OSError(failure.errno, failure.reason)) or failure.reason
    return _not_started(program.name, f"{said}{place}")


def _not_started(name: str, reason: str) -> str:
    return clean(f"{name} could not be started: {reason}", 200)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
