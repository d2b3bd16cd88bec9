"""The commit that a person means: by a branch, a tag, a hash, or what runs elsewhere."""

from __future__ import annotations

import asyncio

from devstream_desktop.control import plan_words
from devstream_desktop.control.messages.deploys import PlanDeploy
from devstream_desktop.deploy import rules
from devstream_desktop.deploy.commits import Commits
from devstream_desktop.deploy.errors import PlanError
from devstream_desktop.deploy.records import Records
from devstream_desktop.deploy.repository import look_up
from devstream_desktop.deploy.request import RUNS, Action, is_sha
from devstream_desktop.deploy.targets import Target, Targets
from devstream_desktop.deploy.world import Tips
from devstream_desktop.stream.text import clean, short_ref

LOOK_UP_S = 2.0
"""Seconds that a repository may take to say where a branch is."""
PREVIOUS = "*"
"""The environment to promote from that comes before, by the target's order."""


class Selection:
    """Finds commits for one executor."""

    def __init__(self, records: Records, commits: Commits) -> None:
        self._records = records
        self._commits = commits

    async def find(
        self, asked: PlanDeploy, target: Target, targets: Targets
    ) -> tuple[str, str, Tips | None]:
        """Return the commit that is meant: ref, hash, and the refs asked.

        Raises:
            PlanError: there is none.

        """
        if asked.action not in RUNS:
            raise PlanError("a plan is of a deploy, a rollback or a dry run")
        if asked.action == Action.ROLLBACK and not (asked.sha or asked.ref):
            return await self._last_good(target)
        if asked.promote:
            return await self._promoted(asked.promote, target, targets)
        if asked.sha:
            return short_ref(asked.ref), await self._whole(asked.sha.lower(), target), None
        ref = short_ref(asked.ref or target.ref)
        if not target.repository:
            told = await asyncio.to_thread(self._records.knowledge.newest, target.name, ref)
            if told is None:
                unknown = plan_words.NO_COMMIT_ON.format(ref=clean(ref, 100), target=target.name)
                to_come = plan_words.COMMIT_TO_COME.format(option="--sha")
                raise PlanError(f"{unknown}; {to_come}")
            return ref, told.sha, None
        names = rules.full_names(asked.ref or target.ref)
        tips = await look_up(target.repository, names, LOOK_UP_S)
        if tips.trouble:
            failed = plan_words.LOOK_UP_FAILED.format(ref=clean(ref, 100), reason=tips.trouble)
            raise PlanError(failed)
        found = next((tips.commits[name] for name in names if name in tips.commits), "")
        if not found:
            missing = plan_words.NO_REF.format(ref=clean(ref, 100), target=target.name)
            another = plan_words.ANOTHER_REF.format(option="--ref")
            raise PlanError(f"{missing}; {another}")
        return ref, found, tips

    async def _last_good(self, target: Target) -> tuple[str, str, None]:
        place = (target.name, target.environment)
        good = await asyncio.to_thread(self._records.runs.last_good, *place)
        if good is None:
            nothing = plan_words.NOTHING_BEFORE.format(
                target=target.name, environment=target.environment
            )
            raise PlanError(f"{nothing}; {plan_words.NAME_A_COMMIT.format(option='--sha')}")
        return good.ref, good.sha, None

    async def _promoted(
        self, source: str, target: Target, targets: Targets
    ) -> tuple[str, str, None]:
        if source == PREVIOUS:
            if not target.order:
                raise PlanError(
                    f"targets.toml names no environment that comes before {target.environment}; "
                    "name one with --from"
                )
            source = target.order[-1]
        if (target.name, source) not in targets:
            known = ", ".join(sorted(env for name, env in targets if name == target.name))
            raise PlanError(f"{target.name} has no environment {clean(source, 40)}; it has {known}")
        run = await asyncio.to_thread(self._records.runs.last_success, target.name, source)
        if run is None:
            nothing = plan_words.NOTHING_TO_PROMOTE.format(environment=source)
            raise PlanError(f"{nothing}; {plan_words.DEPLOY_THERE}")
        return run.ref, run.sha, None

    async def _whole(self, start: str, target: Target) -> str:
        if is_sha(start):
            return start
        if target.repository and (found := await self._commits.find(target.repository, start)):
            return found
        told = await asyncio.to_thread(self._records.knowledge.change, target.name, start)
        if told is None:
            none = plan_words.NO_SINGLE_COMMIT.format(target=target.name, digits=clean(start, 64))
            raise PlanError(f"{none}; {plan_words.MORE_DIGITS}")
        return told.sha
