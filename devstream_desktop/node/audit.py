"""The audit of deploys: who did what, proven by signatures, offline.

It reads files only: the history, the archive and the team's policies. No key is opened and no node
is asked.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from devstream_desktop.history.database import HistoryError
from devstream_desktop.history.evidence import Evidence, deploy_entries, gaps
from devstream_desktop.home import Home
from devstream_desktop.keys import verify
from devstream_desktop.stream.entry import KEY_BYTES, Entry, device_id, hlc_time, preamble
from devstream_desktop.stream.fact import is_answer
from devstream_desktop.stream.record import timestamp
from devstream_desktop.stream.words import DEPLOY_FINAL
from devstream_desktop.team import PolicyChain, membership, refusal_of


class AuditLine(msgspec.Struct, frozen=True, kw_only=True):
    """One signed event of a deploy; its field names are a promise."""

    time: str
    """Stamp of the signed entry, RFC 3339 in UTC."""
    person: str
    """By the signing device and the policy of then; never by the event's text."""
    device: str
    action: str
    state: str
    target: str
    environment: str
    revision: str
    ref: str
    request: str
    about: str
    reason: str
    policy: int
    """Version of the policy that was in force; for an answer, that it was judged by."""
    override: bool
    entry: str
    proven: bool
    """Signed by the device, after the entry before it, and allowed."""
    fault: str = ""


@dataclass(frozen=True)
class Audit:
    """All that is known, and what is not."""

    lines: tuple[AuditLine, ...]
    missing: tuple[str, ...]


def audit(home: Home, since: int, target: str) -> Audit:
    """Return the signed events of deploys since a time.

    Raises:
        DevstreamError: there is no history, or no team.

    """
    membership.check_there(home)
    chain = PolicyChain.load(membership.policy_path(home))
    try:
        found = deploy_entries(home.history, home.archive)
    except sqlite3.Error as error:
        raise HistoryError(f"{home.archive} cannot be read: {error}") from error
    chosen = [
        one
        for one in found
        if hlc_time(one.entry.hlc) >= since
        and target in ("", one.entry.event.service)
        # Other systems' deploys are no request of the team's.
        and one.entry.event.request
    ]
    lines = tuple(_line(one, chain) for one in chosen)
    feeds = {one.entry.feed for one in chosen}
    policy = chain.current
    missing = [
        f"{gap.missing} entries of {policy.name_of(_device(gap.feed))}'s device"
        f" {_device(gap.feed)[:8]} are not here"
        for gap in gaps(home.history, feeds)
    ]
    return Audit(lines, (*missing, *_unanswered([one.entry for one in chosen])))


def _line(evidence: Evidence, chain: PolicyChain) -> AuditLine:
    entry, event = evidence.entry, evidence.entry.event
    at = hlc_time(entry.hlc)
    fault = _fault(evidence, chain)
    policy = chain.at(at)
    return AuditLine(
        time=timestamp(at),
        person=policy.persons.get(entry.device) or chain.current.name_of(entry.device),
        device=entry.device,
        action=event.action or "deploy",
        state=event.state,
        target=event.service,
        environment=event.environment,
        revision=event.revision,
        ref=event.ref,
        request=event.request,
        about=event.about,
        reason=event.reason,
        policy=event.policy or policy.version,
        override=event.override,
        entry=entry.id,
        proven=not fault,
        fault=fault,
    )


def _fault(evidence: Evidence, chain: PolicyChain) -> str:
    """Say why an entry proves nothing; empty when it does."""
    entry = evidence.entry
    signed = preamble(chain.team) + entry.body
    if not verify(entry.feed[:KEY_BYTES], signed, entry.signature):
        return "its signature is not the device's"
    if evidence.before is not None and evidence.before != entry.prev:
        return "it does not follow the entry before it"
    return refusal_of(chain, entry.device, entry.event, hlc_time(entry.hlc)) or ""


def _unanswered(entries: Iterable[Entry]) -> list[str]:
    """Name the requests without an end, and the answers without a request."""
    known = list(entries)
    asked = {one.event.key: one for one in known if one.event.state == "requested"}
    ended: set[str] = set()
    orphans: set[str] = set()
    for one in known:
        event = one.event
        if event.state == "requested":
            continue
        request = asked.get(event.request)
        executor = request.event.executor if request is not None else event.executor
        if not is_answer(event, one.device, request=event.request, executor=executor):
            continue
        if request is None and event.action != "lock":
            orphans.add(event.request)
        if event.state in DEPLOY_FINAL:
            ended.add(event.request)
    open_ones = [one for key, one in asked.items() if key not in ended]
    return [
        *(
            f"request {one.event.key[:8]} for {one.event.service} {one.event.environment} has no "
            "end here"
            for one in open_ones
        ),
        *(
            f"the request {key[:8]} that an executor answered is not here"
            for key in sorted(orphans)
        ),
    ]


def _device(feed: bytes) -> str:
    return device_id(feed[:KEY_BYTES])
