"""`devstream team`: the members of the team, and what each of them may do."""

from __future__ import annotations

from devstream_desktop.cli.arguments import Commands
from devstream_desktop.cli.team import joins, policy, roles


def add_commands(commands: Commands) -> None:
    """Add `team` and its commands."""
    team = commands.add_parser(
        "team", help="who is in the team, and who may do what"
    ).add_subparsers(title="team commands", metavar="COMMAND", required=True)
    joins.add_commands(team)
    roles.add_commands(team)
    policy.add_commands(team)
