"""Random histories of requests, locks, approvals and time: the executor decides as the rules say.

The rules are written a second time in `reference.py`. The executor is the real one with its real
database; only the programs are not run.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from deploy.reference import HOUR, MINUTE, Asked, Reference, Settings

from devstream_desktop.deploy import decisions as decisions_module
from devstream_desktop.deploy import upkeep as upkeep_module
from devstream_desktop.deploy.checks import Check
from devstream_desktop.deploy.decisions import Decisions
from devstream_desktop.deploy.knowledge import Nothing, Rights
from devstream_desktop.deploy.lock_table import LockTable
from devstream_desktop.deploy.queue import Queue, Waiting
from devstream_desktop.deploy.records import Records
from devstream_desktop.deploy.request import Action, make_request
from devstream_desktop.deploy.runs import Runs
from devstream_desktop.deploy.targets import Target
from devstream_desktop.deploy.upkeep import Upkeep
from devstream_desktop.deploy.world import Asker
from devstream_desktop.stream.entry import device_id
from devstream_desktop.stream.event import decode_event

ME = device_id(b"e" * 32)
PERSONS = ("ana", "bo", "cy", "dee")
DEVICES = {device_id(bytes([at]) * 32): person for at, person in enumerate((*PERSONS, "ana"))}
ENVS = ("staging", "production")
SHAS = tuple(digit * 40 for digit in "123")
START = 1_800_000_000_000 // (24 * HOUR) * 24 * HOUR + 12 * HOUR
RULES = {
    "clock": "ahead of the executor",
    "expired": "it expired before",
    "too late": "in time, so nothing ran",
    "may not": r"may not (deploy|lock|approve|end)",
    "no glass": "may not break the glass",
    "no reason": "needs a reason",
    "no dry run": "has no dry run",
    "no rollback": "is no rollback",
    "locked": "is locked by",
    "stale": "runs there now",
    "policy": "policy changed",
    "checks": "the check",
    "order": "comes before",
    "closed": "deploys are allowed",
    "already": "there already; replace",
    "old approval": "approval is too old",
    "no approver": "it needs the approval",
    "not locked": "is not locked",
    "not waiting": "waits for an approval here",
    "not there": "(runs or waits|is queued or waits) here",
    "elsewhere": "is of another target or environment",
    "own": "from a second person",
    "twice": "approved it already",
}


class Executor:
    """The real decisions and the real database, with programs that end when they are told to."""

    def __init__(self, folder: Path, world: Reference) -> None:
        self.model = world
        self.runs = Runs(folder / "deploy.sqlite")
        self.runs.open()
        self.records = Records(
            self.runs, Queue(self.runs.database), LockTable(self.runs.database), self
        )
        self.targets = {}
        self.mistake = ""
        self.due: list[Waiting] = []
        rights = Rights(
            lambda person, role, _, env: self.model.may(person, str(role), env),
            lambda role, _, env: sorted(
                {one for one, had, at in self.model.roles if had == str(role) and env in ("", at)}
            ),
            lambda device: DEVICES.get(device, ""),
            lambda: self.model.policy,
        )
        outbox = SimpleNamespace(answer=self._quiet, in_trouble=self._trouble, say=self._said)
        self.decisions = Decisions(
            device=ME,
            rights=rights,
            now=lambda: self.model.now,
            answered=None,
            copied=lambda: False,
            records=self.records,
            offers=self,
            outbox=outbox,
            runner=SimpleNamespace(orders=self, launch=self.launch, cancel=self.cancel),
            holders=self,
            forges=self,
            commits=self,
            stopping=asyncio.Event(),
            approved=lambda: None,
        )
        self.upkeep = Upkeep(
            ME, rights, self.records, self, outbox, lambda: self.model.now, self.due.append
        )

    # Its parts, as far as they are needed.

    async def _quiet(self) -> None: ...

    async def _said(self, _events) -> bool:
        return True

    def _trouble(self, sentence: str) -> None:
        raise AssertionError(sentence)

    async def refresh(self) -> None: ...

    def lost(self, *_) -> str:
        return ""

    def lacks(self, _) -> str:
        return ""

    async def launch(self, request, _target, _person) -> None:
        self.runs.started(request.id, self.model.now)

    async def cancel(self, request, _person) -> str:
        self.runs.finished(request, "cancelled", self.model.now, None, "")
        return ""

    deployed = Nothing.deployed
    succeeded = Nothing.succeeded

    def checks(self, shas):
        return {
            sha: (Check("integration", *self.model.checks[sha]),)
            for sha in shas
            if sha in self.model.checks
        }

    # What the history does with it.

    def clear(self, world: Reference) -> None:
        self.model = world
        with self.runs.database.transaction() as connection:
            for table in ("runs", "locks", "approvals"):
                connection.execute(f"DELETE FROM {table}")
        self.targets = {
            ("shop", env): Target(
                name="shop",
                environment=env,
                run=("x",),
                checks=("integ*",) if one.checks else (),
                check_age_s=one.check_age / 1000,
                order=one.order,
                approvals=one.approvals,
                approvers=(one.approver,),
                hours=f"{one.hours[0] // 60:02}:00-{one.hours[1] // 60:02}:00" if one.hours else "",
                timezone="UTC",
                dry_run=("x", "--dry") if one.dry_run else (),
                rollback_locks=one.rollback_locks,
            )
            for env, one in world.settings.items()
        }

    async def look(self) -> None:
        await self.upkeep.look()
        while self.due:
            waiting = self.due.pop(0)
            person = DEVICES[waiting.device]
            await self.decisions.decide(
                decode_event(waiting.event),
                Asker(waiting.device, person),
                fresh=True,
                waiting=waiting,
            )

    def end(self, env: str, state: str) -> None:
        run = self.runs.holder("shop", env)
        assert run is not None
        self.runs.finished(run.request, state, self.model.now, 0, "")

    def states(self) -> dict[str, tuple[str, str]]:
        with self.runs.database.connection() as connection:
            rows = connection.execute("SELECT request, state, reason FROM runs").fetchall()
        return {key: (state, reason) for key, state, reason in rows}

    def locks(self) -> dict[str, tuple[str, int]]:
        return {lock.environment: (lock.person, lock.until) for lock in self.records.locks.all()}

    def line(self) -> list[str]:
        return [one.run.request for one in self.records.queue.all()]


class History:
    """One random history, told to both."""

    def __init__(self, rng: random.Random, executor: Executor) -> None:
        self.rng, self.executor, self.told = rng, executor, []
        chance = rng.random
        self.model = Reference(
            {
                env: Settings(
                    checks=chance() < 0.3,
                    order=("staging",) if env == "production" and chance() < 0.4 else (),
                    approvals=rng.choice((0, 0, 1, 2)),
                    approver=rng.choice(("approver", "deployer")),
                    hours=(9 * 60, 17 * 60) if chance() < 0.2 else None,
                    dry_run=chance() < 0.5,
                    rollback_locks=chance() < 0.5,
                )
                for env in ENVS
            },
            {
                (person, role, env)
                for person in PERSONS
                for env in ENVS
                for role, share in (("deployer", 0.8), ("approver", 0.5), ("break-glass", 0.3))
                if chance() < share
            },
            START + rng.randrange(12 * HOUR),
        )
        executor.clear(self.model)

    async def step(self) -> None:
        rng, model = self.rng, self.model
        kind = rng.choices(
            ("ask", "command", "end", "wait", "look", "check", "policy", "role"),
            (8, 7, 5, 3, 3, 2, 0.4, 0.6),
        )[0]
        self.told.append(kind)
        match kind:
            case "ask" | "command":
                await self._ask(kind)
            case "end" if model.running:
                env = rng.choice(sorted(model.running))
                state = rng.choice(("success", "success", "failure"))
                self.executor.end(env, state)
                model.end(env, state)
                await self._look()
            case "wait":
                model.now += rng.choice((1000, MINUTE, 5 * MINUTE, 16 * MINUTE, 61 * MINUTE))
                await self._look()
            case "look":
                await self._look()
            case "check":
                state = rng.choice(("succeeded", "succeeded", "failed", "running"))
                at = model.now - rng.choice((0, HOUR, 30 * HOUR))
                model.checks[rng.choice(SHAS)] = (state, at)
            case "policy":
                model.policy += 1
            case "role":
                role = rng.choice(("deployer", "approver", "break-glass"))
                model.roles ^= {(rng.choice(PERSONS), role, rng.choice(ENVS))}
                model.policy += 1

    async def _look(self) -> None:
        await self.executor.look()
        self.model.look()

    async def _ask(self, kind: str) -> None:
        rng, model = self.rng, self.model
        device = rng.choice(list(DEVICES))
        person, env = DEVICES[device], rng.choice(ENVS)
        about, lasts, expected, override = "", 0, "", False
        if kind == "ask":
            action = rng.choice(("", "", "", "rollback", "dry_run"))
            expected = rng.choice(("", "", model.current(env), rng.choice(SHAS)))
            override = rng.random() < 0.15
            mine = [key for key in model.line if model.requests[key].person == person]
            about = rng.choice(mine) if mine and rng.random() < 0.5 else ""
        else:
            action = rng.choice(("lock", "unlock", "approve", "approve", "withdraw", "cancel"))
            env = rng.choice((*ENVS, "")) if action in ("lock", "unlock") else env
            lasts = rng.choice((0, HOUR)) if action == "lock" else 0
        if action in ("approve", "withdraw", "cancel"):
            known = [*model.line, *model.running.values()] or list(model.requests) or ["0" * 32]
            waiting = [key for key in model.line if model.requests[key].state == "waiting"]
            about = rng.choice(waiting if waiting and action == "approve" else known)
            if about in model.requests and rng.random() < 0.9:
                env = model.requests[about].env or env
        sha = rng.choice(SHAS) if kind == "ask" else ""
        time = model.now - rng.choice((0, 0, 0, 0, 0, 0, 0, 119_000, 121_000, -121_000 - MINUTE))
        fresh = rng.random() < 0.97
        reason = rng.choice(("", "because", "because"))
        event = make_request(
            device=device,
            person=person,
            target="shop",
            environment=env,
            executor=ME,
            now=time,
            sha=sha,
            ref="main" if sha else "",
            action=Action(action),
            about=about,
            expected=expected,
            lasts=lasts,
            override=override,
            reason=reason,
            title=f"{len(self.told)}",
        )
        for _ in range(rng.choice((1, 1, 2))):
            await self.executor.decisions.decide(event, Asker(device, person), fresh=fresh)
        asked = Asked(
            event.key, action, person, env, sha, time, fresh, expected, about, override, reason
        )
        asked.lasts = lasts
        model.ask(asked)

    def compare(self) -> None:
        model, states = self.model, self.executor.states()
        for key, asked in model.requests.items():
            state, reason = states[key]
            story = (self.told, asked, state, reason)
            assert state == asked.state, story
            if state == "refused":
                assert re.search(RULES[asked.rule], reason), story
        assert self.executor.line() == model.line, self.told
        locks = {env: held[:2] for env, held in model.locks.items()}
        assert self.executor.locks() == locks, self.told


@pytest.fixture
def at_once(monkeypatch):
    async def call(function, *arguments):
        return function(*arguments)

    for module in (decisions_module, upkeep_module):
        fake = SimpleNamespace(**{**vars(asyncio), "to_thread": call})
        monkeypatch.setattr(module, "asyncio", fake)


@pytest.fixture
def executor(tmp_path_factory, at_once):
    memory = Path("/dev/shm")
    folder = tmp_path_factory.mktemp("reference")
    if memory.is_dir() and os.access(memory, os.W_OK):
        folder = memory / f"devstream-reference-{os.getpid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
    made = Executor(folder, Reference({}, set(), START))
    yield made
    made.runs.close()
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


async def _play(executor: Executor, seeds: range, steps: int) -> dict[str, int]:
    seen: dict[str, int] = {}
    for seed in seeds:
        history = History(random.Random(seed), executor)
        for _ in range(steps):
            await history.step()
            history.compare()
        for asked in history.model.requests.values():
            outcome = asked.rule or asked.state
            seen[outcome] = seen.get(outcome, 0) + 1
    return seen


async def test_random_histories_are_decided_as_the_rules_say(executor):
    seen = await _play(executor, range(150), 60)
    # Every rule refused something, and everything that can happen did.
    # An approval that is too old by its turn is rare (test_service.py).
    assert set(RULES) - {"old approval"} <= set(seen), sorted(set(RULES) - set(seen))
    assert {"success", "dry_run", "locked", "unlocked", "approved", "accepted"} <= set(seen)


@pytest.mark.slow
@pytest.mark.timeout(0)
async def test_thousands_of_random_histories_are_decided_as_the_rules_say(executor):
    """Plays 500; HISTORIES=20000 plays as many."""
    count = int(os.environ.get("HISTORIES", "500"))
    seen = await _play(executor, range(1_000, 1_000 + count), 40)
    assert set(RULES) - {"old approval"} <= set(seen)
