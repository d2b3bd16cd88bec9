"""The changes that an admin can make.

Each is a pure function from a policy to the next one's content, refused in words when it makes no
sense.
"""

from devstream_desktop.team.policy.changes.change import Change
from devstream_desktop.team.policy.changes.differences import differences, regranted
from devstream_desktop.team.policy.changes.grants import grant, ungrant
from devstream_desktop.team.policy.changes.members import (
    admit,
    chosen_devices,
    is_name_taken,
    revoke,
)
from devstream_desktop.team.policy.changes.rebase import rebased
from devstream_desktop.team.policy.changes.settings import recover, recovery, settings

__all__ = [
    "Change",
    "admit",
    "chosen_devices",
    "differences",
    "grant",
    "is_name_taken",
    "rebased",
    "recover",
    "recovery",
    "regranted",
    "revoke",
    "settings",
    "ungrant",
]
