"""`devstream restore`: a home from a backup."""

from __future__ import annotations

import argparse
from pathlib import Path

from devstream_desktop.cli.output import day
from devstream_desktop.home import Home
from devstream_desktop.stream.text import clean


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `restore`."""
    parser.epilog = (
        "The home must be a fresh one. A restored node goes on under a new feed; do not run it"
        " beside the one that was saved."
    )
    parser.add_argument("file", metavar="FILE", help="what devstream backup wrote")
    parser.set_defaults(command=restore)


def restore(home: Home, options: argparse.Namespace) -> int:
    """Fill the home, and say how it goes on."""
    # Late, because no other command needs these libraries.
    import asyncio

    from devstream_desktop.node.holder import held
    from devstream_desktop.node.saving.contents import Manifest
    from devstream_desktop.node.saving.restore import restore as fill
    from devstream_desktop.node.saving.restore import still_sealed

    async def run() -> Manifest:
        # A node that starts meanwhile waits, and finds all of it.
        async with held(home):
            return await asyncio.to_thread(fill, home, Path(options.file))

    made = asyncio.run(run())
    person, team = clean(made.person), clean(made.team)
    print(f"{home.root} is {person}'s node in team {team}, as of {day(made.made)}")
    if why := still_sealed(home):
        print(f"its secrets are still sealed: {why}")
        print(
            "put the key file that devstream backup --key-file wrote on this machine (chmod 600),"
            " and start the node with DEVSTREAM_KEY_FILE=KEY"
        )
    print("end the node that was saved before you start this one: devstream node, or the tray")
    return 0
