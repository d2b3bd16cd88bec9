"""Every request and answer between a node and its screens and scripts, and their wire form: one version byte, then msgpack."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from devstream_desktop.errors import DevstreamError

PROTOCOL = 1
MAX_MESSAGE = 4 << 20


class ControlError(DevstreamError):
    """The node refused or failed; the message is for a person."""


class StartingError(ControlError):
    """The node is just starting or ending; the same request may be answered in a moment."""


class NoNodeError(ControlError):
    """No node runs for this home."""


class Request(msgspec.Struct, frozen=True, kw_only=True, tag_field="is"):
    """A request; on the wire its tag is the class name."""


class Wait(Request, frozen=True, tag=True, kw_only=True):
    """Answered with `News` as soon as a row newer than `newest` or another `status` is there, at the latest after `wait_ms`."""

    newest: int
    status: int
    wait_ms: int = 25_000


class GetStatus(Request, frozen=True, tag=True, kw_only=True):
    """Everything `devstream status` shows; answered with `Status`."""


class Emit(Request, frozen=True, tag=True, kw_only=True):
    """`devstream emit`, its options as typed; answered with `Done` (the event's key) once durable."""

    kind: str
    state: str
    service: str
    environment: str = ""
    ref: str = ""
    revision: str = ""
    actor: str = ""
    title: str = ""
    url: str = ""
    severity: str = ""
    subject: str = ""


class SetDuty(Request, frozen=True, tag=True, kw_only=True):
    """Go on or off duty; answered with `Done`."""

    on: bool


class GetTargets(Request, frozen=True, tag=True, kw_only=True):
    """What can be deployed, by whom; answered with `Targets`."""


class PlanDeploy(Request, frozen=True, tag=True, kw_only=True):
    """What would ship; answered with `Plan`. One of `ref` and `sha`; `ref` alone means its newest known commit."""

    target: str
    environment: str
    ref: str = ""
    sha: str = ""


class RequestDeploy(Request, frozen=True, tag=True, kw_only=True):
    """Sign a deploy request for exactly this commit and send it; answered with `Done` (the request's key)."""

    target: str
    environment: str
    sha: str
    ref: str = ""
    reason: str = ""


class Invite(Request, frozen=True, tag=True, kw_only=True):
    """Make a one-time invite; answered with `Done` (the text to paste)."""

    expires_s: int = 86_400
    address: str = ""
    pre_approved: bool = False
    """Whoever comes with it is let in at once, although the team approves joins."""


class Join(Request, frozen=True, tag=True, kw_only=True):
    """Leave the team of one and join the invite's team; the node then restarts itself. Answered with `Joining`.

    While the answer says `waiting`, the same request is sent again every few seconds.
    """

    invite: str
    person: str


class Grant(Request, frozen=True, tag=True, kw_only=True):
    """Give a role; answered with `Done` (a sentence)."""

    person: str
    role: str
    pattern: str = ""


class Ungrant(Request, frozen=True, tag=True, kw_only=True):
    """Take a role away; answered with `Done` (a sentence)."""

    person: str
    role: str
    pattern: str = ""
    """As it was granted; empty takes every grant of the role."""


class Revoke(Request, frozen=True, tag=True, kw_only=True):
    """Put a person (all devices) or one device out of the team, for good; answered with `Done` (a sentence)."""

    who: str
    """A person's name, or the first eight or more characters of a device id."""
    why: str = ""
    since: int = 0
    """When the device got into wrong hands, UTC milliseconds: what it wrote later is not passed on. 0: it is trusted up to now."""


class GetMembers(Request, frozen=True, tag=True, kw_only=True):
    """Answered with `Members`."""


class GetPolicy(Request, frozen=True, tag=True, kw_only=True):
    """Answered with `PolicyState`."""


class SetPolicy(Request, frozen=True, tag=True, kw_only=True):
    """Change the team's settings; answered with `Done` (a sentence). What is left out stays."""

    threshold: int = 0
    approve_joins: bool | None = None
    retention_days: int = 0


class ApproveJoin(Request, frozen=True, tag=True, kw_only=True):
    """Let a device in that waits, or turn it away; answered with `Done` (a sentence)."""

    device: str
    """The first eight or more characters of the device id, or the person's name."""
    reject: bool = False


class ApprovePolicy(Request, frozen=True, tag=True, kw_only=True):
    """Sign a change that another admin proposed; answered with `Done` (a sentence)."""

    proposal: str = ""
    """The first characters of its id; empty when only one waits."""


class MakeRecoveryKey(Request, frozen=True, tag=True, kw_only=True):
    """Make a key to keep on paper, in place of the one before; answered with `Done` (the key's text, which is nowhere else)."""


class Recover(Request, frozen=True, tag=True, kw_only=True):
    """Make this device an admin by the key that was kept on paper; answered with `Done` (a sentence)."""

    key: str


class AddSource(Request, frozen=True, tag=True, kw_only=True):
    """Add a source; answered with `Done`: the URL path it posts to, else empty. `secret` and `token` are sealed, never stored plain.

    `location` is a repository's path or URL, or a service's address; the rest is as in `sources.toml`.
    """

    type: str
    name: str
    location: str = ""
    branches: tuple[str, ...] = ()
    secret: bytes = b""
    token: bytes = b""
    ways: tuple[str, ...] = ("webhook",)
    service: str = ""
    environment: str = ""
    interval: int = 0
    silent_after: int = 0
    secret_path: bool = False
    token_env: str = ""
    token_file: str = ""
    options: dict[str, str | int | bool | tuple[str, ...]] = {}


class RemoveSource(Request, frozen=True, tag=True, kw_only=True):
    """Answered with `Done`."""

    name: str


class ProbeSource(Request, frozen=True, tag=True, kw_only=True):
    """Send a test event end to end; answered with `Done` (how far it got)."""

    name: str


class Stop(Request, frozen=True, tag=True, kw_only=True):
    """End the node cleanly; answered with `Done`."""


class Reply(msgspec.Struct, frozen=True, kw_only=True, tag_field="is"):
    """An answer; on the wire its tag is the class name."""


class News(Reply, frozen=True, tag=True, kw_only=True):
    """The newest row's arrival number, and a number that changes whenever `Status`, `Targets` or `Members` may have."""

    newest: int
    status: int


class Done(Reply, frozen=True, tag=True, kw_only=True):
    """It is done, and durable."""

    text: str = ""


class Refused(Reply, frozen=True, tag=True, kw_only=True):
    """It is not done; the sentence says what happened, what it means and what to do."""

    reason: str
    again: bool = False
    """The node is just starting: the same request will be answered in a moment."""


class PeerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One peer as this node sees it."""

    device: str
    person: str
    address: str
    state: str
    """`connecting`, `syncing`, `live` or `lost`."""
    direction: str = ""
    """`dialed` or `accepted`."""
    behind: int = 0
    """Events it has that are not here yet."""
    lag: int = 0
    """Events here that it has not taken yet, as far as known."""
    clock_offset: int = 0
    """Its clock minus ours, milliseconds."""
    seen: int = 0
    """When it last answered, UTC milliseconds; 0: never."""


class RefusedStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A peer that was not let in, and the reason."""

    address: str
    device: str
    reason: str
    count: int
    seen: int


class MissingStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Events of one author that do not come although this node has caught up, and why."""

    device: str
    person: str
    why: str
    """`nobody` (no linked neighbour has them), `future` (held back, their clock is ahead), `refused` (not theirs to write), `frozen`."""
    count: int
    """0 where it is not known."""
    until: int = 0
    """When they are asked for again, UTC milliseconds; 0 where that is not by the clock."""


class SourceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One of the collector's sources."""

    name: str
    type: str
    location: str
    state: str
    """`active`, `silent`, or `new` before it was first heard."""
    seen: int = 0
    error: str = ""
    events: int = 0
    dropped: int = 0
    refused: int = 0
    branches: tuple[str, ...] = ()
    reasons: dict[str, int] = {}
    """Why facts made no line, by name."""
    quieted: dict[str, int] = {}
    """Why lines were stored without a sound, by name."""
    expected: int = 0
    """Seconds within which something should be heard of it; 0: silence is normal."""
    token_ends: int = 0
    """When the token it is polled with ends, UTC milliseconds; 0: not known."""


class Status(Reply, frozen=True, tag=True, kw_only=True):
    """What a node is doing; the answer to "is it working, and if not, why"."""

    version: str
    device: str
    person: str
    team: str
    team_id: str
    solo: bool
    """The team of one that a first start makes."""
    members: int
    roles: tuple[str, ...]
    on_duty: bool
    duty: tuple[str, ...]
    """The people whose last word is that they are on duty."""
    mesh: str
    intake: str
    discovery: str
    peers: tuple[PeerStatus, ...]
    refused: tuple[RefusedStatus, ...]
    sources: tuple[SourceStatus, ...]
    targets: int
    events: int
    oldest: int
    newest: int
    history_bytes: int
    missing: int
    """Events that peers have and that are not here yet; more than 0 while catching up."""
    can_invite: bool
    catch_up_total: int = 0
    """How many there were when this catch-up began."""
    lost: tuple[MissingStatus, ...] = ()
    """What does not come although this node has caught up."""
    feeds: int = 0
    disk_free: int = 0
    """Bytes free where the home is."""
    pruning_suspended: str = ""
    """Why nothing that has expired is forgotten for now, a sentence; empty when it is."""
    policy_trouble: str = ""
    """Why nothing is deployed by the policy there is, a sentence; empty when it can be."""
    admins: tuple[str, ...] = ()
    """The people who can change the policy."""
    policy_version: int = 0
    policy_issued: int = 0
    policy_expires: int = 0
    """UTC milliseconds, as every time here."""
    certificate_expires: int = 0
    notices: tuple[str, ...] = ()
    """What is wrong and what to do, a sentence each."""
    advice: tuple[str, ...] = ()
    """Nothing is wrong yet, but somebody should do something: let a person in, sign a change, make a second admin; a sentence each."""


class TargetStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One target and environment, and whether this person may deploy it."""

    target: str
    environment: str
    description: str
    ref: str
    """The branch it is deployed from by default."""
    executor: str
    allowed: bool
    reason: str
    """Why not, in words; empty when allowed."""
    revision: str = ""
    """What is there now, as far as the history knows."""
    busy: str = ""
    """Who is deploying it right now."""


class Targets(Reply, frozen=True, tag=True, kw_only=True):
    """Every target the team's executors offer."""

    targets: tuple[TargetStatus, ...]


class Plan(Reply, frozen=True, tag=True, kw_only=True):
    """What a deploy would ship."""

    target: str
    environment: str
    ref: str
    sha: str
    current: str
    """The revision there now; empty when the history does not know."""
    changes: tuple[str, ...]
    """The lines of the changes between, newest first, as far as the history knows."""
    checks: tuple[str, ...]
    """The builds and tests of this revision, as lines."""
    allowed: bool
    reason: str


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One device of a person."""

    device: str
    words: str
    """The six words of its key, to compare by voice."""
    roles: tuple[str, ...]
    """A device's own: admin, issuer, collector, executor."""
    here: bool = False
    """It is this one."""
    revoked: int = 0
    """Since when it is out, UTC milliseconds; 0: it is in."""
    why: str = ""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One person of the team; without a device that is in, one who left."""

    person: str
    devices: tuple[Device, ...]
    roles: tuple[str, ...]
    """Of the person and all its devices, as `deployer shop/production`."""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A device that asked to join and waits for an admin's word."""

    device: str
    person: str
    words: str
    """The six words that the joiner's screen shows as well."""
    since: int
    """UTC milliseconds."""


class Members(Reply, frozen=True, tag=True, kw_only=True):
    """Who is in the team, and who wants to be."""

    members: tuple[Member, ...]
    waiting: tuple[Waiting, ...] = ()
    may_change: bool = False
    """Whether this device is an admin's."""
    notices: tuple[str, ...] = ()
    """What the team should do about itself, as when its only admin has no recovery key; a sentence each."""


class Joining(Reply, frozen=True, tag=True, kw_only=True):
    """How far a join is."""

    state: str
    """`joined` or `waiting`."""
    team: str
    words: str = ""
    """This device's six words, which the admin sees too; when waiting."""
    approvers: tuple[str, ...] = ()
    """The persons of whom one must approve; when waiting."""


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """A change of the policy that waits for more admins' signatures."""

    id: str
    what: tuple[str, ...]
    """What it would change, a sentence each."""
    signed_by: tuple[str, ...]
    needs: int
    signed_here: bool
    """Whether this device has signed it."""


class PolicyState(Reply, frozen=True, tag=True, kw_only=True):
    """The policy in force."""

    team: str
    team_id: str
    version: int
    issued: int
    expires: int
    """UTC milliseconds, as `issued`."""
    threshold: int
    """How many admins must sign a change."""
    approve_joins: bool
    """Whether an admin approves each join, once the team has two people."""
    retention_days: int
    admins: tuple[str, ...]
    """Persons, as in the lists below."""
    issuers: tuple[str, ...]
    collectors: tuple[str, ...]
    executors: tuple[str, ...]
    recovery_key: bool
    """Whether a key is kept on paper."""
    forked: bool
    proposals: tuple[Proposal, ...] = ()
    notices: tuple[str, ...] = ()
    may_change: bool = False
    """Whether this device is an admin's."""


AnyRequest = (
    Wait
    | GetStatus
    | Emit
    | SetDuty
    | GetTargets
    | PlanDeploy
    | RequestDeploy
    | Invite
    | Join
    | Grant
    | Ungrant
    | Revoke
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
    | Stop
)
AnyReply = News | Done | Refused | Status | Targets | Plan | Members | Joining | PolicyState

_encoder = msgspec.msgpack.Encoder()
_request_decoder: msgspec.msgpack.Decoder[AnyRequest] = msgspec.msgpack.Decoder(AnyRequest)
_reply_decoder: msgspec.msgpack.Decoder[AnyReply] = msgspec.msgpack.Decoder(AnyReply)

_R = TypeVar("_R", bound=Reply)


def encode_request(request: AnyRequest) -> bytes:
    """The bytes of a request: one version byte, then msgpack."""
    return bytes([PROTOCOL]) + _encoder.encode(request)


def encode_reply(reply: AnyReply) -> bytes:
    """The bytes of an answer."""
    return bytes([PROTOCOL]) + _encoder.encode(reply)


def decode_request(data: bytes) -> AnyRequest:
    """The request in `data`.

    Raises:
        ControlError: another version of devstream asks, or the bytes are no request.

    """
    if not data or data[0] != PROTOCOL:
        raise ControlError("this home's node runs another version of devstream; end it and start again")
    try:
        return _request_decoder.decode(data[1:])
    except msgspec.DecodeError as error:
        raise ControlError(f"the node does not understand this request: {error}") from None


def decode_reply(data: bytes) -> AnyReply:
    """The answer in `data`.

    Raises:
        ControlError: another version of devstream runs the node.

    """
    if not data or data[0] != PROTOCOL:
        raise ControlError("the node of this home runs another version of devstream; end it and start again")
    try:
        return _reply_decoder.decode(data[1:])
    except msgspec.DecodeError as error:
        raise ControlError(f"the node's answer makes no sense ({error}); end it and start again") from None


def expect(reply: AnyReply, kind: type[_R]) -> _R:
    """`reply` as the answer that was asked for.

    Raises:
        StartingError: the node is just starting.
        ControlError: it was refused, or is something else.

    """
    if isinstance(reply, Refused):
        raise StartingError(reply.reason) if reply.again else ControlError(reply.reason)
    if not isinstance(reply, kind):
        raise ControlError(f"the node answered {type(reply).__name__} where {kind.__name__} was asked; end it and start again")
    return reply
