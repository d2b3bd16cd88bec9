"""A node's rules over its real database, which take what a member signed whatever it says, and
answer afterwards.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import msgspec
from decoders import DEVICE, FEED, NOW, SIGNATURE, Decoder, bodies, shown

from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.log import History
from devstream_desktop.history.reader import Reader
from devstream_desktop.mesh import wire
from devstream_desktop.mesh.replica.identity import Identity
from devstream_desktop.mesh.replica.replica import Replica
from devstream_desktop.stream.entry import VERSION, Entry, body_hash, device_id
from devstream_desktop.stream.event import InvalidEventError
from devstream_desktop.stream.fact import event_of
from devstream_desktop.stream.query import Query
from devstream_desktop.team import genesis
from devstream_desktop.team.policy import authors, changes
from devstream_desktop.team.policy.chain import PolicyChain
from devstream_desktop.team.policy.documents import Signed

DAY = 86_400_000


class Node:
    """One node.

    Every signature is right here: the attacker is a member, and has signed what was mutated.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._chain = _team()
        self._feeds = self._stored = self._number = 0
        self._begin()

    def _begin(self) -> None:
        self._number += 1
        folder = self._folder / str(self._number)
        folder.mkdir()
        self.path = folder / "history.sqlite"
        self.history = History(self.path, FeedMirror(folder / "feed.json"), bytes(32), "team")
        self.replica = Replica(
            store=self.history,
            identity=Identity(device_id(bytes(32)), "team", lambda _: SIGNATURE, lambda *_: True),
            authors=SimpleNamespace(
                is_author=lambda _: True, ended=lambda _: None, refusal=self._refusal
            ),
            retention_ms=30 * DAY,
        )

    def _refusal(self, entry: Entry) -> str | None:
        """As a node judges it."""
        if entry.version != VERSION:
            return authors.outsider(self._chain.current, entry.device)
        try:
            return authors.refusal_of(self._chain, entry.device, event_of(entry), NOW)
        except InvalidEventError as error:
            return str(error)

    def push(self, body: bytes) -> None:
        """Take an entry, of a new feed where the mutation left that whole.

        Now and then answer all that is asked, and start again.
        """
        self._feeds += 1
        signed = wire.SignedEntry(
            body.replace(FEED, FEED[:32] + self._feeds.to_bytes(8, "big")), SIGNATURE
        )
        self._stored += len(self.replica.rules.ingest([signed, signed], DEVICE, NOW).stored)
        if self._stored > 300:
            self._stored = 0
            self._answer()
            self.history.close()
            History(self.path, FeedMirror(None), bytes(32), "team").close()
            shutil.rmtree(self.path.parent)
            self._begin()

    def prove(self, content: bytes) -> None:
        """Take a proof: the first two bytes say how long its first entry is."""
        end = 2 + int.from_bytes(content[:2], "big")
        pair = wire.Pair(
            wire.SignedEntry(content[2:end], SIGNATURE), wire.SignedEntry(content[end:], SIGNATURE)
        )
        self.replica.rules.absorb_proofs([pair], NOW)

    def _answer(self) -> None:
        replica, history = self.replica, self.history
        records, frozen = (
            replica.catalogue.records(range(wire.BUCKETS))[:100],
            replica.feeds.frozen()[:100],
        )
        wire.encode(wire.Records(history.index, history.newest(), [1], records, frozen))
        replica.catalogue.proofs(frozen)
        replica.shortfall(NOW)
        with Reader(self.path) as reader:
            for line in reader.page(Query(), limit=300):
                shown(line.event)
                event = line.event
                about = Query(
                    words=(event.service, event.title),
                    kind=event.kind,
                    service=event.service,
                    environment=event.environment,
                )
                reader.page(about, limit=5)
                reader.subject(event, limit=5)
            reader.span(), reader.facets()
        history.tend()
        replica.signatures.check(50)
        while replica.expiry.settle_older(NOW + DAY, 100):
            pass


def _team() -> PolicyChain:
    """A team in which the attacker's device may say everything."""
    founder = genesis.found("acme", "boss", solo=False, now_ms=NOW - DAY)
    policy = changes.admit(DEVICE, "ana")(founder.chain.current)
    all_roles = {
        role: (*getattr(policy, role), DEVICE) for role in ("admins", "collectors", "executors")
    }
    changed = founder.chain.successor(msgspec.structs.replace(policy, **all_roles), NOW - DAY + 1)
    founder.chain.take(Signed.make(changed, [founder.device]))
    return founder.chain


def ingesting() -> Iterator[Decoder]:
    """Decoders that store a member's signed entries in a node."""
    folder = tempfile.TemporaryDirectory(prefix="fuzz-")
    atexit.register(folder.cleanup)
    node = Node(Path(folder.name))
    entries = bodies()
    following = [msgspec.msgpack.decode(body) for body in entries[:8]]
    chained = [
        msgspec.msgpack.encode([*one[:2], 2, one[3] + 1, body_hash(entries[0]), *one[5:]])
        for one in following
    ]
    proofs = [len(one).to_bytes(2, "big") + one + other for one, other in pairwise(entries)]
    yield Decoder("entry that a member signed", node.push, [*entries, *chained], share=5)
    yield Decoder("proof by a member", node.prove, proofs, share=2)
