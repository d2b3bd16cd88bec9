"""`devstream duty`: go on or off duty, or show who is on duty."""

from __future__ import annotations

import argparse

from devstream_desktop.cli.arguments import add_json
from devstream_desktop.cli.node_client import ask, ask_node
from devstream_desktop.cli.output import print_json
from devstream_desktop.clock import now_ms
from devstream_desktop.control.messages.status import GetStatus, Status
from devstream_desktop.control.messages.stream import SetDuty
from devstream_desktop.control.wording import on_duty
from devstream_desktop.home import Home
from devstream_desktop.stream.text import roughly


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `duty`."""
    parser.add_argument("what", choices=["on", "off", "show"])
    add_json(parser, "for show: print JSON")
    parser.set_defaults(command=duty)


def duty(home: Home, options: argparse.Namespace) -> int:
    """Go on or off duty, or print who is on duty."""
    if options.what != "show":
        print(ask(home, SetDuty(on=options.what == "on")).text)
        return 0
    # On duty is the default, and only a person's own node knows that they never changed it.
    status = ask_node(home, GetStatus())
    people = on_duty(status)
    if options.json:
        said = {"person": status.person, "on_duty": status.on_duty, "duty": people}
        print_json(said | {"since": dict(status.duty_since)})
        return 0
    print(f"{status.person} is {'on' if status.on_duty else 'off'} duty")
    others = [_person(person, status) for person in people if person != status.person]
    if others:
        print(f"also on duty: {', '.join(others)}")
    return 0


def _person(person: str, status: Status) -> str:
    """Return a person with the time for which they are on duty."""
    since = status.duty_since.get(person)
    return f"{person} ({roughly(now_ms() - since)})" if since else person
