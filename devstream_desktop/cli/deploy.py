"""`devstream deploy`: what would ship, the question, the request, and how it ended."""

from __future__ import annotations

import argparse
import sys

from devstream_desktop.cli.arguments import UsageError, add_json, prose
from devstream_desktop.cli.deploy_plan import confirmed, is_interactive, print_plan, replaces
from devstream_desktop.cli.deploy_steps import Follower, send
from devstream_desktop.cli.node_client import ask
from devstream_desktop.cli.output import print_json
from devstream_desktop.control.messages.deploys import Plan, PlanDeploy, RequestDeploy
from devstream_desktop.home import Home


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `deploy`."""
    add_place(parser)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--ref", default="", help="the newest commit of this branch or tag")
    about = "this commit of any branch or tag that may be deployed; the beginning of it will do"
    which.add_argument("--sha", default="", help=about)
    parser.add_argument("--dry-run", action="store_true", help="try it, without effect")
    add_run_options(parser)
    parser.set_defaults(command=deploy)


def add_place(parser: argparse.ArgumentParser) -> None:
    """Add the target and its environment."""
    parser.add_argument("target", metavar="TARGET")
    parser.add_argument("environment", metavar="ENVIRONMENT")


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of everything that runs."""
    about = "a parameter that the target declares; may be given again"
    parser.add_argument(
        "--param", action="append", default=[], type=parameter, metavar="NAME=VALUE", help=about
    )
    parser.add_argument("--reason", type=prose, default="", help="everybody reads it")
    about = "outside the hours and without approvals; needs a reason, and everybody is told"
    parser.add_argument("--break-glass", action="store_true", help=about)
    about = "take the place of your own request that waits there"
    parser.add_argument("--replace", action="store_true", help=about)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    about = "print what would ship, and ask for nothing"
    parser.add_argument("--plan", action="store_true", help=about)
    add_wait_options(parser)


def add_wait_options(parser: argparse.ArgumentParser) -> None:
    """Add the options to wait, and for scripts."""
    wait = parser.add_mutually_exclusive_group()
    about = "wait for the result (default)"
    wait.add_argument("--wait", action="store_true", default=True, help=about)
    about = "print the number of the request, and do not wait"
    wait.add_argument("--no-wait", action="store_false", dest="wait", help=about)
    add_json(parser, "print each step as one JSON object a line")


def parameter(text: str) -> tuple[str, str]:
    """Return the name and the value of NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{prose(text)!r} is not NAME=VALUE")
    return name, value


def deploy(home: Home, options: argparse.Namespace) -> int:
    """Request a deploy and wait for its end; exit 0 when it succeeded."""
    action = "dry_run" if options.dry_run else ""
    asked = PlanDeploy(
        target=options.target,
        environment=options.environment,
        ref=options.ref,
        sha=options.sha,
        action=action,
        override=options.break_glass,
        parameters=dict(options.param),
    )
    return carry_out(home, options, asked)


def carry_out(home: Home, options: argparse.Namespace, asked: PlanDeploy) -> int:
    """Show the plan, ask, request it, and follow it to its end."""
    # A script that forgot --yes must not hang, nor deploy.
    if not (options.yes or options.plan) and (options.json or not is_interactive()):
        raise UsageError("there is no terminal to confirm in; add --yes")
    plan = ask(home, asked)
    if options.plan:
        if options.json:
            print_json(plan)
        else:
            print_plan(plan)
        if not plan.allowed:
            print(f"devstream: {plan.reason}", file=sys.stderr)
        return 0 if plan.allowed else 1
    replaced = plan.own if options.replace else ""
    if not options.yes:
        print_plan(plan)
        if not plan.allowed:
            # With --yes it is asked for all the same: the refusal is then on record.
            print(f"devstream: {plan.reason}", file=sys.stderr)
            return 1
        if plan.own and not replaced:
            replaced = plan.own if replaces(plan) else ""
        if (plan.own and not replaced) or not confirmed(plan):
            print("nothing was requested")
            return 1
    with Follower(home, as_json=options.json) as follower:
        (key,) = send(home, _request(plan, options, asked, replaced))
        if not options.wait:
            print_keys([key], as_json=options.json)
            return 0
        try:
            return follower.follow([key])
        except KeyboardInterrupt:
            print(f"\nit goes on; devstream cancel {key[:8]} ends it", file=sys.stderr)
            return 130


def print_keys(keys: list[str], *, as_json: bool) -> None:
    """Print the numbers of requests whose end is not waited for."""
    for key in keys:
        if as_json:
            print_json({"key": key})
        else:
            print(key)


def _request(
    plan: Plan, options: argparse.Namespace, asked: PlanDeploy, replaced: str
) -> RequestDeploy:
    # The commit of the plan, not the branch: it may have moved while the person read.
    by_executor = plan.told_by == "executor"
    return RequestDeploy(
        target=plan.target,
        environment=plan.environment,
        sha=plan.sha,
        ref=plan.ref,
        title=plan.title,
        reason=options.reason,
        action=asked.action,
        # Only the executor knows for sure what runs there.
        expected=plan.current if by_executor else "",
        replaces=replaced,
        parameters=asked.parameters,
        override=asked.override,
    )
