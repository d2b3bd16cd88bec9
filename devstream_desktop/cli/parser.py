"""The parser of the `devstream` command."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from devstream_desktop import __version__
from devstream_desktop.cli.commands import add_commands, fill_all

if TYPE_CHECKING:
    from devstream_desktop.home import Home


def build_parser() -> argparse.ArgumentParser:
    """Return the parser; a command's own arguments come when needed."""
    parser = argparse.ArgumentParser(
        prog="devstream",
        description="One sparse, live, peer-to-peer stream of what a team ships and breaks. "
        "Without a command: the tray.",
    )
    parser.add_argument(
        "--home",
        metavar="DIR",
        help="the folder of this node (default: $DEVSTREAM_HOME, else the user's data folder)",
    )
    parser.add_argument("--version", action="version", version=f"devstream {__version__}")
    parser.add_argument(
        "--allow-key-file",
        action="store_true",
        help="where no keyring can be used, keep the key that seals this node's secrets "
        "in the file HOME/key (readable by you alone)",
    )
    parser.set_defaults(command=_tray)
    add_commands(parser)
    return parser


def whole_parser() -> argparse.ArgumentParser:
    """Return the parser of every command and option, for documentation and completion."""
    parser = build_parser()
    fill_all(parser)
    return parser


def _tray(home: Home, options: argparse.Namespace) -> int:
    from devstream_desktop.cli.tray import tray

    return tray(home, options)
