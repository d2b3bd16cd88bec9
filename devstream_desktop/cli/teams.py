"""The team commands: through the node when one runs, else on the home itself."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import datetime
from getpass import getpass

from devstream_desktop.cli.asking import ask, node_runs, print_json
from devstream_desktop.control.errors import NoNodeError
from devstream_desktop.control.messages.members import ApproveJoin, GetMembers, Grant, Invite, Join, Joining, Revoke, Ungrant
from devstream_desktop.control.messages.policy import ApprovePolicy, GetPolicy, MakeRecoveryKey, Recover, SetPolicy
from devstream_desktop.control.messages.status import GetStatus
from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home

_RESTART_S = 20
_ASK_AGAIN_S = 2.0


def create(home: Home, options: argparse.Namespace) -> int:
    """Found a team in a home that has none, or only the team of one."""
    from devstream_desktop.node import offline

    home.create()
    if node_runs(home):
        raise DevstreamError("a node runs for this home; end it first, or give another --home")
    print(offline.create_team(home, options.name, options.person))
    print("next: devstream node (or the tray), then: devstream team invite")
    print("keep a key on paper for the day this device is lost: devstream team recovery-key")
    return 0


def invite(home: Home, options: argparse.Namespace) -> int:
    """Print an invite, alone, on standard output."""
    request = Invite(expires_s=options.expires, address=options.address, pre_approved=options.pre_approved)
    try:
        text = ask(home, request).text
    except NoNodeError:
        from devstream_desktop.node import offline

        text = offline.invite(home, request)
    print(text)
    return 0


def join(home: Home, options: argparse.Namespace) -> int:
    """Join the team of an invite; a node that runs goes over to it. Waits while an admin has to approve."""
    request = Join(invite=options.invite, person=options.person)
    home.create()
    told = False
    while True:
        state, runs = _join_once(home, request)
        if state.state == "joined":
            break
        if not told:
            told = True
            print(f"{' or '.join(state.approvers) or 'an admin'} of {state.team} has to let you in; compare these words with them:")
            print(f"    {state.words}", flush=True)
        if options.no_wait:
            return 1
        time.sleep(_ASK_AGAIN_S)
    if runs:
        _wait_for(home, state.team)
    print(f"{options.person} joined team {state.team}")
    return 0


def _join_once(home: Home, request: Join) -> tuple[Joining, bool]:
    """How far the join is, and whether a node runs here."""
    try:
        return ask(home, request), True
    except NoNodeError:
        from devstream_desktop.node import offline

        return offline.join_team(home, request), False


def approve_join(home: Home, options: argparse.Namespace) -> int:
    """Let somebody in, or turn them away."""
    print(_ask_node(home, ApproveJoin(device=options.device, reject=options.reject), "who waits is known from the stream"))
    return 0


def grant(home: Home, options: argparse.Namespace) -> int:
    """Give a role, for each pattern."""
    for pattern in options.pattern or [""]:
        _act(home, Grant(person=options.person, role=options.role, pattern=pattern))
    return 0


def ungrant(home: Home, options: argparse.Namespace) -> int:
    """Take a role away, for each pattern."""
    for pattern in options.pattern or [""]:
        _act(home, Ungrant(person=options.person, role=options.role, pattern=pattern))
    return 0


def revoke(home: Home, options: argparse.Namespace) -> int:
    """Put somebody out."""
    request = Revoke(who=options.who, why=options.why, since=options.since)
    print(_ask_node(home, request, "only a node knows how far the history of the device goes"))
    return 0


def members(home: Home, options: argparse.Namespace) -> int:
    """Print who is in the team."""
    try:
        found = ask(home, GetMembers())
    except NoNodeError:
        from devstream_desktop.node import governing, offline

        found = governing.members_of(offline.open_team(home))
    if options.json:
        print_json(found)
        return 0
    for member in found.members:
        inside = [device for device in member.devices if not device.revoked]
        devices = ", ".join(device.device[:8] for device in inside)
        out = "" if inside else f"  (out since {_day(max(device.revoked for device in member.devices))})"
        print(f"{member.person:20} {devices:20} {', '.join(member.roles) or 'member'}{out}")
    for one in found.waiting:
        print(f"{one.person} waits to be let in: {one.words}; devstream team approve-join {one.device[:8]}")
    for notice in found.notices:
        print(f"! {notice}")
    return 0


def policy(home: Home, options: argparse.Namespace) -> int:
    """Print the policy in force, and what is proposed."""
    try:
        found = ask(home, GetPolicy())
    except NoNodeError:
        from devstream_desktop.node import governing, offline

        found = governing.policy_of(offline.open_team(home))
    if options.json:
        print_json(found)
        return 0
    print(f"{found.team}, policy version {found.version} of {_day(found.issued)}, ends {_day(found.expires)}")
    for label, people in (
        ("admins", found.admins),
        ("issuers", found.issuers),
        ("collectors", found.collectors),
        ("executors", found.executors),
    ):
        print(f"  {label:12} {', '.join(people) or 'nobody'}")
    print(f"  {'changes':12} signed by {found.threshold} of the admins' devices")
    print(f"  {'joins':12} {'approved by an admin, once there are two people' if found.approve_joins else 'by invite alone'}")
    print(f"  {'events':12} kept for {found.retention_days} days")
    print(f"  {'on paper':12} {'a recovery key' if found.recovery_key else 'no recovery key'}")
    for one in found.proposals:
        print(f"proposed {one.id}, signed by {', '.join(one.signed_by)}, {len(one.signed_by)} of {one.needs}:")
        for sentence in one.what:
            print(f"  {sentence}")
    if found.forked:
        print("! two admins changed the team at once, or a key was stolen: check with the other admins, then make any change")
    for notice in found.notices:
        print(f"! {notice}")
    return 0


def change(home: Home, options: argparse.Namespace) -> int:
    """Change the settings that were given."""
    if not options.threshold and options.approve_joins is None and not options.retention:
        raise DevstreamError("nothing to set; see devstream team set --help")
    joins = None if options.approve_joins is None else options.approve_joins == "on"
    _act(home, SetPolicy(threshold=options.threshold, approve_joins=joins, retention_days=options.retention))
    return 0


def approve_policy(home: Home, options: argparse.Namespace) -> int:
    """Sign a proposed change."""
    _act(home, ApprovePolicy(proposal=options.proposal))
    return 0


def recovery_key(home: Home, _: argparse.Namespace) -> int:
    """Print a new recovery key; alone on standard output, so that it can be sent to a printer."""
    print(
        "Write this down or print it, and keep it where only the company gets it; it is shown once and replaces the one before:",
        file=sys.stderr,
    )
    _act(home, MakeRecoveryKey())
    return 0


def recover(home: Home, _: argparse.Namespace) -> int:
    """Make this device an admin; the key never is an argument, where other users could read it."""
    key = getpass("recovery key: ") if sys.stdin.isatty() else sys.stdin.readline()
    _act(home, Recover(key=key))
    return 0


def _act(home: Home, request: Grant | Ungrant | SetPolicy | ApprovePolicy | MakeRecoveryKey | Recover) -> None:
    try:
        text = ask(home, request).text
    except NoNodeError:
        from devstream_desktop.node import governing, offline

        text = governing.act(offline.open_team(home), request)
    print(text)


def _ask_node(home: Home, request: ApproveJoin | Revoke, why: str) -> str:
    try:
        return ask(home, request).text
    except NoNodeError:
        raise DevstreamError(f"no node runs for this home, and {why}: start devstream (or devstream node) first") from None


def _day(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000).astimezone().strftime("%Y-%m-%d")


def _wait_for(home: Home, team: str) -> None:
    """The node starts anew as a member; a script that goes on at once must find it there."""
    deadline = time.monotonic() + _RESTART_S
    while time.monotonic() < deadline:
        try:
            if ask(home, GetStatus()).team == team:
                return
        except NoNodeError:
            pass
        time.sleep(0.1)
    raise DevstreamError(f"joined team {team}, but the node did not come back; start it again")
