"""`devstream team`: the members of the team, and what each of them may do."""

from __future__ import annotations

from devstream_desktop.cli.commands import CommandParser
from devstream_desktop.cli.team import joins, policy, roles


def add_arguments(parser: CommandParser) -> None:
    """Add the commands of `team`."""
    team = parser.add_subparsers(title="team commands", metavar="COMMAND", required=True)
    joins.add_commands(team)
    roles.add_commands(team)
    policy.add_commands(team)
