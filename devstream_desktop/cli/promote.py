"""`devstream promote`: deploy what runs on the environment before."""

from __future__ import annotations

import argparse

from devstream_desktop.cli.deploy import add_place, add_run_options, carry_out
from devstream_desktop.control.messages.deploys import PlanDeploy
from devstream_desktop.home import Home


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `promote`."""
    add_place(parser)
    about = "the environment whose commit is meant (default: the last of the target's order)"
    parser.add_argument("--from", dest="source", default="*", metavar="ENVIRONMENT", help=about)
    add_run_options(parser)
    parser.set_defaults(command=promote)


def promote(home: Home, options: argparse.Namespace) -> int:
    """Promote and wait for the end; exit 0 when it succeeded."""
    asked = PlanDeploy(
        target=options.target,
        environment=options.environment,
        promote=options.source,
        override=options.break_glass,
        parameters=dict(options.param),
    )
    return carry_out(home, options, asked)
