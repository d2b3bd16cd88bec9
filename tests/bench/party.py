"""A team for a benchmark.

A collector and its desks, with the real policy and certificates, and the wiring of a node.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from messages import NodeJob

from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.mesh.policy_parts import PolicyExchange
from devstream_desktop.node.board import Board
from devstream_desktop.stream.entry import Entry, device_id, hlc_time
from devstream_desktop.stream.event import InvalidEventError
from devstream_desktop.team.certificates import Authority, TlsKey, bundle
from devstream_desktop.team.genesis import found
from devstream_desktop.team.policy import authors
from devstream_desktop.team.policy.chain import PolicyChain, sign_policy


def now_ms() -> int:
    """UTC milliseconds."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Member:
    """One device and what it shows in TLS."""

    device: DeviceKey
    certificate: str
    key: str


class Party:
    """A collector and `desks` desks of one team."""

    def __init__(self, desks: int) -> None:
        now = now_ms() - 25 * 86_400_000  # older than any event
        founder = found("bench", "collector", solo=False, now_ms=now)
        authority = Authority.of(founder.chain.current.issuers[founder.device.id], founder.device)
        devices = [DeviceKey.generate() for _ in range(desks)]
        policy = founder.chain.current
        persons = {
            **policy.persons,
            **{device.id: f"person {n}" for n, device in enumerate(devices)},
        }
        changed = founder.chain.successor(msgspec.structs.replace(policy, persons=persons), now + 1)
        founder.chain.absorb([sign_policy(changed, [founder.device])])
        self.chain = founder.chain
        self.ca = bundle(founder.chain.current)
        self.collector, *self.desks = [
            _member(device, authority) for device in (founder.device, *devices)
        ]

    def job(
        self,
        member: Member,
        home: Path,
        *,
        peers: Sequence[str] = (),
        hints: Sequence[str] = (),
        fill: int = 0,
        carrier: str = "",
    ) -> NodeJob:
        """The job with which the node of a member is started."""
        home.mkdir(parents=True)
        documents = self.chain.documents()
        return NodeJob(
            str(home),
            member.device.seed,
            self.ca,
            member.certificate,
            member.key,
            documents,
            list(peers),
            fill,
            list(hints),
            carrier,
        )


def _member(device: DeviceKey, authority: Authority) -> Member:
    key = TlsKey.generate()
    return Member(device, authority.issue(device.id, key.request(), now_ms()), key.pem)


class Wiring(PolicyExchange):
    """A mesh's needs besides the log, met as node/core.py meets them."""

    def __init__(self, chain: PolicyChain) -> None:
        self._chain = chain
        self._board = Board()

    def version(self) -> int:
        return self._chain.stamp

    def documents(self, after_version: int, *, again: bool = False) -> list[bytes]:
        return self._chain.documents(after_version, again=again)

    def absorb(self, documents: list[bytes]) -> bool:
        return self._chain.absorb(documents)

    def refusal(self, entry: Entry) -> str | None:
        try:
            event = entry.event
        except InvalidEventError as error:
            return str(error)
        return authors.refusal_of(self._chain, entry.device, event, hlc_time(entry.hlc))

    def is_author(self, key: bytes) -> bool:
        return device_id(key) in self._chain.current.persons

    def ended(self, feed: bytes) -> tuple[int, bytes] | None:
        return authors.ended(self._chain.current, feed)

    def gate(self, device: str) -> str | None:
        return authors.outsider(self._chain.current, device)

    def note(self, entries: list[Entry]) -> None:
        self._board.note(entry.event for entry in entries)
