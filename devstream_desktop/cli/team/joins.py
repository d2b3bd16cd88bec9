"""`devstream team create`, `invite`, `join`, `renew`, `approve-join` and `leave`."""

from __future__ import annotations

import argparse
import sys
import time

from devstream_desktop.cli.arguments import Commands, seconds
from devstream_desktop.cli.node_client import ask, ask_node, node_runs
from devstream_desktop.cli.streams import print_once
from devstream_desktop.cli.team.parser import add_parser
from devstream_desktop.control.errors import NoNodeError
from devstream_desktop.control.messages.members import (
    ApproveJoin,
    Invite,
    Join,
    Leave,
    Renew,
)
from devstream_desktop.control.messages.status import GetStatus
from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home

_RESTART_S = 20
_ASK_AGAIN_S = 2.0


def add_commands(team: Commands) -> None:
    """Add the commands by which people come into a team."""
    about = "found a team; this device becomes its admin, collector and executor"
    parser = add_parser(team, "create", about, "acme --person ana")
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--person", required=True, help="your name in the team")
    parser.set_defaults(command=create)

    about = "print one line for a colleague to paste; it works once"
    examples = ("", "--expires 1h", "--pre-approved", "--for bob", "--for bob --replace 3fa9c2d1")
    parser = add_parser(team, "invite", about, *examples)
    parser.add_argument(
        "--for",
        dest="owner",
        default="",
        metavar="PERSON",
        help="somebody of the team, for another device: the person's roles count there too, roles"
        " of devices do not",
    )
    parser.add_argument(
        "--replace",
        dest="replaces",
        default="",
        metavar="DEVICE",
        help="the device whose place it takes, by the first eight characters of its id; it is"
        " revoked as the new one comes in",
    )
    parser.add_argument(
        "--expires",
        type=seconds,
        default=86_400,
        metavar="24h",
        help="how long it can be used: 30m, 24h, 7d (default 24h)",
    )
    parser.add_argument(
        "--address",
        default="",
        metavar="HOST:PORT",
        help="where the joining device reaches this one, if devstream cannot tell",
    )
    parser.add_argument(
        "--pre-approved",
        action="store_true",
        help="approve its join at once: for a colleague beside you, or a script",
    )
    parser.set_defaults(command=invite)

    about = "join the team of an invite"
    parser = add_parser(team, "join", about, "ds1-… --person bob", "ds1-…")
    parser.add_argument("invite", metavar="INVITE")
    about = "your name in the team; not needed with an invite for another device of yours"
    parser.add_argument("--person", default="", help=about)
    parser.add_argument(
        "--no-wait", action="store_true", help="ask once; exit 1 while an admin has to approve"
    )
    parser.set_defaults(command=join)

    about = "get this device a new certificate now; it is done in time by itself"
    parser = add_parser(team, "renew", about, "", "--at office.example.com:7400")
    parser.add_argument(
        "--at",
        default="",
        metavar="HOST:PORT",
        help="where a device that admits members is reached, if devstream cannot tell",
    )
    parser.set_defaults(command=renew)

    about = "approve a join, after comparing the six words"
    parser = add_parser(team, "approve-join", about, "bob", "3fa9c2d1 --reject")
    about = "who waits, by name or by the first eight characters of the device"
    parser.add_argument("device", metavar="PERSON|DEVICE", help=about)
    parser.add_argument("--reject", action="store_true", help="reject the join instead")
    parser.set_defaults(command=approve_join)

    about = "take this device out of its team; its keys and history are set aside"
    parser = add_parser(team, "leave", about, "")
    parser.add_argument(
        "--force",
        action="store_true",
        help="leave although no member hears it; an admin then revokes the device",
    )
    parser.set_defaults(command=leave)


def create(home: Home, options: argparse.Namespace) -> int:
    """Found a team, in a home that has none or is solo."""
    from devstream_desktop.node import stopped_home

    home.create()
    print(stopped_home.create_team(home, options.name, options.person))
    print("next: devstream node (or the tray), then: devstream team invite")
    print("keep a key on paper for the day this device is lost: devstream team recovery-key")
    return 0


def invite(home: Home, options: argparse.Namespace) -> int:
    """Print an invite, alone, on standard output."""
    request = Invite(
        expires_s=options.expires,
        address=options.address,
        pre_approved=options.pre_approved,
        owner=options.owner,
        replaces=options.replaces,
    )
    done = ask(home, request)
    print_once(done.text)
    if done.notice:
        print(done.notice, file=sys.stderr)
    return 0


def join(home: Home, options: argparse.Namespace) -> int:
    """Join the team of an invite; wait while an admin has to approve.

    A node that runs here restarts as a member of that team.
    """
    request = Join(invite=options.invite, person=options.person)
    home.create()
    shown = False
    while True:
        joining = ask(home, request)
        if joining.state == "joined":
            break
        # The words stay on the screen; printing them again would push them away.
        if not shown:
            shown = True
            admins = " or ".join(joining.approvers) or "an admin"
            print(f"{admins} of {joining.team} has to approve; compare these words with them:")
            print(f"    {joining.words}", flush=True)
        if options.no_wait:
            return 1
        time.sleep(_ASK_AGAIN_S)
    if node_runs(home):
        _wait_for(home, joining.team)
    print(joining.text or f"{options.person} joined team {joining.team}")
    return 0


def renew(home: Home, options: argparse.Namespace) -> int:
    """Get a new certificate."""
    print(ask(home, Renew(at=options.at)).text)
    return 0


def _wait_for(home: Home, team: str) -> None:
    # The node restarts as a member's, and a script that goes on at once must find it.
    deadline = time.monotonic() + _RESTART_S
    while time.monotonic() < deadline:
        try:
            if ask_node(home, GetStatus()).team == team:
                return
        except NoNodeError:
            pass
        time.sleep(0.1)
    raise DevstreamError(f"joined team {team}, but the node did not restart; start it again")


def leave(home: Home, options: argparse.Namespace) -> int:
    """Take this device out of its team; a node that runs here ends, a tray goes on alone."""
    print(ask(home, Leave(force=options.force)).text)
    return 0


def approve_join(home: Home, options: argparse.Namespace) -> int:
    """Approve or reject a join."""
    decision = ApproveJoin(device=options.device, reject=options.reject)
    print(ask(home, decision).text)
    return 0
