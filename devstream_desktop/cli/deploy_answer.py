"""The commands about one deploy: approve, withdraw, cancel."""

from __future__ import annotations

import argparse
import time

from devstream_desktop.cli.arguments import prose
from devstream_desktop.cli.deploy import add_wait_options, print_keys
from devstream_desktop.cli.deploy_steps import Follower, send
from devstream_desktop.cli.deploys import described
from devstream_desktop.cli.node_client import ask
from devstream_desktop.control.messages.deploys import GetDeploys, RequestAnswer
from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home


def add_answer_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the deploy that is meant, and a reason."""
    about = "the number of the deploy, or its beginning; devstream deploys lists them"
    parser.add_argument("deploy", metavar="NUMBER", help=about)
    parser.add_argument("--reason", type=prose, default="", help="everybody reads it")
    add_wait_options(parser)


def answer(action: str, home: Home, options: argparse.Namespace) -> int:
    """Send the command, and wait until the executor took it; exit 0 when it did."""
    asked = RequestAnswer(action=action, about=options.deploy.lower(), reason=options.reason)
    if action == "approve" and not options.json:
        _print_approved(home, asked.about)
    with Follower(home, as_json=options.json) as follower:
        keys = send(home, asked)
        if options.wait:
            return follower.follow(keys)
    print_keys(keys, as_json=options.json)
    return 0


def _print_approved(home: Home, start: str) -> None:
    """Print the deploy, its parameters and the asker's reason."""
    now = round(time.time() * 1000)
    try:
        pending = ask(home, GetDeploys()).pending
    # Whether the approval can be sent is told by sending it.
    except DevstreamError:
        return
    for one in pending:
        if one.request.startswith(start):
            print(described(one, now))
