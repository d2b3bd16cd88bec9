"""`devstream deploy`: what would ship, the question, the request, and how it ended."""

from __future__ import annotations

import argparse
import sys
import time

from devstream_desktop.cli.arguments import UsageError, add_json, prose
from devstream_desktop.cli.lines import print_line
from devstream_desktop.cli.node_client import ask
from devstream_desktop.cli.output import print_json
from devstream_desktop.control.client import Client
from devstream_desktop.control.messages.deploys import Plan, PlanDeploy, RequestDeploy
from devstream_desktop.control.messages.stream import Wait
from devstream_desktop.errors import DevstreamError
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.stream.fact import is_answer
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.text import short_revision
from devstream_desktop.stream.words import DEPLOY_FINAL, Kind

_ANSWER_S = 125
"""A request expires after 120 seconds (deploy/request.py), and no executor answers later."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `deploy`."""
    parser.add_argument("target", metavar="TARGET")
    parser.add_argument("environment", metavar="ENVIRONMENT")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--ref", default="", help="the newest known commit of this branch")
    which.add_argument("--sha", default="", help="exactly this commit")
    parser.add_argument("--reason", type=prose, default="")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    add_json(parser, "print each step as one JSON object a line; needs --yes")
    parser.add_argument("--no-wait", action="store_true", help="do not wait for the result")
    parser.set_defaults(command=deploy)


def deploy(home: Home, options: argparse.Namespace) -> int:
    """Request a deploy and wait for its end; exit 0 when it succeeded."""
    # A script that forgot --yes must not hang, nor deploy.
    if not options.yes and (options.json or not sys.stdin.isatty()):
        raise UsageError("there is no terminal to confirm in; add --yes")
    plan = ask(
        home,
        PlanDeploy(
            target=options.target,
            environment=options.environment,
            ref=options.ref,
            sha=options.sha,
        ),
    )
    if not options.yes and not _confirmed(plan):
        print("nothing was requested")
        return 1
    with Reader(home.history) as reader:
        # Before the request, so that no answer comes unseen.
        arrival = reader.newest()
        # The commit of the plan, not the branch: it may have moved while the person read.
        request = RequestDeploy(
            target=plan.target,
            environment=plan.environment,
            sha=plan.sha,
            ref=plan.ref,
            reason=options.reason,
        )
        key = ask(home, request).text
        if options.no_wait:
            print_json({"key": key}) if options.json else print(key)
            return 0
        return _wait(home, reader, arrival, key, as_json=options.json)


def _confirmed(plan: Plan) -> bool:
    commit = short_revision(plan.sha) + (f" of {plan.ref}" if plan.ref else "")
    now = f" (now {short_revision(plan.current)})" if plan.current else ""
    print(f"deploy {plan.target} {commit} to {plan.environment}{now}")
    for text in plan.changes:
        print(f"  + {text}")
    for text in plan.checks:
        print(f"  {text}")
    # Not the end: the executor decides, and the refusal is a line that others see.
    if not plan.allowed:
        print(f"  ! {plan.reason}: it will be refused")
    print("everybody in the team sees it")
    try:
        return input(f"type {plan.environment} to deploy: ").strip() == plan.environment
    except EOFError:
        print()
        return False


def _wait(home: Home, reader: Reader, arrival: int, request: str, *, as_json: bool) -> int:
    """Print each step until the last one; return 0 for success."""
    answer_by = time.monotonic() + _ANSWER_S
    executor, begun = "", False
    with Client(home.control_url()) as client:
        newest = status = -1
        while True:
            for line in reader.all_since(arrival):
                arrival = line.arrival
                event = line.event
                if event.kind is Kind.DEPLOY and event.key == request:
                    executor = event.executor
                elif is_answer(event, line.device, request=request, executor=executor):
                    begun = True
                else:
                    # Only the executor that the request names can answer it.
                    continue
                print_line(line, as_json=as_json)
                if event.state in DEPLOY_FINAL:
                    return _exit_code(line)
            # A deploy that has begun may take hours.
            if not begun and time.monotonic() > answer_by:
                raise DevstreamError(
                    "no executor answered in time, so nothing ran and nothing will; "
                    "look at its node with `devstream status`"
                )
            news = client.ask(Wait(newest=newest, status=status, wait_ms=5_000))
            newest, status = news.newest, news.status


def _exit_code(line: Line) -> int:
    state, reason = line.event.state, line.event.reason
    if state == "success":
        return 0
    print(f"devstream: {state}: {reason or 'no reason was given'}", file=sys.stderr)
    return 1
