"""`devstream deploys`: what runs and waits, what is locked, and the last of each environment."""

from __future__ import annotations

import argparse
import time
from shlex import quote

from devstream_desktop.cli.arguments import add_json
from devstream_desktop.cli.node_client import ask
from devstream_desktop.cli.output import print_json
from devstream_desktop.control.messages.deploys import DeployList, GetDeploys, PendingDeploy
from devstream_desktop.home import Home
from devstream_desktop.stream.text import chosen, clean, duration, short_revision
from devstream_desktop.stream.words import Kind, outcome


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `deploys`."""
    parser.add_argument("target", nargs="?", default="", metavar="TARGET", help="only this one")
    add_json(parser)
    parser.set_defaults(command=deploys)


def deploys(home: Home, options: argparse.Namespace) -> int:
    """Print the present of deploys, as the stream tells it."""
    found = _of(ask(home, GetDeploys()), options.target)
    if options.json:
        print_json(found)
        return 0
    now = round(time.time() * 1000)
    for one in found.pending:
        print(described(one, now))
    for lock in found.locks:
        scope = "everything" if lock.target == "*" else f"{lock.target} {lock.environment or '*'}"
        why = f": {clean(lock.reason)}" if lock.reason else ""
        age = duration(max(1000, now - lock.since))
        print(f"{clean(scope)} is locked by {clean(lock.person)} since {age}{why}")
    for one in found.last:
        print(described(one, now))
    if not (found.pending or found.locks or found.last):
        print("no deploys are known here")
    return 0


def _of(found: DeployList, target: str) -> DeployList:
    if not target:
        return found
    return DeployList(
        pending=tuple(one for one in found.pending if one.target == target),
        locks=tuple(one for one in found.locks if one.target in ("*", target)),
        last=tuple(one for one in found.last if one.target == target),
    )


def described(one: PendingDeploy, now: int) -> str:
    """Return a deploy as a line, with its parameters and reasons."""
    state = outcome(Kind.DEPLOY, one.state)
    age = duration(max(1000, now - one.since))
    why = f" · {clean(one.reason)}" if one.reason else ""
    what = f"{clean(one.target)} {clean(one.environment)} {short_revision(one.sha)}"
    what += f" of {clean(one.ref)}" if one.ref else ""
    # Quoted: a value must not look like another parameter.
    parts = [f"{name}={quote(value)}" for name, value in chosen(one.parameters)]
    parameters = f" · {' '.join(parts)}" if parts else ""
    said = f" · {clean(one.person)} says: {clean(one.why)}" if one.why else ""
    by = f"{state} {age} ago by {clean(one.person)}"
    return f"{one.request[:8]} {what} {by}{parameters}{said}{why}"
