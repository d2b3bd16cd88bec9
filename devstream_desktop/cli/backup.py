"""`devstream backup`: this home in one file, while its node runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from devstream_desktop.control.wording import count
from devstream_desktop.home import Home


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `backup`."""
    parser.epilog = (
        "The file is for you alone (0600). Secrets are in it only sealed, and the key that opens"
        " them is not in it: keep that elsewhere."
    )
    parser.add_argument("file", metavar="FILE", help="the file to write, such as home.tar.gz")
    parser.add_argument(
        "--key-file",
        default="",
        metavar="KEY",
        help="write the key that opens the secrets there, to move to another machine",
    )
    parser.set_defaults(command=backup)


def backup(home: Home, options: argparse.Namespace) -> int:
    """Save the home, and say what is not in the file."""
    # Late, because no other command needs these libraries.
    from devstream_desktop.node.saving.backup import back_up, copy_key
    from devstream_desktop.node.saving.contents import BackupError

    file, key = Path(options.file).absolute(), Path(options.key_file).absolute()
    if options.key_file:
        # First: without the key the rest is of no use elsewhere.
        copy_key(home, key)
    try:
        made = back_up(home, file, lambda name: print(f"copying {name}", file=sys.stderr))
    except BackupError:
        if options.key_file:
            # Else the same command would find it there when it is repeated.
            key.unlink()
        raise
    print(f"{count(len(made.files), 'file')} of {made.person}'s node in team {made.team}: {file}")
    if options.key_file:
        print(f"{options.key_file} opens its secrets: keep the two apart")
    else:
        print(
            "the key that opens its secrets is not in it; to move to another machine, make another"
            " with the key beside it: devstream backup FILE --key-file KEY"
        )
    return 0
