"""The `devstream` command: its parser, and how errors are reported."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from devstream_desktop import __version__
from devstream_desktop.cli import streams
from devstream_desktop.cli.commands import add_commands, fill_all
from devstream_desktop.errors import DevstreamError

if TYPE_CHECKING:
    from devstream_desktop.home import Home

Command: TypeAlias = "Callable[[Home, argparse.Namespace], int]"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    streams.prepare()
    try:
        code = _ended(argv)
        # Here and not at the exit, where a failure could not be told any more.
        sys.stdout.flush()
    except DevstreamError as error:
        if isinstance(error, streams.OutputError):
            streams.give_up_output()
        print(f"devstream: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # The reader (`| head`) has what it wants; what is buffered must not fail again at exit.
        streams.give_up_output()
        return 0
    except OSError as error:
        # Without a file name it is a fault of ours, and its traceback is needed.
        if error.filename is None:
            raise
        from devstream_desktop import machine

        reason = f"{error.filename} cannot be used: {machine.reason(error)}"
        print(f"devstream: {reason}; see devstream doctor", file=sys.stderr)
        return 1
    return code


def _ended(argv: Sequence[str] | None) -> int:
    try:
        return _run(argv)
    except SystemExit:
        # A --help has been shown.
        sys.stdout.flush()
        raise


def _run(argv: Sequence[str] | None) -> int:
    options = build_parser().parse_args(argv)
    # Late, because a --help needs none of it.
    from devstream_desktop.cli import key_file
    from devstream_desktop.cli.arguments import unreadable
    from devstream_desktop.home import Home
    from devstream_desktop.stream.text import clean

    if name := unreadable(options):
        print(
            f"devstream: {clean(name)!r} has bytes that are not UTF-8, so nothing was done; "
            "type the name anew",
            file=sys.stderr,
        )
        return 2
    if isinstance(sys.stdin, io.TextIOWrapper):
        # What is typed to confirm may be in another encoding; then it confirms nothing.
        sys.stdin.reconfigure(errors="replace")
    home = Home.choose(options.home)
    key_file.choose(home, agreed=options.allow_key_file)
    command: Command = options.command
    return command(home, options)


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
