"""`devstream unlock`: the end of a lock, one's own or with a reason another's."""

from __future__ import annotations

import argparse

from devstream_desktop.cli.lock import add_scope, scope, send
from devstream_desktop.control.messages.deploys import RequestLock
from devstream_desktop.home import Home


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `unlock`."""
    add_scope(parser)
    parser.set_defaults(command=unlock)


def unlock(home: Home, options: argparse.Namespace) -> int:
    """Unlock, and wait until the executors did; exit 0 when all did."""
    target, environment = scope(options)
    asked = RequestLock(target=target, environment=environment, unlock=True, reason=options.reason)
    return send(home, options, asked)
