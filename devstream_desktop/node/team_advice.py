"""Advice to a team on its policy, while there is time."""

from __future__ import annotations

from devstream_desktop.control.node_words import (
    ONLY_ADMIN,
    POLICY_ENDS,
    POLICY_ENDS_SIGNED,
    TOO_FEW_ADMINS,
)
from devstream_desktop.control.plan_words import ASK
from devstream_desktop.stream.text import roughly
from devstream_desktop.team import WARNING_MS, Policy


def advice(policy: Policy, now: int, *, is_admin: bool) -> tuple[str, ...]:
    """Advise a team on its policy while there is time."""
    said = []
    if policy.expires - WARNING_MS < now <= policy.expires:
        ends = POLICY_ENDS_SIGNED if policy.threshold > 1 else POLICY_ENDS
        said.append(ends.format(time=roughly(policy.expires - now), people=_either(policy)))
    admins = policy.active_admins()
    # One lost laptop would leave too few to sign anything; a person may have two that can.
    if len(admins) <= policy.threshold and not policy.recovery and not policy.of_one_device:
        lost = (TOO_FEW_ADMINS if len(admins) > 1 else ONLY_ADMIN).format(
            person=policy.name_of(admins[0]),
            grant="devstream team grant PERSON admin",
            key="devstream team recovery-key",
        )
        ask = ASK.format(people=_either(policy))
        said.append(lost if is_admin else f"{lost}; {ask}")
    return tuple(said)


def _either(policy: Policy) -> str:
    return " or ".join(sorted({policy.persons[device] for device in policy.active_admins()}))
