"""The reasons to look twice at a plan."""

from __future__ import annotations

from collections.abc import Sequence

from devstream_desktop.control import plan_words
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
        if check.state in UNDER_WAY:
            said = plan_words.CHECK_UNDER_WAY[check.state]
            warn("warning", "checks", said.format(name=check.name))
        elif check.state != GREEN:
            ended = plan_words.CHECK_ENDED.get(check.state, "{name} {state} at this commit")
            warn("warning", "checks", ended.format(name=check.name, state=check.state))
    for forge in sorted({check.told_by for check in new.checks if check.told_by}):
        names = ", ".join(check.name for check in new.checks if check.told_by == forge)
        warn("info", "checks", plan_words.FORGE_ASKED.format(forge=forge, names=names))
    if not new.checks:
        warn("info", "checks", plan_words.NO_CHECKS)
    incidents = knowledge.incidents(target.name, target.environment)
    for line in incidents:
        warn("warning", "incident", plan_words.INCIDENT.format(line=line))
    if between.backwards:
        count = len(commits) + between.more
        warn("warning", "backwards", _counted(plan_words.BACKWARDS, count).format(count=count))
    elif new.at and old.at and new.at < old.at:
        age = duration(old.at - new.at)
        warn("warning", "older", plan_words.OLDER.format(age=age))
    others = sorted({one.author for one in commits if one.author and not one.own})
    if others and not between.backwards:
        count = sum(1 for one in commits if not one.own)
        ships = _counted(plan_words.OTHERS, count).format(count=count, people=", ".join(others))
        warn("info", "others", ships)
    if closed := windows_of(target).closed(world.now):
        warn("warning", "hours", closed)
    if not world.current:
        unknown = plan_words.UNKNOWN_THERE.format(environment=target.environment)
        warn("info", "unknown", unknown)
    if not new.title:
        warn("info", "unknown", plan_words.UNKNOWN_COMMIT)
    for lock in world.locks:
        if lock.covers(target.name, target.environment) and lock.holds(world.now):
            warn("info", "lock", lock.sentence(world.now))
    return tuple(found)


def _counted(messages: tuple[str, str], count: int) -> str:
    return messages[0 if count == 1 else 1]
