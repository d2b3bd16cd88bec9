"""`devstream team grant`, `ungrant`, `revoke` and `members`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from devstream_desktop.cli.arguments import Commands, add_json, moment, prose
from devstream_desktop.cli.node_client import ask
from devstream_desktop.cli.output import day, padded, print_json
from devstream_desktop.cli.team.parser import add_parser
from devstream_desktop.clock import now_ms
from devstream_desktop.control import wording
from devstream_desktop.control.messages.members import (
    Device,
    GetMembers,
    Grant,
    Members,
    Revoke,
    Ungrant,
    Waiting,
)
from devstream_desktop.home import Home
from devstream_desktop.stream.words import Role


def add_commands(team: Commands) -> None:
    """Add the commands about members and their roles."""
    about = "give a person a role (roles of devices go to all the person's devices)"
    example = "bob deployer shop/production"
    examples = [example, "bob deployer 'shop/*' '*/staging'", "bob admin"]
    parser = _add_roles(add_parser(team, "grant", about, *examples, roles=True))
    parser.set_defaults(command=grant)
    about = "remove a role"
    examples = [example, "bob deployer", "bob admin"]
    parser = _add_roles(add_parser(team, "ungrant", about, *examples, roles=True))
    parser.set_defaults(command=ungrant)

    about = "revoke a person, or one device, for good"
    examples = ["bob --why 'left the company'", "3fa9c2d1 --since 2h --why 'laptop stolen'"]
    parser = add_parser(team, "revoke", about, *examples)
    about = "a name, or the first eight characters of a device"
    parser.add_argument("who", metavar="PERSON|DEVICE", help=about)
    parser.add_argument("--why", type=prose, default="", help="shown to everybody")
    parser.add_argument(
        "--since",
        type=moment,
        default=0,
        metavar="TIME",
        help="when it was compromised: 2h, or 2026-11-22T18:30; what it wrote later is rejected",
    )
    parser.set_defaults(command=revoke)

    about = "who is in the team, their roles and devices, and who waits for approval"
    parser = add_parser(team, "members", about, "", "--json")
    add_json(parser)
    parser.set_defaults(command=members)


def _add_roles(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("person", metavar="PERSON")
    names = [role.value for role in Role]
    parser.add_argument("role", metavar="ROLE", choices=names, help=", ".join(names))
    about = "for deployer and approver; * matches anything"
    parser.add_argument("pattern", nargs="*", metavar="TARGET/ENVIRONMENT", help=about)
    return parser


def grant(home: Home, options: argparse.Namespace) -> int:
    """Give a role, for all patterns in one change."""
    # A role of devices has no pattern.
    first, *further = options.pattern or [""]
    request = Grant(person=options.person, role=options.role, pattern=first, further=tuple(further))
    print(ask(home, request).text)
    return 0


def ungrant(home: Home, options: argparse.Namespace) -> int:
    """Take a role away, for all patterns in one change."""
    first, *further = options.pattern or [""]
    request = Ungrant(
        person=options.person, role=options.role, pattern=first, further=tuple(further)
    )
    print(ask(home, request).text)
    return 0


def revoke(home: Home, options: argparse.Namespace) -> int:
    """Revoke a person or a device."""
    request = Revoke(who=options.who, why=options.why, since=options.since)
    print(ask(home, request).text)
    return 0


def members(home: Home, options: argparse.Namespace) -> int:
    """Print who is in the team."""
    found = ask(home, GetMembers())
    if options.json:
        print_json(found)
    else:
        _print_members(found, now_ms())
    return 0


def _print_members(found: Members, now: int) -> None:
    for member in found.members:
        inside = [device for device in member.devices if not device.revoked]
        out = ""
        # A person without a device stays listed, so that everybody sees since when.
        if not inside:
            out = f"  (revoked on {day(max(device.revoked for device in member.devices))})"
        print(f"{padded(member.person, 20)} {', '.join(member.roles) or 'member'}{out}")
        for device in member.devices:
            print(f"  {padded(device.machine or '-', 18)} {device.device[:8]}", end="  ")
            print("; ".join(_about(device, now)))
    for one in found.waiting:
        approve = f"devstream team approve-join {one.device[:8]}"
        print(f"{one.person} waits for approval{_with(one)}: {one.words}; {approve}")
    for notice in found.notices:
        print(f"! {notice}")


def _about(device: Device, now: int) -> Iterator[str]:
    """Say how a device is."""
    if device.revoked:
        yield f"revoked on {day(device.revoked)}{f': {device.why}' if device.why else ''}"
        return
    if device.here:
        yield "this device"
    if device.roles:
        yield ", ".join(device.roles)
    yield f"since {day(device.since)}"
    if not device.here:
        yield "linked" if device.linked else f"last heard {wording.ago(device.seen, now)}"
    end = device.certificate_expires
    yield f"certificate {wording.ends(end, now) if end else 'not known here'}"


def _with(waiting: Waiting) -> str:
    """Say whose device it would be, where it is nobody new."""
    if waiting.replaces:
        return f" of {waiting.machine or 'a device'} in place of {waiting.replaces[:8]}"
    return f" of another device, {waiting.machine or waiting.device[:8]}" if waiting.another else ""
