"""The reasons to look twice at a plan."""

from __future__ import annotations

from collections.abc import Sequence

from devstream_desktop.control.messages.deploys import Commit, PlanWarning
from devstream_desktop.deploy.checks import GREEN, UNDER_WAY
from devstream_desktop.deploy.commits import Between
from devstream_desktop.deploy.knowledge import Knowledge
from devstream_desktop.deploy.targets import Target, windows_of
from devstream_desktop.deploy.world import World
from devstream_desktop.stream.text import clean, duration


def warnings_of(
    knowledge: Knowledge,
    world: World,
    target: Target,
    new: Commit,
    old: Commit,
    commits: Sequence[Commit],
    between: Between,
) -> tuple[PlanWarning, ...]:
    """Return the reasons to look twice; in a thread."""
    found: list[PlanWarning] = []

    def warn(severity: str, kind: str, text: str) -> None:
        found.append(PlanWarning(severity=severity, kind=kind, text=clean(text, 200)))

    for check in new.checks:
        if check.state not in (GREEN, *UNDER_WAY):
            warn("warning", "checks", f"{check.name} {check.state} at this commit")
        elif check.state in UNDER_WAY:
            warn("warning", "checks", f"{check.name} is {check.state}")
    for forge in sorted({check.told_by for check in new.checks if check.told_by}):
        names = ", ".join(check.name for check in new.checks if check.told_by == forge)
        warn("info", "checks", f"{forge} was asked, for the stream does not tell all: {names}")
    if not new.checks:
        warn("info", "checks", "no build or test of this commit is known")
    incidents = knowledge.incidents(target.name, target.environment)
    for line in incidents:
        warn("warning", "incident", f"open: {line}")
    if between.backwards:
        count = len(commits) + between.more
        warn("warning", "backwards", f"this goes backwards: {_commits(count, 'goes', 'go')} away")
    elif new.at and old.at and new.at < old.at:
        age = duration(old.at - new.at)
        warn("warning", "older", f"this commit is {age} older than what runs there")
    others = sorted({one.author for one in commits if one.author and not one.own})
    if others and not between.backwards:
        count = sum(1 for one in commits if not one.own)
        warn("info", "others", f"others' work ships too, {_commits(count)}: {', '.join(others)}")
    if closed := windows_of(target).closed(world.now):
        warn("warning", "hours", closed)
    if not world.current:
        warn("info", "unknown", f"what runs on {target.environment} is not known")
    if not new.title:
        warn("info", "unknown", "nothing is known of this commit but its hash")
    for lock in world.locks:
        if lock.covers(target.name, target.environment) and lock.holds(world.now):
            warn("info", "lock", lock.sentence(world.now))
    return tuple(found)


def _commits(count: int, one: str = "", many: str = "") -> str:
    said = f"1 commit {one}" if count == 1 else f"{count} commits {many}"
    return said.strip()
