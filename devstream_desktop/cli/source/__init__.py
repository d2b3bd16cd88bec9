"""`devstream source`: the sources that the collector reads or receives from."""

from __future__ import annotations

from devstream_desktop.cli.arguments import Commands
from devstream_desktop.cli.source import add, commands


def add_commands(parent: Commands) -> None:
    """Add `source` and its commands."""
    source = parent.add_parser("source", help="the sources of this collector").add_subparsers(
        title="source commands", metavar="COMMAND", required=True
    )
    add.add_command(source)
    commands.add_commands(source)
