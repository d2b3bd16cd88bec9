"""A lost branch's change, made again on the branch that won."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from devstream_desktop.team.policy.changes.change import Change
from devstream_desktop.team.policy.changes.members import is_name_taken
from devstream_desktop.team.policy.policy import Policy

_K = TypeVar("_K")
_V = TypeVar("_V")


def rebased(base: Policy, mine: Policy) -> Change:
    """Repeat the change from `base` to `mine` on another branch's policy."""

    def change(policy: Policy) -> Policy:
        persons = _merged(base.persons, mine.persons, policy.persons)
        # Two people of one name who came at the same moment: the first one has it.
        # Another device of a person whom both branches know is no second person.
        new = {
            device: name
            for device, name in persons.items()
            if device not in policy.persons
            and name not in base.persons.values()
            and is_name_taken(policy, name)
        }
        return msgspec.structs.replace(
            policy,
            # Only what this device had changed is changed again; the rest stays as the other branch
            # has it.
            name=mine.name if mine.name != base.name else policy.name,
            threshold=mine.threshold if mine.threshold != base.threshold else policy.threshold,
            approve_joins=mine.approve_joins
            if mine.approve_joins != base.approve_joins
            else policy.approve_joins,
            retention_days=mine.retention_days
            if mine.retention_days != base.retention_days
            else policy.retention_days,
            audit_days=mine.audit_days if mine.audit_days != base.audit_days else policy.audit_days,
            recovery=mine.recovery if mine.recovery != base.recovery else policy.recovery,
            admins=_relisted(base.admins, mine.admins, policy.admins),
            collectors=_relisted(base.collectors, mine.collectors, policy.collectors),
            executors=_relisted(base.executors, mine.executors, policy.executors),
            grants=_relisted(base.grants, mine.grants, policy.grants),
            issuers=_merged(base.issuers, mine.issuers, policy.issuers),
            persons={device: name for device, name in persons.items() if device not in new},
            revoked=_merged(base.revoked, mine.revoked, policy.revoked),
            machines=_merged(base.machines, mine.machines, policy.machines),
        )

    return change


def _relisted(base: tuple[_V, ...], mine: tuple[_V, ...], theirs: tuple[_V, ...]) -> tuple[_V, ...]:
    kept = tuple(item for item in theirs if item in mine or item not in base)
    return (*kept, *(item for item in mine if item not in base and item not in kept))


def _merged(base: Mapping[_K, _V], mine: Mapping[_K, _V], theirs: Mapping[_K, _V]) -> dict[_K, _V]:
    kept = {key: value for key, value in theirs.items() if key in mine or key not in base}
    return kept | {
        key: value for key, value in mine.items() if base.get(key) != value and key not in kept
    }
