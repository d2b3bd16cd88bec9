"""A small team as a node would report it: its status, members, policy, targets and a plan."""

from __future__ import annotations

import time

import msgspec

from devstream_desktop.control import node_words
from devstream_desktop.control.check import Check, Checks, Verdict
from devstream_desktop.control.messages.deploys import (
    CheckState,
    Commit,
    Plan,
    PlanWarning,
    TargetStatus,
)
from devstream_desktop.control.messages.members import Device, Member, Members, Waiting
from devstream_desktop.control.messages.policy import PolicyState, Proposal
from devstream_desktop.control.messages.status import SourceStatus, Status
from devstream_desktop.stream.entry import device_id

KEY = bytes(range(32))
DAY_MS = 86_400_000
SHA = "5e55a1f00dcafe5e55a1f00dcafe5e55a1f00dca"
SOURCE = SourceStatus(
    name="shop",
    type="git",
    location="git@example.org:acme/shop",
    state="active",
    seen=int(time.time() * 1000),
    events=12,
)

CHECKS = Checks(
    1,
    (
        Check("home", Verdict.OK, "/home/ana/.local/share/devstream, private"),
        Check("settings", Verdict.OK, "settings.toml is understood"),
        Check("sources", Verdict.OK, "3 sources in sources.toml"),
        Check("team", Verdict.OK, "ana in team acme, device aaaqeayd"),
        Check(
            "admins",
            Verdict.WARNING,
            "ana's device is the only admin: if it is lost, nobody can change the team",
            "devstream team recovery-key, or give chen the role: devstream team grant chen admin",
        ),
        Check("history", Verdict.OK, "every entry that was looked at can be read"),
        Check(
            "clock",
            Verdict.PROBLEM,
            "this clock is 40 s behind those of two peers",
            "turn on network time: timedatectl set-ntp true",
        ),
        Check("popups", Verdict.OK, "xfce4-notifyd shows popups"),
    ),
)


def status(**changes: object) -> Status:
    fields: dict[str, object] = {
        "version": "0.1.0",
        "device": device_id(KEY),
        "person": "ana",
        "team": "acme",
        "team_id": "t1",
        "solo": False,
        "members": 4,
        "roles": ("admin", "collector"),
        "on_duty": True,
        "duty": ("ana", "chen"),
        "mesh": "10.0.0.5:7450",
        "intake": "",
        "discovery": "on",
        "peers": (),
        "refused": (),
        "targets": 3,
        "events": 24,
        "oldest": int(time.time() * 1000) - 9 * DAY_MS,
        "newest": int(time.time() * 1000),
        "history_bytes": 240_000,
        "missing": 0,
        "can_invite": True,
        "notices": (),
        "feeds": 3,
        "disk_free": 83_600_000_000,
        "policy_version": 7,
        "policy_expires": int(time.time() * 1000) + 80 * DAY_MS,
        "certificate_expires": int(time.time() * 1000) + 21 * DAY_MS,
        "sources": (SOURCE,),
    }
    return msgspec.convert(fields | changes, Status)


TARGETS = [
    TargetStatus(
        target="shop",
        environment="production",
        description="The shop, three hosts",
        ref="main",
        executor="x",
        allowed=True,
        reason="",
        revision="686f7466" * 5,
    ),
    TargetStatus(
        target="shop",
        environment="staging",
        description="",
        ref="main",
        executor="x",
        allowed=True,
        reason="",
    ),
    TargetStatus(
        target="search",
        environment="production",
        description="",
        ref="main",
        executor="x",
        allowed=False,
        reason="ana may not: ask chen",
    ),
]
PLAN = Plan(
    target="shop",
    environment="production",
    ref="main",
    sha=SHA,
    current="686f7466" * 5,
    changes=(
        "dara pushed 1 commit to main · 5e55a1f — Keep the basket when a session ends",
        "bo pushed 2 commits to main · 9ab3c41 — Show the delivery date in the basket",
    ),
    checks=("✓ CI passed on main at 5e55a1f · 412 tests · in 3m12s",),
    allowed=True,
    reason="",
    told_by="executor",
    source="repository",
    old=Commit(sha="686f7466" * 5, author="chen", at=int(time.time() * 1000) - 2 * DAY_MS),
    new=Commit(sha=SHA, author="dara"),
    commits=(
        Commit(
            sha=SHA,
            title="Keep the basket when a session ends",
            author="dara",
            at=int(time.time() * 1000) - 3_600_000,
            checks=(CheckState(name="CI", state="succeeded"),),
        ),
        Commit(
            sha="9ab3c41f" * 5,
            title="Show the delivery date in the basket",
            author="ana",
            at=int(time.time() * 1000) - 3 * 3_600_000,
            own=True,
            checks=(CheckState(name="CI", state="failed"),),
        ),
    ),
    warnings=(
        PlanWarning(severity="warning", kind="incident", text="open: 5xx over 2 %"),
        PlanWarning(severity="info", kind="others", text="others' work ships too, 1 commit: dara"),
    ),
)

WORDS = "amber otter river copper lemon sail"
MEMBERS = Members(
    members=(
        Member(
            person="ana",
            roles=("admin", "deployer */*"),
            devices=(
                Device(
                    device=device_id(KEY),
                    words=WORDS,
                    roles=("admin", "issuer", "collector"),
                    here=True,
                ),
            ),
        ),
        Member(
            person="bo",
            roles=("deployer shop/staging",),
            devices=(
                Device(device="b" * 52, words="birch canal dune ember fjord gale", roles=()),
                Device(
                    device="c" * 52,
                    words="harbour inlet jade kelp loam mint",
                    roles=(),
                    revoked=1,
                    why="stolen in a train",
                ),
            ),
        ),
        Member(
            person="chen",
            roles=("admin",),
            devices=(
                Device(
                    device="d" * 52, words="north olive pearl quill reed sand", roles=("admin",)
                ),
            ),
        ),
    ),
    waiting=(
        Waiting(
            device="e" * 52,
            person="dara",
            words="thorn umber vale wren yarrow zinc",
            since=int(time.time() * 1000) - 130_000,
        ),
    ),
    may_change=True,
    notices=(
        node_words.TOO_FEW_ADMINS.format(
            grant="devstream team grant", key="devstream team recovery-key"
        ),
    ),
)
POLICY = PolicyState(
    team="acme",
    team_id="t1",
    version=7,
    issued=0,
    expires=int(time.time() * 1000) + 80 * 86_400_000,
    threshold=2,
    approve_joins=True,
    retention_days=30,
    admins=("ana", "chen"),
    issuers=("ana",),
    collectors=("ana",),
    executors=(),
    recovery_key=False,
    forked=False,
    proposals=(
        Proposal(
            id="ab12",
            what=(
                node_words.PERSON_BECOMES.format(
                    person="bo", role="deployer", pattern="shop/production"
                ),
            ),
            signed_by=("chen",),
            needs=2,
            signed_here=False,
        ),
    ),
    may_change=True,
)
