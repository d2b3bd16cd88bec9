"""The team: who is in it and what each may do, by certificates and a signed policy.

A certificate says which device somebody is; the policy alone says what the device may do. `Team` is
the part that a running node holds. Other rooms import the names below and no module of this room.
"""

from devstream_desktop.team import certificates, membership
from devstream_desktop.team.enrolment import Enrolment
from devstream_desktop.team.errors import NoTeamError, PolicyError, TeamError
from devstream_desktop.team.joining.errors import JoinWaitsError
from devstream_desktop.team.joining.invite import read_invite
from devstream_desktop.team.joining.renewals import is_renewal
from devstream_desktop.team.joining.six_words import six_words
from devstream_desktop.team.policy import changes
from devstream_desktop.team.policy.authors import ended, ends, outsider, refusal_of, way_back
from devstream_desktop.team.policy.chain import PolicyChain
from devstream_desktop.team.policy.documents import Signed
from devstream_desktop.team.policy.names import MACHINE_LENGTH
from devstream_desktop.team.policy.policy import DEVICE_ROLES, WARNING_MS, End, Policy
from devstream_desktop.team.policy.roster import Member
from devstream_desktop.team.standing import Standing, standing_of
from devstream_desktop.team.team import Team

__all__ = [
    "DEVICE_ROLES",
    "MACHINE_LENGTH",
    "WARNING_MS",
    "End",
    "Enrolment",
    "JoinWaitsError",
    "Member",
    "NoTeamError",
    "Policy",
    "PolicyChain",
    "PolicyError",
    "Signed",
    "Standing",
    "Team",
    "TeamError",
    "certificates",
    "changes",
    "ended",
    "ends",
    "is_renewal",
    "membership",
    "outsider",
    "read_invite",
    "refusal_of",
    "six_words",
    "standing_of",
    "way_back",
]
