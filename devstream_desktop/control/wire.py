"""The bytes between a node and whoever asks it: one version byte, then msgpack."""

from __future__ import annotations

from functools import cache
from typing import TypeVar

import msgspec

from devstream_desktop.control.errors import ControlError, StartingError
from devstream_desktop.control.messages.base import Done, Refused, Reply, Request
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
    Import,
    Imported,
    News,
    Note,
    Release,
    Saw,
    SetDuty,
    Wait,
)
from devstream_desktop.stream.bounds import check_msgpack

PROTOCOL = 1
MAX_MESSAGE = 4 << 20
"""Bytes of one request or answer."""
_MAX_VALUES = 1_000_000

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

_encoder = msgspec.msgpack.Encoder()
_R = TypeVar("_R", bound=Reply)


# Made when needed: each process reads one direction alone.
@cache
def _request_decoder() -> msgspec.msgpack.Decoder[AnyRequest]:
    return msgspec.msgpack.Decoder(AnyRequest)


@cache
def _reply_decoder() -> msgspec.msgpack.Decoder[AnyReply]:
    return msgspec.msgpack.Decoder(AnyReply)


def encode_request(request: Request[Reply]) -> bytes:
    """Return the bytes of a request: one version byte, then msgpack."""
    return bytes([PROTOCOL]) + _encoder.encode(request)


def encode_reply(reply: AnyReply) -> bytes:
    """Return the bytes of an answer."""
    return bytes([PROTOCOL]) + _encoder.encode(reply)


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
        check_msgpack(data[1:], _MAX_VALUES)
        return _request_decoder().decode(data[1:])
    except ValueError as error:
        raise ControlError(f"the node does not understand this request: {error}") from None


def decode_reply(data: bytes) -> AnyReply:
    """Return the answer in `data`.

    Raises:
        ControlError: another version of devstream runs the node.

    """
    if not data or data[0] != PROTOCOL:
        raise ControlError(
            "the node of this home runs another version of devstream; end it and start again"
        )
    try:
        check_msgpack(data[1:], _MAX_VALUES)
        return _reply_decoder().decode(data[1:])
    except ValueError as error:
        raise ControlError(
            f"the node's answer makes no sense ({error}); end it and start again"
        ) from None


def expect(reply: AnyReply, request: Request[_R]) -> _R:
    """`reply` as the answer to `request`.

    Raises:
        StartingError: the node is just starting.
        ControlError: it was refused, or is something else.

    """
    # A refusal may answer any request.
    if isinstance(reply, Refused):
        raise StartingError(reply.reason) if reply.again else ControlError(reply.reason)
    kind = request.reply_type()
    if not isinstance(reply, kind):
        raise ControlError(
            f"the node answered {type(reply).__name__} where {kind.__name__} was asked; end it and"
            " start again"
        )
    return reply
