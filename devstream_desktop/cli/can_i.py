"""`devstream can-i`: whether a deploy would be taken now, and why not."""

from __future__ import annotations

import argparse

from devstream_desktop.cli.arguments import add_json
from devstream_desktop.cli.deploy import add_place
from devstream_desktop.cli.node_client import ask
from devstream_desktop.cli.output import print_json
from devstream_desktop.control.messages.deploys import PlanDeploy
from devstream_desktop.home import Home
from devstream_desktop.stream.text import clean


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `can-i`."""
    add_place(parser)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--ref", default="", help="this branch or tag (default: the target's)")
    which.add_argument("--sha", default="", help="this commit")
    add_json(parser)
    parser.set_defaults(command=can_i)


def can_i(home: Home, options: argparse.Namespace) -> int:
    """Print yes, or why not; exit 0 for yes."""
    plan = ask(
        home,
        PlanDeploy(
            target=options.target,
            environment=options.environment,
            ref=options.ref,
            sha=options.sha,
        ),
    )
    if options.json:
        waits = [one.text for one in plan.warnings if one.kind in ("approval", "busy")]
        print_json({"allowed": plan.allowed, "reason": plan.reason, "waits": waits})
    elif plan.allowed:
        print("yes")
        for one in plan.warnings:
            print(f"  {clean(one.text, 300)}")
    else:
        print(f"no: {clean(plan.reason, 300)}")
    return 0 if plan.allowed else 1
