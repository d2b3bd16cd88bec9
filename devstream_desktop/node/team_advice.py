"""Advice to a team on its policy, while there is time."""

from __future__ import annotations

from devstream_desktop.stream.text import roughly
from devstream_desktop.team import WARNING_MS, Policy


def advice(policy: Policy, now: int, *, is_admin: bool) -> tuple[str, ...]:
    """Advise a team on its policy while there is time."""
    said = []
    if policy.expires - WARNING_MS < now <= policy.expires:
        said.append(
            f"the policy ends in {roughly(policy.expires - now)}, and then nothing is deployed; it"
            f" renews itself when {_either(policy)} starts devstream"
            + (" and enough admins sign" if policy.threshold > 1 else "")
        )
    admins = policy.active_admins()
    # One lost laptop would leave too few to sign anything; a person may have two that can.
    if len(admins) <= policy.threshold and not policy.recovery and not policy.of_one_device:
        lost = "one of the admins'" if len(admins) > 1 else f"{policy.name_of(admins[0])}'s"
        said.append(
            f"if {lost} device is lost, nobody can change the team again:"
            " make a second admin (devstream team grant PERSON admin) or keep a key on paper"
            " (devstream team recovery-key)" + ("" if is_admin else f"; ask {_either(policy)}")
        )
    return tuple(said)


def _either(policy: Policy) -> str:
    return " or ".join(sorted({policy.persons[device] for device in policy.active_admins()}))
