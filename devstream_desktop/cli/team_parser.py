"""What there is to type after `devstream team`."""

from __future__ import annotations

import argparse

from devstream_desktop.cli import teams
from devstream_desktop.cli.arguments import Commands, moment, positive, seconds
from devstream_desktop.stream.words import Role

_ROLES = """roles:
  of a person   deployer, approver: for targets and environments by pattern
  of a device   admin: signs changes of the team, lets people in     issuer: takes invites and renews certificates
                collector: takes sources in                          executor: runs deploys
"""


def add_team(commands: Commands) -> None:
    """Add `team` and its commands."""
    team = commands.add_parser("team", help="who is in the team, and who may do what").add_subparsers(
        title="team commands", metavar="COMMAND", required=True
    )
    _add_joining(team)
    _add_roles(team)
    _add_policy(team)


def _parser(team: Commands, name: str, text: str, *examples: str, roles: bool = False) -> argparse.ArgumentParser:
    epilog = (_ROLES + "\n" if roles else "") + "examples:\n" + "\n".join(f"  devstream team {name}{one and ' ' + one}" for one in examples)
    return team.add_parser(
        name, help=text, description=text[0].upper() + text[1:] + ".", epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def _add_joining(team: Commands) -> None:
    create = _parser(team, "create", "found a team; this device becomes its admin, collector and executor", "acme --person ana")
    create.add_argument("name", metavar="NAME")
    create.add_argument("--person", required=True, help="your name in the team")
    create.set_defaults(command=teams.create)

    invite = _parser(team, "invite", "print one line for a colleague to paste; it works once", "", "--expires 1h", "--pre-approved")
    invite.add_argument(
        "--expires", type=seconds, default=86_400, metavar="24h", help="how long it can be used: 30m, 24h, 7d (default 24h)"
    )
    invite.add_argument(
        "--address", default="", metavar="HOST:PORT", help="where the joining device reaches this one, when it is not plain"
    )
    invite.add_argument(
        "--pre-approved", action="store_true", help="let whoever brings it in at once: for a colleague beside you, or a script"
    )
    invite.set_defaults(command=teams.invite)

    join = _parser(team, "join", "join the team that an invite is for", "ds1-… --person bob")
    join.add_argument("invite", metavar="INVITE")
    join.add_argument("--person", required=True, help="your name in the team")
    join.add_argument("--no-wait", action="store_true", help="ask once, and end with 1 while an admin has to approve")
    join.set_defaults(command=teams.join)

    approve = _parser(team, "approve-join", "let somebody in who waits, after comparing the six words", "bob", "3fa9c2d1 --reject")
    approve.add_argument("device", metavar="PERSON|DEVICE", help="who waits, by name or by the first eight characters of the device")
    approve.add_argument("--reject", action="store_true", help="turn them away instead")
    approve.set_defaults(command=teams.approve_join)


def _add_roles(team: Commands) -> None:
    examples = ("bob deployer shop/production", "bob deployer 'shop/*' '*/staging'", "bob admin")
    grant = _parser(team, "grant", "give a person a role (roles of devices go to all the person's devices)", *examples, roles=True)
    ungrant = _parser(team, "ungrant", "take a role away again", "bob deployer shop/production", "bob deployer", "bob admin", roles=True)
    for parser, command in ((grant, teams.grant), (ungrant, teams.ungrant)):
        parser.add_argument("person", metavar="PERSON")
        parser.add_argument("role", metavar="ROLE", choices=[role.value for role in Role], help=", ".join(Role))
        parser.add_argument("pattern", nargs="*", metavar="TARGET/ENVIRONMENT", help="for deployer and approver; * matches anything")
        parser.set_defaults(command=command)

    text = "put a person, or one device, out of the team for good"
    revoke = _parser(team, "revoke", text, "bob --why 'left the company'", "3fa9c2d1 --since 2h --why 'laptop stolen'")
    revoke.add_argument("who", metavar="PERSON|DEVICE", help="a name, or the first eight characters of a device")
    revoke.add_argument("--why", default="", help="shown to everybody")
    revoke.add_argument(
        "--since",
        type=moment,
        default=0,
        metavar="TIME",
        help="when it got into wrong hands: 2h, or 2026-11-22T18:30; later is not passed on",
    )
    revoke.set_defaults(command=teams.revoke)

    members = _parser(team, "members", "who is in the team, their roles and devices, and who waits to be let in", "", "--json")
    members.add_argument("--json", action="store_true")
    members.set_defaults(command=teams.members)


def _add_policy(team: Commands) -> None:
    policy = _parser(team, "policy", "the policy in force, and changes that wait for signatures", "", "--json")
    policy.add_argument("--json", action="store_true")
    policy.set_defaults(command=teams.policy)

    text = "change the team's settings"
    change = _parser(team, "set", text, "--threshold 2", "--approve-joins off", "--retention 14")
    change.add_argument("--threshold", type=positive, default=0, metavar="N", help="how many admins must sign a change")
    change.add_argument(
        "--approve-joins", choices=["on", "off"], help="whether an admin approves each join (on, once there are two people)"
    )
    change.add_argument("--retention", type=positive, default=0, metavar="DAYS", help="how long events are kept")
    change.set_defaults(command=teams.change)

    approve = _parser(team, "approve-policy", "sign a change that another admin proposed", "", "3fa9c2d1")
    approve.add_argument(
        "proposal", nargs="?", default="", metavar="ID", help="as devstream team policy shows it; not needed for the only one"
    )
    approve.set_defaults(command=teams.approve_policy)

    text = "make a key to keep on paper: with it a member becomes admin when the admins are gone"
    recovery = _parser(team, "recovery-key", text, "")
    recovery.set_defaults(command=teams.recovery_key)

    text = "make this device an admin with the recovery key, which is read from standard input"
    recover = _parser(team, "recover", text, "")
    recover.set_defaults(command=teams.recover)
