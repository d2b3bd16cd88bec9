"""Events about a team: who joined, was revoked or left, and other changes of its policy."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.words import Kind
from devstream_desktop.team import Policy, Signed, Team, changes

LEFT = "left by its own will"
"""The reason why a device that left is revoked."""


def events_of(team: Team, before: Policy, link: Signed, left: AbstractSet[str]) -> list[Event]:
    """Make the events of what a version changed.

    `left`: devices that said themselves that they go. An admin's reason is no proof of it.
    """
    after, now = link.policy, link.policy.issued
    joined = [device for device in after.persons if device not in before.persons]
    revoked = [device for device in after.revoked if device not in before.revoked]
    events = [
        team_event(
            "joined",
            fact_key(team.id, Kind.TEAM, "joined", device),
            now,
            subject=f"member/{device}",
            actor=after.persons[device],
            reason=f"approved by {team.person}, device {device[:8]}",
            title=after.machines.get(device, ""),
            count=devices_of(after, after.persons[device]),
            previous=changes.replaced_by(after, device),
        )
        for device in joined
    ]
    replaced = {changes.replaced_by(after, device) for device in joined}
    events += [
        team_event(
            "revoked",
            fact_key(team.id, Kind.TEAM, "revoked", device),
            now,
            subject=f"member/{device}",
            actor=after.name_of(device),
            reason=f"by {team.person}, device {device[:8]}"
            + (f": {why}" if (why := after.revoked[device].why) else ""),
            title=after.machines.get(device, ""),
            count=len(after.devices_of(after.name_of(device))),
            # Its successor's join and its own last word have said so.
            quiet=device in replaced or device in left,
        )
        for device in revoked
    ]
    rest = changes.regranted(before, after)
    if rest:
        key = fact_key(team.id, Kind.TEAM, "policy", str(after.version))
        events.append(
            team_event(
                "policy",
                key,
                now,
                subject="policy",
                actor=team.person,
                reason="; ".join(rest),
                number=str(after.version),
            )
        )
    return events


def devices_of(policy: Policy, person: str) -> int:
    """Count the devices that a person has and had."""
    return sum(name == person for name in policy.persons.values())


def team_event(
    state: str,
    key: str,
    time: int,
    *,
    subject: str,
    actor: str,
    reason: str = "",
    executor: str = "",
    expires: int = 0,
    number: str = "",
    title: str = "",
    count: int = 0,
    previous: str = "",
    quiet: bool = False,
) -> Event:
    """Make an event about the team; the fields are `make_event`'s."""
    return make_event(
        kind=Kind.TEAM,
        state=state,
        service="team",
        subject=subject,
        key=key,
        time=time,
        actor=actor,
        reason=reason,
        executor=executor,
        expires=expires,
        number=number,
        title=title,
        count=count,
        previous=previous,
        quiet=quiet,
    )
