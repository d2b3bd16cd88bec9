"""`devstream source`: the sources that the collector reads or receives from."""

from __future__ import annotations

from devstream_desktop.cli.commands import CommandParser
from devstream_desktop.cli.source import add, commands


def add_arguments(parser: CommandParser) -> None:
    """Add the commands of `source`."""
    source = parser.add_subparsers(title="source commands", metavar="COMMAND", required=True)
    add.add_command(source)
    commands.add_commands(source)
