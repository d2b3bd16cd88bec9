"""The `devstream` command: one run of it, and how errors are reported."""

from __future__ import annotations

import io
import sys

from devstream_desktop import __version__
from devstream_desktop.cli import streams
from devstream_desktop.errors import DevstreamError

# Not from `typing`, which alone takes as long as the rest of a --version.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devstream_desktop.cli.arguments import Command


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
    words = sys.argv[1:] if argv is None else argv
    # Scripts ask for it often; the parser takes three times as long to load.
    if list(words) == ["--version"]:
        print(f"devstream {__version__}")
        return 0
    from devstream_desktop.cli.parser import build_parser

    options = build_parser().parse_args(words)
    # Late, because a --help needs none of it.
    from devstream_desktop.cli import key_file
    from devstream_desktop.cli.arguments import unreadable
    from devstream_desktop.home import Home

    if name := unreadable(options):
        from devstream_desktop.stream.text import clean

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
