"""The issuer's decision on a joiner: the checks, in order, and the policy that makes it a member."""

from __future__ import annotations

import msgspec

from devstream_desktop.stream.entry import device_id
from devstream_desktop.team.certificates import Authority
from devstream_desktop.team.enrol_wire import AskMembership, proof_message
from devstream_desktop.team.errors import PolicyError
from devstream_desktop.team.join_errors import JoinError, Problem
from devstream_desktop.team.keys import is_sound, verify
from devstream_desktop.team.open_invites import OpenInvites
from devstream_desktop.team.policy import Policy, check_name, fold


def admit(question: AskMembership, *, policy: Policy, authority: Authority, invites: OpenInvites, now_ms: int) -> tuple[str, Policy]:
    """The certificate (PEM) for a joiner, and the policy with it in; the same policy when it was in already.

    The invite is spent before anything is signed: a crash in between lets the same device ask again, and no other.

    Raises:
        JoinError: the joiner may not in; its `problem` is the answer.

    """
    invites.check(question.invite, question.secret, question.device, now_ms)
    _check_device(question, authority)
    changed = _with_member(policy, device_id(question.device), question.person)
    try:
        certificate = authority.issue(device_id(question.device), question.request, now_ms)
    except ValueError:
        raise JoinError(Problem.DEVICE) from None
    invites.spend(question.invite, question.device, now_ms)
    return certificate, changed


def _check_device(question: AskMembership, authority: Authority) -> None:
    if not is_sound(question.device) or not verify(question.device, proof_message(authority.pin, question), question.proof):
        raise JoinError(Problem.DEVICE)


def _with_member(policy: Policy, device: str, person: str) -> Policy:
    try:
        check_name(person, "person")
    except PolicyError:
        raise JoinError(Problem.NAME) from None
    known = policy.persons.get(device)
    if device in policy.revoked or known not in (None, person):
        raise JoinError(Problem.DEVICE)
    if known == person:
        return policy
    # The names of the revoked count as well: nobody may inherit what was granted to them.
    if fold(person) in {fold(name) for name in policy.persons.values()}:
        raise JoinError(Problem.NAME_TAKEN)
    return msgspec.structs.replace(policy, persons={**policy.persons, device: person})
