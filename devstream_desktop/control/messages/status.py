"""The node itself: what it is doing, and ending it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from devstream_desktop.control.messages.base import Done, Reply, Request


class PeerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One peer as this node sees it."""

    device: str
    """Empty until it has said who it is."""
    person: str = ""
    address: str
    """`host:port` it is dialed at; the host alone where it dialed us."""
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
    """Time of its last answer, UTC milliseconds; 0: never."""


class RefusedStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A peer that was not let in, and the reason."""

    address: str
    device: str
    reason: str
    count: int
    seen: int


class Why(StrEnum):
    """Reasons for events not to come."""

    NOBODY = "nobody"
    """No linked neighbour has them."""
    FUTURE = "future"
    """Held back, because their author's clock is ahead."""
    REFUSED = "refused"
    """Their author may not write them."""
    FROZEN = "frozen"
    """Their author used a number twice, as a restored backup does."""
    CROWDED = "crowded"
    """Their author began more feeds than are kept of one device."""


class MissingStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Events of one author that do not come, and why. This node has caught up all the same."""

    device: str
    person: str = ""
    why: str
    """A `Why`, or another that only newer nodes know."""
    count: int
    """0 where it is not known."""
    until: int = 0
    """Time when they are asked for again, UTC milliseconds; 0 where that is not by the clock."""
    feeds: int = 1
    """Feeds of that author that this is about."""


class SourceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One of the collector's sources. Counters are since the node started."""

    name: str
    type: str
    location: str
    """URL path that it is posted to, or what a poller reads."""
    state: str
    """`new` before the first delivery, then `active` or `silent`.

    `broken` when it cannot run; `stopped` where no node runs.
    """
    service: str = ""
    """The service that its events are about where they name none."""
    seen: int = 0
    """The time of the last delivery, UTC milliseconds; 0 for never."""
    error: str = ""
    """The last fault, a sentence; empty when it is well."""
    accepted: int = 0
    """Authentic deliveries, which are stored."""
    refused: int = 0
    """Deliveries with a wrong or missing signature."""
    refusal: str = ""
    """The reason of the last refused delivery, in words."""
    refused_at: int = 0
    """Time of that, UTC milliseconds."""
    gap: str = ""
    """Runs that were lost for good, in words: `12 runs between 02:10 and 02:40 were not read`."""
    events: int = 0
    failures: int = 0
    """Rounds of polling or reading that failed."""
    branches: tuple[str, ...] = ()
    """The names or globs that count; none: the default branch."""
    dropped: dict[str, int] = {}
    """Authentic deliveries that made no line, by reason."""
    quieted: dict[str, int] = {}
    """Lines that were stored without a sound, by reason."""
    expected: int = 0
    """Seconds within which something should be heard of it; 0: silence is normal."""
    token_ends: int = 0
    """End of the token it is polled with, UTC milliseconds; 0: not known."""


class CarrierStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A broker that carries the stream beside the links to peers."""

    name: str
    servers: tuple[str, ...] = ()
    """Addresses of its servers."""
    state: str
    """`connecting`, `catching up`, `live` or `gone`; `stopped` where no node runs."""
    unread: int = 0
    """Messages of its stream that are not read yet."""
    unsent: int = 0
    """Events here that were not offered to it yet."""
    error: str = ""
    """One sentence; empty when all is well."""
    since: int = 0
    """Time of the last change between gone and there, UTC milliseconds; 0: never."""
    site: str = ""
    """The site for which one node reads and sends; empty: each does for itself."""
    relay: str = ""
    """The device that does; empty while none is known."""


class OutletStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One of this home's outlets: where the stream leaves."""

    name: str
    form: str
    """`cloudevents`, `chat` or `atom`, which is a feed."""
    location: str
    """Host of its address, or path of a feed without its token."""
    search: str = ""
    """The search that a line must answer; empty: all of them."""
    state: str
    """`new` before anything was posted or read, then `active` or `failing`.

    `broken` when it cannot be served; `stopped` where no node runs.
    """
    seen: int = 0
    """Time of the last success, UTC milliseconds; 0: never."""
    error: str = ""
    """The reason why nothing is posted or read now, a sentence; empty when it is well."""
    told: int = 0
    """Lines that were posted. Of a feed: times that it was read, since the node started."""
    waiting: int = 0
    """Lines that are not posted yet, 500 at most."""
    refused: int = 0
    """Lines that the service would not have. Of a feed: reads that were refused."""
    late: int = 0
    """Lines that waited for more than a day and were left out."""


class Status(Reply, frozen=True, tag=True, kw_only=True):
    """Answer: a node's state. Does it work, and if not, why."""

    version: str
    device: str = ""
    person: str = ""
    team: str = ""
    team_id: str = ""
    solo: bool = False
    """The team of one that a first start makes."""
    members: int = 0
    roles: tuple[str, ...] = ()
    on_duty: bool = False
    duty: tuple[str, ...] = ()
    """People on duty by their last word, without vanished desks."""
    duty_since: Mapping[str, int] = msgspec.field(default_factory=dict)
    """Time at which each came on duty, UTC milliseconds."""
    mesh: str = ""
    """The best address at which this node is reached, HOST:PORT."""
    addresses: tuple[str, ...] = ()
    """Every one at which others reach it, the best first."""
    closed: bool = False
    """True while only this machine reaches it: nobody can join its team."""
    intake: str = ""
    metrics: str = ""
    """Base URL of `/health` and `/metrics`."""
    installation: str = ""
    """Kind of package, as in `pipx` or `checkout`."""
    discovery: str = ""
    peers: tuple[PeerStatus, ...] = ()
    refused: tuple[RefusedStatus, ...] = ()
    sources: tuple[SourceStatus, ...] = ()
    outlets: tuple[OutletStatus, ...] = ()
    carriers: tuple[CarrierStatus, ...] = ()
    targets: int = 0
    events: int = 0
    oldest: int = 0
    newest: int = 0
    history_bytes: int = 0
    missing: int = 0
    """Events that peers have and that are not here yet; more than 0 while catching up."""
    can_invite: bool = False
    catch_up_total: int = 0
    """Events that were missing when this catch-up began."""
    lost: tuple[MissingStatus, ...] = ()
    """Events that do not come although this node has caught up."""
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
    """Faults and what to do, a sentence each."""
    advice: tuple[str, ...] = ()
    """Advice while nothing is wrong yet, a sentence each.

    Such as to let a person in, sign a change, make a second admin.
    """
    locked: str = ""
    """Sentence on what a locked node waits for, and what to do.

    The rest is then as its files say, or empty.
    """


class GetStatus(Request[Status], frozen=True, tag=True, kw_only=True):
    """Everything `devstream status` shows; answered with `Status`."""


class Unlock(Request[Done], frozen=True, tag=True, kw_only=True):
    """Have the locked keyring ask for its password again; answered with `Done`.

    A node that is not locked has nothing to do.
    """


class Stop(Request[Done], frozen=True, tag=True, kw_only=True):
    """End the node cleanly; answered with `Done`."""
