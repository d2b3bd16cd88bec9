"""Acts of an admin and views of a team.

They are the same for a node that runs and a home whose node does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

from devstream_desktop.control.messages.members import (
    ApproveJoin,
    Device,
    Grant,
    InviteRead,
    Member,
    Members,
    Revoke,
    Ungrant,
    Waiting,
)
from devstream_desktop.control.messages.policy import (
    ApprovePolicy,
    MakeRecoveryKey,
    PolicyState,
    Proposal,
    Recover,
    SetPolicy,
)
from devstream_desktop.errors import DevstreamError
from devstream_desktop.keys import DeviceKey, read_recovery_key, write_recovery_key
from devstream_desktop.node.board import Ask
from devstream_desktop.node.presence import Presence
from devstream_desktop.node.team_advice import advice
from devstream_desktop.stream.text import clean
from devstream_desktop.stream.words import Role
from devstream_desktop.team import (
    DEVICE_ROLES,
    End,
    Policy,
    Team,
    TeamError,
    changes,
    read_invite,
    six_words,
)
from devstream_desktop.team import Member as TeamMember

_WAITS = (
    "proposed: it holds once enough admins have signed it, each with: devstream team approve-policy"
)


Act = Grant | Ungrant | SetPolicy | ApprovePolicy | MakeRecoveryKey | Recover
"""Requests that need nothing but the policy."""


def invite_read(team: Team, text: str) -> InviteRead:
    """Look at a pasted invite; nobody is asked.

    Raises:
        JoinError: it is none, mistyped, or of a newer version.
        TeamError: it was made by this very device.
    """
    invite = read_invite(text)
    if invite.issuer_device == team.device.id:
        raise TeamError(
            "this invite was made here: it lets another device in, so hand it to your colleague"
        )
    return InviteRead(addresses=invite.addresses)


def act(team: Team, request: Act) -> str:
    """Do it; returns a sentence, of `MakeRecoveryKey` the key. Writes to disk.

    Raises:
        PolicyError: it may not be done here, or makes no sense.
        TeamError: the disk is full, or what was typed is no recovery key.

    """
    match request:
        case Grant():
            role = role_of(request.role)
            patterns = (request.pattern, *request.further)
            now = team.now()
            done = team.change(
                reduce(
                    changes.in_turn,
                    (changes.grant(request.person, role, one, now) for one in patterns),
                )
            )
            what = f"{request.person} is {role}{_of(patterns)}"
        case Ungrant():
            role = role_of(request.role)
            patterns = (request.pattern, *request.further)
            done = team.change(
                reduce(
                    changes.in_turn,
                    (changes.ungrant(request.person, role, one) for one in patterns),
                )
            )
            what = f"{request.person} is no longer {role}{_of(patterns)}"
        case SetPolicy():
            change = changes.settings(
                threshold=request.threshold,
                approve_joins=request.approve_joins,
                retention_days=request.retention_days,
                audit_days=request.audit_days,
            )
            done = team.change(change)
            what = "the team's settings are changed"
        case ApprovePolicy():
            done = team.approve(request.proposal)
            what = "the change is signed"
        case MakeRecoveryKey():
            key = DeviceKey.generate()
            text = write_recovery_key(key)
            return text if team.change(changes.recovery(key.id)) else f"{text}\n{_WAITS}"
        case Recover():
            paper = read_recovery_key(request.key)
            if paper.id != team.chain.current.recovery:
                raise TeamError(
                    "this is not the team's recovery key: it belongs to another team, or a newer"
                    " one took its place"
                )
            done = team.change(changes.recover(team.device.id, team.now()), recovery=paper)
            what = (
                f"{team.person} is admin on this device; make a new recovery key now: devstream"
                " team recovery-key"
            )
    return _told(team, what, done=done)


def _of(patterns: Sequence[str]) -> str:
    named = ", ".join(filter(None, patterns))
    return f" of {named}" if named else ""


def revoke(team: Team, request: Revoke, ends: Sequence[End]) -> str:
    """Revoke a person or device, which wrote up to `ends`; returns a sentence.

    Raises:
        PolicyError: it may not be done here, or nobody is meant.
        TeamError: the disk is full.

    """
    devices = changes.chosen_devices(team.chain.current, request.who)
    if team.device.id in devices:
        raise TeamError(
            "that is this device: devstream team leave takes it out, or another admin revokes it"
        )
    done = team.change(changes.revoke(devices, request.why, team.now(), ends))
    return _told(
        team,
        f"{clean(request.who, 40)} is revoked ({', '.join(device[:8] for device in devices)})",
        done=done,
    )


def find_ask(asks: Sequence[Ask], request: ApproveJoin) -> Ask:
    """Find a member by name, or by a device id's beginning.

    Raises:
        TeamError: nobody who waits, or several, or it asks under another name by now.
    """
    who = request.device
    found = [
        ask for ask in asks if ask.person == who or (len(who) >= 8 and ask.device.startswith(who))
    ]
    if len(found) != 1:
        waiting = ", ".join(f"{ask.person} ({ask.device[:8]})" for ask in asks) or "nobody"
        raise TeamError(
            f"{len(found) or 'no'} joins match {clean(who, 60)!r}; waiting are: {waiting}"
        )
    if request.person not in ("", found[0].person):
        raise TeamError(
            f"{request.person} asks as {found[0].person} by now: see if that is right, and decide"
            " again"
        )
    return found[0]


def approve_join(team: Team, ask: Ask, ends: Sequence[End] = ()) -> str:
    """Approve a join; returns a sentence. A device that is replaced wrote up to `ends`.

    Raises:
        PolicyError: this device is no admin, or the name is taken meanwhile.
        TeamError: the disk is full.

    """
    if ask.replaces == team.device.id:
        raise TeamError("it takes the place of this device, so another admin has to approve it")
    newcomer = ask.newcomer
    done = team.change(changes.take_in(newcomer, team.now(), ends))
    what = f"{ask.person} is in the team"
    if ask.another:
        what += f" with another device, {team.chain.current.machine_of(ask.device)}"
    if ask.replaces:
        what += f", in place of {team.chain.current.machine_of(ask.replaces)}"
    return _told(team, what, done=done)


def role_of(word: str) -> Role:
    """Return the role named `word`.

    Raises:
        DevstreamError: there is none.

    """
    try:
        return Role(word)
    except ValueError:
        raise DevstreamError(
            f"{clean(word, 40)!r} is not a role; roles are {', '.join(Role)}"
        ) from None


def members_of(
    team: Team,
    presences: Mapping[str, Presence],
    asks: Sequence[Ask] = (),
    troubles: Sequence[str] = (),
) -> Members:
    """Describe a team: its members, their devices and roles, and who wants to join.

    `troubles` are sentences on its devices.
    """
    policy, since = team.chain.current, _first_seen(team)
    return Members(
        members=tuple(
            Member(
                person=one.person,
                devices=tuple(
                    _device(team, device, since[device], presences.get(device, Presence()))
                    for device in (*one.devices, *one.revoked)
                ),
                roles=_roles(one),
            )
            for one in team.members()
        ),
        waiting=tuple(
            Waiting(
                device=ask.device,
                person=ask.person,
                words=six_words(ask.device),
                since=ask.at,
                machine=ask.machine,
                another=ask.another,
                replaces=ask.replaces,
            )
            for ask in asks
        ),
        may_change=team.is_admin,
        notices=(*troubles, *advice(policy, team.now(), is_admin=team.is_admin)),
    )


def roles_of(team: Team, person: str) -> tuple[str, ...]:
    """List a person's roles, as `deployer shop/production`."""
    return next((_roles(one) for one in team.members() if one.person == person), ())


