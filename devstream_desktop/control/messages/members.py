"""Members of the team: invite, join, let in, give and take roles, revoke."""

from __future__ import annotations

import msgspec

from devstream_desktop.control.messages.base import Done, Reply, Request


class Joining(Reply, frozen=True, tag=True, kw_only=True):
    """Answer: the progress of a join."""

    state: str
    """`joined` or `waiting`."""
    team: str
    words: str = ""
    """This device's six words, which the admin sees too; when waiting."""
    approvers: tuple[str, ...] = ()
    """The persons of whom one must approve; when waiting."""
    text: str = ""
    """The person and device that joined, in a sentence; when joined."""


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One device of a person."""

    device: str
    words: str
    """The six words of its key, to compare by voice."""
    roles: tuple[str, ...]
    """A device's own: admin, issuer, collector, executor."""
    here: bool = False
    """It is this one."""
    machine: str = ""
    """The name of its machine; empty where it never said."""
    since: int = 0
    """Time when it came into the team, UTC milliseconds."""
    certificate_expires: int = 0
    """End of its certificate, UTC milliseconds; 0 where this node does not know."""
    linked: bool = False
    """This node talks with it now."""
    seen: int = 0
    """Time of its last word, UTC milliseconds; 0: never."""
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
    machine: str = ""
    another: bool = False
    """It is a further device of a person whom the team knows."""
    replaces: str = ""
    """The device of that person whose place it takes."""


class Members(Reply, frozen=True, tag=True, kw_only=True):
    """Answer: who is in the team, and who wants to be."""

    members: tuple[Member, ...]
    waiting: tuple[Waiting, ...] = ()
    may_change: bool = False
    """This device is an admin's."""
    notices: tuple[str, ...] = ()
    """Advice on the team itself, a sentence each.

    Such as when its only admin has no recovery key.
    """


class Invite(Request[Done], frozen=True, tag=True, kw_only=True):
    """Make a one-time invite; answered with `Done` (the text to paste)."""

    expires_s: int = 86_400
    address: str = ""
    pre_approved: bool = False
    """Its bearer is let in at once, although the team approves joins."""
    owner: str = ""
    """The person of the team whose further device it is for; empty for somebody new."""
    replaces: str = ""
    """Start of the id of that person's device that it replaces."""


class InviteRead(Reply, frozen=True, tag=True, kw_only=True):
    """Answer: a pasted line is an invite that this home can use."""

    addresses: tuple[str, ...]
    """HOST:PORT of the device to join at, the likeliest first."""


class ReadInvite(Request[InviteRead], frozen=True, tag=True, kw_only=True):
    """Look at a pasted line, without using it or asking anybody."""

    invite: str


class Join(Request[Joining], frozen=True, tag=True, kw_only=True):
    """Leave the team of one and join the invite's team; the node then restarts itself.

    Answered with `Joining`.

    While the answer says `waiting`, the same request is sent again every few seconds.
    """

    invite: str
    person: str
    """Empty where the invite says who it is for."""


class Leave(Request[Done], frozen=True, tag=True, kw_only=True):
    """Take this device out of its team; answered with `Done` (a sentence).

    A running node says so to the team first, and then ends or begins a team of one.
    """

    force: bool = False
    """Leave although no member hears it."""


class Renew(Request[Done], frozen=True, tag=True, kw_only=True):
    """Get this device a new certificate now; answered with `Done` (a sentence)."""

    at: str = ""
    """HOST:PORT where an issuer's node is reached; empty: wherever one may be."""


class GetMembers(Request[Members], frozen=True, tag=True, kw_only=True):
    """Answered with `Members`."""


class ApproveJoin(Request[Done], frozen=True, tag=True, kw_only=True):
    """Approve or reject a device that waits; answered with `Done` (a sentence)."""

    device: str
    """At least eight characters of the device id, or the person's name."""
    person: str = ""
    """The name that was shown, where that was not asked by; it may have changed since."""
    reject: bool = False


class Grant(Request[Done], frozen=True, tag=True, kw_only=True):
    """Give a role; answered with `Done` (a sentence)."""

    person: str
    role: str
    pattern: str = ""
    further: tuple[str, ...] = ()
    """More patterns, in the same change: admins sign one."""


class Ungrant(Request[Done], frozen=True, tag=True, kw_only=True):
    """Take a role away; answered with `Done` (a sentence)."""

    person: str
    role: str
    pattern: str = ""
    """As it was granted; empty takes every grant of the role."""
    further: tuple[str, ...] = ()
    """More patterns, in the same change."""


class Revoke(Request[Done], frozen=True, tag=True, kw_only=True):
    """Revoke a person (all devices) or one device, for good. Answered with `Done` (a sentence)."""

    who: str
    """A person's name, or at least eight characters of a device id."""
    why: str = ""
    since: int = 0
    """Time at which the device got into wrong hands, UTC milliseconds.

    What it wrote later is not passed on. 0: it is trusted up to now.
    """
