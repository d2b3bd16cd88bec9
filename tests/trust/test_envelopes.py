"""The entries that are taken of a peer.

Nothing spoilt, forged, replayed, or signed by somebody whose role does not allow it, whoever passes
it on.
"""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest

from devstream_desktop.keys.device_key import DeviceKey, verify
from devstream_desktop.mesh.replica.catalogue import signed
from devstream_desktop.mesh.replica.identity import Identity
from devstream_desktop.mesh.replica.outcome import Outcome
from devstream_desktop.mesh.replica.replica import Replica
from devstream_desktop.mesh.wire import SignedEntry
from devstream_desktop.node.membership import Membership
from devstream_desktop.stream.entry import Entry, encode_body, next_hlc, parse_entry, preamble
from devstream_desktop.stream.event import encode_event, fact_key, make_event
from devstream_desktop.stream.words import STATES, Kind, Role
from devstream_desktop.team.policy import authors

NOW = 1_700_000_000_000
MUTATED = 60_000
ORDER = 2**252 + 27742317777372353535851937790883648493
"""Of the Ed25519 group.

A signature with it added to its second half is the same one written otherwise.
"""


def event(title: str, kind: Kind = Kind.BUILD, state: str = "failed", **fields: str) -> bytes:
    fields = {"service": "shop", "subject": f"{kind}/shop/main/ci", **fields}
    return encode_event(
        make_event(
            kind=kind, state=state, key=fact_key("t", kind, title), time=NOW, title=title, **fields
        )
    )


def entry(
    key: DeviceKey,
    payload: bytes,
    *,
    seq: int = 1,
    prev: bytes = b"",
    team: str = "t",
    epoch: bytes = bytes(8),
    at: int = NOW,
) -> Entry:
    body = encode_body(
        feed=key.public + epoch, seq=seq, hlc=next_hlc(0, at) + seq, prev=prev, payload=payload
    )
    return parse_entry(body, key.sign(preamble(team) + body))


def chain(key: DeviceKey, count: int) -> list[Entry]:
    made: list[Entry] = []
    for number in range(count):
        prev = made[-1].hash if made else b""
        made.append(entry(key, event(f"build {number} went wrong"), seq=number + 1, prev=prev))
    return made


@pytest.fixture
def receiver(memory_log):
    """A node's real rules and real signatures over a log in memory.

    `refusal` is the author table.
    """

    key = DeviceKey.generate()

    def make(refusal=lambda _: None, team: str = "t", ended=lambda _: None, log=None) -> Replica:
        return Replica(
            store=log or memory_log(key.public, random.Random(1)),
            identity=Identity(key.id, team, key.sign, verify),
            authors=SimpleNamespace(is_author=lambda _: True, ended=ended, refusal=refusal),
            retention_ms=30 * 86_400_000,
        )

    return make


def give(replica: Replica, *items: Entry | SignedEntry, sender: str = "peer") -> Outcome:
    return replica.rules.ingest(
        [signed(item) if isinstance(item, Entry) else item for item in items], sender, NOW + 60_000
    )


def nothing(replica: Replica, item: SignedEntry, *, may_be_known: bool = False) -> None:
    outcome = give(replica, item)
    assert outcome.stored == [], item
    assert outcome.bad == 1 or (may_be_known and outcome.known == 1), (item, outcome)


