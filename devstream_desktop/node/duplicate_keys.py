"""Notices of device keys that two machines use."""

from __future__ import annotations

from devstream_desktop.control.node_words import KEY_LIVES_TWICE, KEY_USED_TWICE
from devstream_desktop.mesh.service import Mesh
from devstream_desktop.stream.text import duration
from devstream_desktop.team import Policy


def keys_used_twice(mesh: Mesh, policy: Policy, now: int) -> list[str]:
    """Describe each member's device whose key is in use twice.

    Either two machines use it now, or its feed was ended because a number of it was used twice.
    """
    alive = mesh.living_twice()
    found = [
        KEY_LIVES_TWICE.format(
            person=policy.name_of(device),
            device=device[:8],
            time=duration(max(0, now - last)),
            invite="devstream team invite",
            revoke=f"devstream team revoke {device[:8]}",
        )
        for device, last in alive.items()
        if policy.is_member(device)
    ]
    found += [
        KEY_USED_TWICE.format(
            person=policy.name_of(device),
            device=device[:8],
            revoke=f"devstream team revoke {device[:8]}",
        )
        for device in mesh.frozen_devices()
        if policy.is_member(device) and device not in alive
    ]
    return found
