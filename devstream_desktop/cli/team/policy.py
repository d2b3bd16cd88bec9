"""`devstream team policy`, `set`, `approve-policy`, `recovery-key` and `recover`."""

from __future__ import annotations

import argparse
import sys
from getpass import getpass

from devstream_desktop.cli.arguments import Commands, UsageError, add_json, positive
from devstream_desktop.cli.node_client import ask
from devstream_desktop.cli.output import day, print_json
from devstream_desktop.cli.streams import print_once
from devstream_desktop.cli.team.parser import add_parser
from devstream_desktop.control.messages.policy import (
    ApprovePolicy,
    GetPolicy,
    MakeRecoveryKey,
    PolicyState,
    Recover,
    SetPolicy,
)
from devstream_desktop.home import Home


def add_commands(team: Commands) -> None:
    """Add the commands about the policy and its recovery."""
    about = "the policy in force, and changes that wait for signatures"
    parser = add_parser(team, "policy", about, "", "--json")
    add_json(parser)
    parser.set_defaults(command=policy)

    examples = ("--threshold 2", "--approve-joins off", "--retention 14", "--audit-retention 730")
    parser = add_parser(team, "set", "change the team's settings", *examples)
    about = "how many admins must sign a change"
    parser.add_argument("--threshold", type=positive, default=0, metavar="N", help=about)
    about = "whether an admin approves each join (on, once there are two people)"
    parser.add_argument("--approve-joins", choices=["on", "off"], help=about)
    about = "how long events are kept"
    parser.add_argument("--retention", type=positive, default=0, metavar="DAYS", help=about)
    about = "how long executors and collectors keep deploys for an audit"
    parser.add_argument("--audit-retention", type=positive, default=0, metavar="DAYS", help=about)
    parser.set_defaults(command=change)

    about = "sign a change that another admin proposed"
    parser = add_parser(team, "approve-policy", about, "", "3fa9c2d1")
    about = "as devstream team policy shows it; not needed for the only one"
    parser.add_argument("proposal", nargs="?", default="", metavar="ID", help=about)
    parser.set_defaults(command=approve_policy)

    about = "make a key to keep on paper: with it a member becomes admin when none is left"
    add_parser(team, "recovery-key", about, "").set_defaults(command=recovery_key)

    about = "make this device an admin with the recovery key, read from standard input"
    add_parser(team, "recover", about, "").set_defaults(command=recover)


def policy(home: Home, options: argparse.Namespace) -> int:
    """Print the policy in force, and what is proposed."""
    found = ask(home, GetPolicy())
    if options.json:
        print_json(found)
    else:
        _print_policy(found)
    return 0


def _print_policy(found: PolicyState) -> None:
    version = f"policy version {found.version} of {day(found.issued)}, ends {day(found.expires)}"
    print(f"{found.team}, {version}")
    _print_field("admins", ", ".join(found.admins) or "nobody")
    _print_field("issuers", ", ".join(found.issuers) or "nobody")
    _print_field("collectors", ", ".join(found.collectors) or "nobody")
    _print_field("executors", ", ".join(found.executors) or "nobody")
    _print_field("changes", f"signed by {found.threshold} of the admins' devices")
    approved = "approved by an admin, once there are two people"
    _print_field("joins", approved if found.approve_joins else "by invite alone")
    _print_field("events", f"kept for {found.retention_days} days")
    _print_field("deploys", f"kept for {found.audit_days} days on executors and collectors")
    _print_field("on paper", "a recovery key" if found.recovery_key else "no recovery key")
    for one in found.proposals:
        signed = f"signed by {', '.join(one.signed_by)}, {len(one.signed_by)} of {one.needs}"
        print(f"proposed {one.id}, {signed}:")
        for sentence in one.what:
            print(f"  {sentence}")
    # Two policies of one version: each node keeps the same one, but the other was signed too.
    if found.forked:
        print(
            "! two admins changed the team at once, or a key was stolen: "
            "check with the other admins, then make any change"
        )
    for notice in found.notices:
        print(f"! {notice}")


def _print_field(name: str, value: str) -> None:
    print(f"  {name:12} {value}")


def change(home: Home, options: argparse.Namespace) -> int:
    """Change the settings that were given."""
    given = (options.threshold, options.retention, options.audit_retention)
    if not any(given) and options.approve_joins is None:
        raise UsageError("nothing to set; see devstream team set --help")
    # None leaves the setting as it is.
    joins = None if options.approve_joins is None else options.approve_joins == "on"
    request = SetPolicy(
        threshold=options.threshold,
        approve_joins=joins,
        retention_days=options.retention,
        audit_days=options.audit_retention,
    )
    print(ask(home, request).text)
    return 0


def approve_policy(home: Home, options: argparse.Namespace) -> int:
    """Sign a proposed change."""
    print(ask(home, ApprovePolicy(proposal=options.proposal)).text)
    return 0


def recovery_key(home: Home, _: argparse.Namespace) -> int:
    """Print a new recovery key.

    It is alone on standard output, so that it can be sent to a printer.
    """
    key = ask(home, MakeRecoveryKey()).text
    print(
        "Write this down or print it, and keep it where only the company gets it; "
        "it is shown once and replaces the one before:",
        file=sys.stderr,
    )
    print_once(key)
    return 0


def recover(home: Home, _: argparse.Namespace) -> int:
    """Make this device an admin with the recovery key."""
    # Never an argument: other users of the machine can read those.
    key = getpass("recovery key: ") if sys.stdin.isatty() else sys.stdin.readline()
    print(ask(home, Recover(key=key)).text)
    return 0
