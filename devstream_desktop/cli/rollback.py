"""`devstream rollback`: back to the last commit that was deployed there with success."""

from __future__ import annotations

import argparse

from devstream_desktop.cli.deploy import add_place, add_run_options, carry_out
from devstream_desktop.control.messages.deploys import PlanDeploy
from devstream_desktop.home import Home


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `rollback`."""
    add_place(parser)
    about = "back to this commit, which must have been deployed there with success"
    parser.add_argument("--sha", default="", help=about)
    about = "a branch or tag at that commit, for a pipeline or workflow, which runs one"
    parser.add_argument("--ref", default="", help=about)
    add_run_options(parser)
    parser.set_defaults(command=rollback)


def rollback(home: Home, options: argparse.Namespace) -> int:
    """Roll back and wait for the end; exit 0 when it succeeded."""
    asked = PlanDeploy(
        target=options.target,
        environment=options.environment,
        ref=options.ref,
        sha=options.sha,
        action="rollback",
        override=options.break_glass,
        parameters=dict(options.param),
    )
    return carry_out(home, options, asked)
