"""`devstream deploy log`: what a deploy printed, read from its executor."""

from __future__ import annotations

import argparse
import sys
import time

from devstream_desktop.cli.node_client import ask
from devstream_desktop.cli.output import print_json
from devstream_desktop.control.messages.deploys import DeployLog, GetDeployLog
from devstream_desktop.home import Home
from devstream_desktop.stream.text import duration

_LOOK_S = 0.5
"""Seconds between two questions for more."""
_SILENT_MS = 60_000
"""Silence after which it is reported; the next report takes twice as long."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `deploy log`."""
    parser.add_argument("request", metavar="NUMBER", help="its number, or the beginning of it")
    about = "go on until it ends; exit 0 when it succeeded"
    parser.add_argument("--follow", action="store_true", help=about)
    parser.add_argument("--json", action="store_true", help="one object a part")
    parser.set_defaults(command=show)


def show(home: Home, options: argparse.Namespace) -> int:
    """Print the output so far, and with --follow the rest."""
    start, warn_ms = 0, _SILENT_MS
    while True:
        log = ask(home, GetDeployLog(request=options.request, start=start))
        _print(log, as_json=options.json)
        more = log.next > start
        start = log.next
        if log.over:
            break
        if more:
            warn_ms = _SILENT_MS
            continue
        if not options.follow:
            return 0
        if log.silent_ms >= warn_ms:
            # In the other stream: it is not what the deploy said.
            said = f"[nothing was heard of it for {duration(log.silent_ms)}; it still runs]"
            print(said, file=sys.stderr)
            warn_ms *= 2
        time.sleep(_LOOK_S)
    return 0 if not options.follow or log.state in ("success", "dry_run") else 1


def _print(log: DeployLog, *, as_json: bool) -> None:
    if as_json:
        print_json(log)
    else:
        sys.stdout.write(log.text)
        sys.stdout.flush()
