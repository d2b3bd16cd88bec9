"""Several patterns of a role are one change, which admins sign once."""

from __future__ import annotations

import pytest
from people import People, countersign, tell

from devstream_desktop.cli.main import main
from devstream_desktop.cli.team import roles
from devstream_desktop.control.messages.base import Done
from devstream_desktop.control.messages.members import Grant, Ungrant
from devstream_desktop.node.team_requests import act
from devstream_desktop.stream.words import Role
from devstream_desktop.team.errors import PolicyError
from devstream_desktop.team.policy import changes
from devstream_desktop.team.team import Team

PATTERNS = ("shop/*", "*/staging")


def granted(team: Team) -> list[str]:
    return [one.pattern for one in team.chain.current.grants if one.role is Role.DEPLOYER]


async def test_two_patterns_under_a_threshold_are_one_proposal(team: Team, people: People) -> None:
    bo = await people.join_as_admin("bo")
    team.change(changes.settings(threshold=2))
    assert countersign(team, bo)
    told = act(team, Grant(person="bo", role="deployer", pattern="shop/*", further=("*/staging",)))
    assert told.startswith("proposed")
    assert len(team.chain.proposals) == 1
    assert countersign(team, bo)
    assert granted(team) == [*PATTERNS]
    act(team, Ungrant(person="bo", role="deployer", pattern="shop/*", further=("*/staging",)))
    assert len(team.chain.proposals) == 1
    tell(team, bo)
    assert bo.approve("")
    assert granted(bo) == []


def test_a_pattern_that_is_wrong_leaves_none_of_them(team: Team) -> None:
    with pytest.raises(PolicyError):
        act(team, Grant(person="ana", role="deployer", pattern="shop/*", further=("shop",)))
    assert granted(team) == []


@pytest.mark.parametrize(("command", "kind"), [("grant", Grant), ("ungrant", Ungrant)])
def test_the_command_asks_once(
    command: str, kind: type[Grant | Ungrant], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def ask(_: object, request: object) -> Done:
        asked.append(request)
        return Done()

    monkeypatch.setattr(roles, "ask", ask)
    assert main(["team", command, "bo", "deployer", *PATTERNS]) == 0
    assert main(["team", command, "bo", "admin"]) == 0
    assert asked == [
        kind(person="bo", role="deployer", pattern="shop/*", further=("*/staging",)),
        kind(person="bo", role="admin"),
    ]