def policy_of(team: Team) -> PolicyState:
    """Return the policy in force, and what is proposed."""
    chain = team.chain
    policy = chain.current
    return PolicyState(
        team=policy.name,
        team_id=chain.team,
        version=policy.version,
        issued=policy.issued,
        expires=policy.expires,
        threshold=policy.threshold,
        approve_joins=policy.approve_joins,
        retention_days=policy.retention_days,
        audit_days=policy.audit_days,
        admins=policy.who_has(Role.ADMIN),
        issuers=policy.who_has(Role.ISSUER),
        collectors=policy.who_has(Role.COLLECTOR),
        executors=policy.who_has(Role.EXECUTOR),
        recovery_key=bool(policy.recovery),
        forked=chain.forked,
        proposals=tuple(
            Proposal(
                id=one.hash[:8],
                what=changes.differences(policy, one.policy),
                signed_by=_signers(policy, one.signed_by),
                needs=max(policy.threshold, one.policy.threshold),
                signed_here=team.device.id in one.signed_by,
            )
            for one in chain.proposals
        ),
        notices=advice(policy, team.now(), is_admin=team.is_admin),
        may_change=team.is_admin,
    )


def _first_seen(team: Team) -> dict[str, int]:
    """Return when each device came in, UTC milliseconds."""
    found: dict[str, int] = {}
    for link in team.chain.links:
        for device in link.policy.persons.keys() - found.keys():
            found[device] = link.policy.issued
    return found


def _device(team: Team, device: str, since: int, presence: Presence) -> Device:
    policy = team.chain.current
    revocation = policy.revoked.get(device)
    return Device(
        device=device,
        words=six_words(device),
        roles=tuple(
            role for role in Role if role in DEVICE_ROLES and policy.has_role(device, role)
        ),
        here=device == team.device.id,
        revoked=revocation.when if revocation else 0,
        why=revocation.why if revocation else "",
        machine=policy.machines.get(device, ""),
        since=since,
        certificate_expires=0 if revocation else team.certificate_end(device),
        linked=presence.linked,
        seen=presence.seen,
    )


def _roles(member: TeamMember) -> tuple[str, ...]:
    granted = {grant.role for grant in member.grants}
    plain = (role for role in member.roles if role not in granted)
    return (*plain, *(f"{grant.role} {grant.pattern}" for grant in member.grants))


def _signers(policy: Policy, signed_by: frozenset[str]) -> tuple[str, ...]:
    return tuple(
        sorted(
            "the recovery key" if device == policy.recovery else policy.name_of(device)
            for device in signed_by
        )
    )


def _told(team: Team, what: str, *, done: bool) -> str:
    return f"{what} (policy version {team.chain.current.version})" if done else _WAITS
