"""The bytes of control as a node reads and writes them; a client's half is `wire`."""

from __future__ import annotations

from functools import cache

import msgspec

from devstream_desktop.control.errors import ControlError
from devstream_desktop.control.messages.base import Done, Refused
from devstream_desktop.control.messages.deploys import (
    CheckTargets,
    DeployList,
    DeployLog,
    GetDeployLog,
    GetDeploys,
    GetTargets,
    Plan,
    PlanDeploy,
    RequestAnswer,
    RequestDeploy,
    RequestLock,
    TargetChecks,
    Targets,
)
from devstream_desktop.control.messages.imports import Import, Imported
from devstream_desktop.control.messages.members import (
    ApproveJoin,
    GetMembers,
    Grant,
    Invite,
    InviteRead,
    Join,
    Joining,
    Leave,
    Members,
    ReadInvite,
    Renew,
    Revoke,
    Ungrant,
)
from devstream_desktop.control.messages.policy import (
    ApprovePolicy,
    GetPolicy,
    MakeRecoveryKey,
    PolicyState,
    Recover,
    SetPolicy,
)
from devstream_desktop.control.messages.sealed import (
    AddCarrier,
    AddOutlet,
    SetSecret,
    TryCarrier,
    TryOutlet,
)
from devstream_desktop.control.messages.sources import (
    AddSource,
    GetUnmatched,
    ProbeSource,
    RemoveSource,
    UnmatchedBodies,
)
from devstream_desktop.control.messages.status import GetStatus, Status, Stop, Unlock
from devstream_desktop.control.messages.stream import (
    Claim,
    Emit,
    News,
    Note,
    Release,
    Saw,
    SetDuty,
    Wait,
)
from devstream_desktop.control.wire import MAX_VALUES, PROTOCOL, encoded
from devstream_desktop.stream.bounds import check_msgpack

AnyRequest = (
    Wait
    | GetStatus
    | Emit
    | Import
    | SetDuty
    | Claim
    | Release
    | Note
    | Saw
    | GetTargets
    | PlanDeploy
    | RequestDeploy
    | RequestLock
    | RequestAnswer
    | GetDeploys
    | CheckTargets
    | GetDeployLog
    | Invite
    | ReadInvite
    | Join
    | Leave
    | Grant
    | Ungrant
    | Revoke
    | Renew
    | GetMembers
    | GetPolicy
    | SetPolicy
    | ApproveJoin
    | ApprovePolicy
    | MakeRecoveryKey
    | Recover
    | AddSource
    | SetSecret
    | AddOutlet
    | TryOutlet
    | AddCarrier
    | TryCarrier
    | RemoveSource
    | ProbeSource
    | GetUnmatched
    | Unlock
    | Stop
)
AnyReply = (
    News
    | Done
    | Imported
    | Refused
    | Status
    | Targets
    | Plan
    | DeployList
    | TargetChecks
    | DeployLog
    | Members
    | InviteRead
    | Joining
    | PolicyState
    | UnmatchedBodies
)


@cache
def _request_decoder() -> msgspec.msgpack.Decoder[AnyRequest]:
    # Made when needed: many import this for its names alone.
    return msgspec.msgpack.Decoder(AnyRequest)


def encode_reply(reply: AnyReply) -> bytes:
    """Return the bytes of an answer."""
    return encoded(reply)


def decode_request(data: bytes) -> AnyRequest:
    """Return the request in `data`.

    Raises:
        ControlError: another version of devstream asks, or the bytes are no request.

    """
    if not data or data[0] != PROTOCOL:
        raise ControlError(
            "this home's node runs another version of devstream; end it and start again"
        )
    try:
        check_msgpack(data[1:], MAX_VALUES)
        return _request_decoder().decode(data[1:])
    except ValueError as error:
        raise ControlError(f"the node does not understand this request: {error}") from None
