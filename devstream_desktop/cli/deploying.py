"""deploy: what would ship, the question, the request, and how it ended."""

from __future__ import annotations

import argparse
import sys
import time

from devstream_desktop.cli.asking import ask
from devstream_desktop.cli.lines import show
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
"""A request expires after 120 seconds (deploy/request.py); by then its executor has answered, or nobody will."""


def deploy(home: Home, options: argparse.Namespace) -> int:
    """Ask for a deploy and wait for its end; exit 0 when it succeeded."""
    plan = ask(home, PlanDeploy(target=options.target, environment=options.environment, ref=options.ref, sha=options.sha))
    if not options.yes:
        if not sys.stdin.isatty():
            print("devstream: there is no terminal to confirm in; add --yes", file=sys.stderr)
            return 2
        if not _confirmed(plan):
            print("nothing was asked for")
            return 1
    with Reader(home.history) as reader:
        arrival = reader.newest()
        request = ask(
            home,
            RequestDeploy(target=plan.target, environment=plan.environment, sha=plan.sha, ref=plan.ref, reason=options.reason),
        ).text
        if options.no_wait:
            print(request)
            return 0
        return _wait(home, reader, arrival, request)


def _confirmed(plan: Plan) -> bool:
    now = f" (now {short_revision(plan.current)})" if plan.current else ""
    print(f"deploy {plan.target} {short_revision(plan.sha)}{f' of {plan.ref}' if plan.ref else ''} to {plan.environment}{now}")
    for text in plan.changes:
        print(f"  + {text}")
    for text in plan.checks:
        print(f"  {text}")
    if not plan.allowed:
        print(f"  ! {plan.reason}: it will be refused")
    print("everybody in the team sees it")
    try:
        return input(f"type {plan.environment} to deploy: ").strip() == plan.environment
    except EOFError:
        print()
        return False


def _wait(home: Home, reader: Reader, arrival: int, request: str) -> int:
    """Show each step until the last one; exit 0 for success."""
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
                elif not is_answer(event, line.device, request=request, executor=executor):
                    continue  # only whom it was addressed to can end it
                else:
                    begun = True
                show(line, as_json=False)
                if event.state in DEPLOY_FINAL:
                    return _exit_code(line)
            if not begun and time.monotonic() > answer_by:
                raise DevstreamError(
                    "no executor answered in time, so nothing ran and nothing will; look at its node with `devstream status`"
                )
            news = client.ask(Wait(newest=newest, status=status, wait_ms=5_000))
            newest, status = news.newest, news.status


def _exit_code(line: Line) -> int:
    if line.event.state == "success":
        return 0
    print(f"devstream: {line.event.state}: {line.event.reason or 'no reason was given'}", file=sys.stderr)
    return 1