def test_no_flipped_bit_of_three_envelopes_is_accepted(receiver):
    author = DeviceKey.generate()
    entries, empty, full = chain(author, 3), receiver(), receiver()
    give(full, *entries)
    flips = 0
    for one in entries:
        whole = one.body + one.signature
        for bit in range(len(whole) * 8):
            spoilt = bytearray(whole)
            spoilt[bit // 8] ^= 1 << bit % 8
            item = SignedEntry(bytes(spoilt[: len(one.body)]), bytes(spoilt[len(one.body) :]))
            nothing(empty, item)
            # Of an entry that is held the body counts: with another signature it is the one that is
            # known.
            nothing(full, item, may_be_known=item.body == one.body)
            flips += 1
    assert flips > 3 * 8 * (64 + 80)
    assert (empty.feeds.counts(), full.feeds.counts()[1], full.feeds.frozen()) == ((0, 0), 3, [])


def mutated(rng: random.Random, entries: list[Entry]) -> SignedEntry:
    """One envelope changed as somebody without the key can change it."""
    one, other = rng.choice(entries), rng.choice(entries)
    body, signature = bytearray(one.body), bytearray(one.signature)
    match rng.randrange(9):
        case 0 | 1 | 2:
            part = rng.choice((body, body, signature))
            for _ in range(rng.randint(1, 4)):
                part[rng.randrange(len(part))] = rng.randrange(256)
        case 3:
            body[rng.randrange(len(body)) : rng.randrange(len(body))] = rng.randbytes(
                rng.randrange(4)
            )
        case 4:
            del body[rng.randrange(len(body)) :]
        case 5:
            fields = {
                "seq": rng.randrange(1, 1 << 40),
                "hlc": rng.randrange(1, 1 << 62),
                "prev": rng.randbytes(16),
                "payload": event(str(rng.random())),
            }
            chosen = dict(rng.sample(sorted(fields.items()), rng.randint(1, 3)))
            parts = {
                "feed": one.feed,
                "seq": one.seq,
                "hlc": one.hlc,
                "prev": one.prev,
                "payload": one.payload,
                **chosen,
            }
            parts["prev"] = parts["prev"] if parts["seq"] > 1 else b""
            body[:] = encode_body(**parts)
        case 6:
            signature[:] = other.signature
        case 7:
            # The same numbers written in more bytes, or with something after them.
            body[:] = (
                body + rng.randbytes(rng.randint(1, 3))
                if rng.random() < 0.5
                else body[:1] + b"\xcc\x01" + body[2:]
            )
        case _:
            half = (int.from_bytes(signature[32:], "little") + ORDER) % (1 << 256)
            signature[32:] = half.to_bytes(32, "little")
    return SignedEntry(bytes(body), bytes(signature))


@pytest.mark.slow
def test_of_sixty_thousand_mutated_envelopes_none_is_accepted(receiver):
    rng = random.Random(20_240_501)
    entries = [one for _ in range(3) for one in chain(DeviceKey.generate(), 3)]
    genuine = {(one.body, one.signature) for one in entries}
    replica, tried = receiver(), 0
    while tried < MUTATED:
        item = mutated(rng, entries)
        if (item.body, item.signature) in genuine:
            continue
        nothing(replica, item)
        tried += 1
    assert (replica.feeds.counts(), replica.feeds.frozen()) == ((0, 0), [])
    assert len(give(replica, *entries).stored) == 9, "and what is genuine still comes in"


def test_forged_in_anothers_name(receiver):
    victim, attacker = DeviceKey.generate(), DeviceKey.generate()
    body = entry(victim, event("x")).body
    for signature in (
        attacker.sign(preamble("t") + body),
        attacker.sign(body),
        victim.sign(body),
        victim.sign(b"devstream/join/1\0" + body),
        bytes(64),
    ):
        nothing(receiver(), SignedEntry(body, signature))


def test_what_was_signed_for_another_team_or_purpose_is_nothing_here(receiver):
    author = DeviceKey.generate()
    nothing(receiver(team="t"), signed(entry(author, event("x"), team="other")))
    assert give(receiver(team="other"), entry(author, event("x"), team="other")).stored


def test_a_thousand_replays_are_one_row_also_through_others_and_after_a_restart(receiver):
    replica, entries = receiver(), chain(DeviceKey.generate(), 3)
    told = sum(
        len(give(replica, *entries, sender=f"peer {number % 7}").stored) for number in range(1000)
    )
    assert told == 3
    assert give(receiver(log=replica.feeds.store), *entries).known == 3


@pytest.fixture
def as_node(receiver):
    """The rules with the refusal that a node asks.

    The policy's author table over decoded events.
    """

    def make(policies, ended=None) -> Replica:
        team = SimpleNamespace(
            refusal_of=lambda device, one, at: authors.refusal_of(policies, device, one, at),
            gate=lambda device: authors.outsider(policies.current, device),
        )
        return receiver(Membership(team).refusal, policies.team, ended or (lambda _: None))

    return make


def test_every_kind_by_every_role_is_taken_as_the_table_says(as_node, other):
    table = other("team/test_authors.py")
    replica = as_node(table.CHAIN)
    tried = taken = 0
    for author, allowed in table.ALLOWED.items():
        for kind in Kind:
            for state in STATES[kind]:
                tried += 1
                answer = author == "exe" and kind is Kind.DEPLOY and state != "requested"
                said = encode_event(table.said(author, kind, state, author, answer=answer))
                one = entry(
                    table.KEYS[author], said, team=table.CHAIN.team, epoch=tried.to_bytes(8, "big"),
                    at=2 * table.DAY,
                )  # fmt: skip
                outcome = replica.rules.ingest([signed(one)], "peer", 2 * table.DAY)
                word = "answer" if answer else kind
                may = f"{word}/*" in allowed or f"{word}/{state}" in allowed
                assert (outcome.stored, outcome.refused) == (([one], 0) if may else ([], 1)), (
                    author,
                    kind,
                    state,
                    outcome.reason,
                )
                taken += may
    assert tried == len(table.ALLOWED) * sum(map(len, STATES.values()))
    assert 0 < taken < tried


def test_what_is_no_event_or_of_a_later_version_and_a_strangers_is_refused(as_node, crew):
    replica = as_node(crew.team.chain)
    member = crew.admit("bo", Role.COLLECTOR)
    at = crew.team.now()

    def ingest(one: Entry) -> Outcome:
        return replica.rules.ingest([signed(one)], "peer", at)

    def newer(key: DeviceKey) -> Entry:
        body = bytearray(entry(key, event("x"), epoch=b"newer---", at=at).body)
        body[1] = 2
        return parse_entry(bytes(body), key.sign(preamble(crew.team.id) + bytes(body)))

    assert ingest(entry(member, b"\xc0", team=crew.team.id, at=at)).reason.startswith(
        "it is no event"
    )
    assert ingest(newer(member)).stored
    assert "is not in the team" in ingest(newer(DeviceKey.generate())).reason
    assert (
        "is not in the team"
        in ingest(entry(DeviceKey.generate(), event("y"), team=crew.team.id, at=at)).reason
    )


def test_a_relay_adds_nothing_to_what_a_device_may_say(as_node, crew):
    """A forbidden word of a member is refused, whoever passes it on.

    Be it a collector, an admin or everybody.
    """
    mel = crew.admit("mel")
    crew.admit("coco", Role.COLLECTOR)
    replica, at = as_node(crew.team.chain), crew.team.now()
    lie = entry(mel, event("all is green", state="succeeded"), team=crew.team.id, at=at)
    for sender in (crew.keys["coco"].id, crew.team.device.id, mel.id):
        outcome = replica.rules.ingest([signed(lie)], sender, at)
        assert (outcome.stored, outcome.refused) == ([], 1)
    assert replica.feeds.counts()[1] == 0, "so there is nothing to pass on"
