"""Notices of device keys that two machines use."""

from __future__ import annotations

from devstream_desktop.mesh.service import Mesh
from devstream_desktop.stream.text import duration
from devstream_desktop.team import Policy


def keys_used_twice(mesh: Mesh, policy: Policy, now: int) -> list[str]:
    """Describe each member's device whose key is in use twice.

    Either two machines use it now, or its feed was ended because a number of it was used twice.
    """
    alive = mesh.living_twice()
    found = [
        f"two machines write as {policy.name_of(device)}'s device {device[:8]}, the second last"
        f" {duration(max(0, now - last))} ago: one is"
        " a copy of the other. On one of them end devstream and join again with a fresh --home and"
        " another name (devstream team invite);"
        f" if nobody made a copy: devstream team revoke {device[:8]}"
        for device, last in alive.items()
        if policy.is_member(device)
    ]
    found += [
        f"{policy.name_of(device)}'s device {device[:8]} wrote two different entries under one"
        " number: its database was set back, a copy of"
        " its machine runs too, or somebody else has its key; that feed is closed. A copy joins"
        " again with a fresh --home; if it was"
        f" neither: devstream team revoke {device[:8]}"
        for device in mesh.frozen_devices()
        if policy.is_member(device) and device not in alive
    ]
    return found
