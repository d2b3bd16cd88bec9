"""`devstream lock`: nobody else deploys, until it is unlocked or its time is over."""

from __future__ import annotations

import argparse

from devstream_desktop.cli import deploy_steps
from devstream_desktop.cli.arguments import UsageError, prose, seconds
from devstream_desktop.cli.deploy import add_wait_options, print_keys
from devstream_desktop.control.messages.deploys import RequestLock
from devstream_desktop.home import Home


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `lock`."""
    add_scope(parser)
    about = "how long, such as 2h or 3d (default: until it is unlocked)"
    parser.add_argument("--for", dest="lasts", type=seconds, default=0, metavar="2h", help=about)
    parser.set_defaults(command=lock)


def add_scope(parser: argparse.ArgumentParser) -> None:
    """Add what is locked, and the reason."""
    parser.add_argument("target", nargs="?", default="", metavar="TARGET")
    parser.add_argument(
        "environment", nargs="?", default="", metavar="ENVIRONMENT", help="default: every one"
    )
    parser.add_argument("--all", action="store_true", help="every target of every executor")
    parser.add_argument("--reason", type=prose, default="", help="everybody reads it")
    add_wait_options(parser)


def scope(options: argparse.Namespace) -> tuple[str, str]:
    """Return the target and the environment that are meant.

    Raises:
        UsageError: they contradict each other.

    """
    if bool(options.target) == options.all:
        raise UsageError("name a TARGET, and maybe its ENVIRONMENT; or --all for every target")
    return ("*" if options.all else options.target), options.environment


def lock(home: Home, options: argparse.Namespace) -> int:
    """Lock, and wait until the executors did; exit 0 when all did."""
    target, environment = scope(options)
    return send(
        home,
        options,
        RequestLock(
            target=target,
            environment=environment,
            reason=options.reason,
            lasts_ms=options.lasts * 1000,
        ),
    )


def send(home: Home, options: argparse.Namespace, asked: RequestLock) -> int:
    """Send a lock or its end, and wait for every executor."""
    with deploy_steps.Follower(home, as_json=options.json) as follower:
        keys = deploy_steps.send(home, asked)
        if options.wait:
            return follower.follow(keys)
    print_keys(keys, as_json=options.json)
    return 0
