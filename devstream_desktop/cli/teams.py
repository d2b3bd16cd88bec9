"""team create, invite, join, grant and members: through the node when one runs, else on the home itself."""

from __future__ import annotations

import argparse
import time

from devstream_desktop.cli.asking import ask, node_runs, print_json
from devstream_desktop.control.messages import Done, GetMembers, GetStatus, Grant, Invite, Join, Members, NoNodeError, Status
from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home

_RESTART_S = 20


def create(home: Home, options: argparse.Namespace) -> int:
    """Found a team in a home that has none, or only the team of one."""
    from devstream_desktop.node import offline

    home.create()
    if node_runs(home):
        raise DevstreamError("a node runs for this home; end it first, or give another --home")
    print(offline.create_team(home, options.name, options.person))
    print("next: devstream node (or the tray), then: devstream team invite")
    return 0


def invite(home: Home, options: argparse.Namespace) -> int:
    """Print an invite, alone, on standard output."""
    request = Invite(expires_s=options.expires, address=options.address)
    try:
        text = ask(home, request, Done).text
    except NoNodeError:
        from devstream_desktop.node import offline

        text = offline.invite(home, request)
    print(text)
    return 0


def join(home: Home, options: argparse.Namespace) -> int:
    """Join the team of an invite; a node that runs goes over to it."""
    request = Join(invite=options.invite, person=options.person)
    home.create()
    try:
        name = ask(home, request, Done).text
        _wait_for(home, name)
    except NoNodeError:
        from devstream_desktop.node import offline

        name = offline.join_team(home, request)
    print(f"{options.person} joined team {name}")
    return 0


def grant(home: Home, options: argparse.Namespace) -> int:
    """Give a role."""
    request = Grant(person=options.person, role=options.role, pattern=options.pattern)
    try:
        text = ask(home, request, Done).text
    except NoNodeError:
        from devstream_desktop.node import offline

        text = offline.grant(home, request)
    print(text)
    return 0


def members(home: Home, options: argparse.Namespace) -> int:
    """Print who is in the team."""
    try:
        found = ask(home, GetMembers(), Members).members
    except NoNodeError:
        from devstream_desktop.node import offline

        found = offline.members(home)
    if options.json:
        print_json(found)
        return 0
    for member in found:
        devices = ", ".join(device[:8] for device in member.devices)
        print(f"{member.person:20} {devices:20} {', '.join(member.roles) or 'member'}")
    return 0


def _wait_for(home: Home, team: str) -> None:
    """The node starts anew as a member; a script that goes on at once must find it there."""
    deadline = time.monotonic() + _RESTART_S
    while time.monotonic() < deadline:
        try:
            if ask(home, GetStatus(), Status).team == team:
                return
        except NoNodeError:
            pass
        time.sleep(0.1)
    raise DevstreamError(f"joined team {team}, but the node did not come back; start it again")
