"""The changes that an admin can make.

Each is a pure function from a policy to the next one's content, refused in words when it makes no
sense.
"""

from devstream_desktop.team.policy.changes.change import Change, in_turn
from devstream_desktop.team.policy.changes.differences import differences, regranted
from devstream_desktop.team.policy.changes.grants import grant, ungrant
from devstream_desktop.team.policy.changes.members import (
    Newcomer,
    admit,
    check_known,
    check_leave,
    check_replaceable,
    chosen_device,
    chosen_devices,
    is_name_taken,
    replaced_by,
    revoke,
    take_in,
)
from devstream_desktop.team.policy.changes.rebase import rebased
from devstream_desktop.team.policy.changes.settings import recover, recovery, settings

__all__ = [
    "Change",
    "Newcomer",
    "admit",
    "check_known",
    "check_leave",
    "check_replaceable",
    "chosen_device",
    "chosen_devices",
    "differences",
    "grant",
    "in_turn",
    "is_name_taken",
    "rebased",
    "recover",
    "recovery",
    "regranted",
    "replaced_by",
    "revoke",
    "settings",
    "take_in",
    "ungrant",
]
