"""Made-up events as a team of twelve services has them, and the signed feed of the collector that
told them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.stream.entry import (
    COUNTER_BITS,
    Entry,
    body_hash,
    encode_body,
    parse_entry,
    preamble,
)
from devstream_desktop.stream.event import Event, encode_event, fact_key, make_event
from devstream_desktop.stream.words import Kind

DAY_MS = 86_400_000

_MIX = (
    (Kind.CHANGE,) * 8
    + (Kind.BUILD,) * 5
    + (Kind.TEST,) * 2
    + (Kind.DEPLOY,) * 2
    + (Kind.INCIDENT,) * 2
    + (Kind.TICKET,)
)
STATES = {
    Kind.CHANGE: ("pushed", "pushed", "merged"),
    Kind.BUILD: ("running", "succeeded", "succeeded", "failed"),
    Kind.TEST: ("succeeded", "failed"),
    Kind.DEPLOY: ("in_progress", "success", "success", "failure"),
    Kind.INCIDENT: ("firing", "resolved"),
    Kind.TICKET: ("opened", "closed"),
}
SERVICES = (
    "shop",
    "cart",
    "catalog",
    "checkout",
    "payments",
    "search",
    "gateway",
    "accounts",
    "mail",
    "reports",
    "auth",
    "docs",
)
ENVIRONMENTS = ("production", "staging", "preview")
PEOPLE = ("ana", "ben", "chloe", "dmitri", "eva", "farid", "greta", "hugo", "ines", "jonas")
_REFS = ("main", "main", "main", "release/7", "feature/retry-card-capture", "fix/timeouts")


def vocabulary(size: int = 3000) -> tuple[str, ...]:
    """Words for titles, some with a common beginning, so that searching as one types narrows step
    by step.
    """
    rng = random.Random(7)
    starts = (
        "re",
        "con",
        "ca",
        "de",
        "in",
        "un",
        "pre",
        "ti",
        "lo",
        "me",
        "fa",
        "sto",
        "ren",
        "que",
        "wi",
    )
    middles = (
        "try",
        "fig",
        "che",
        "ploy",
        "dex",
        "lock",
        "view",
        "meout",
        "gin",
        "ssage",
        "il",
        "rage",
        "der",
        "ue",
        "dget",
    )
    ends = ("", "s", "ed", "ing", "er", "able", "ion", "ment", "ness", "ize")
    return tuple(
        f"{rng.choice(starts)}{rng.choice(middles)}{rng.choice(middles)[:2]}{rng.choice(ends)}"
        for _ in range(size)
    )


def events(count: int, *, first_ms: int, step_ms: float, seed: int = 1) -> Iterator[Event]:
    """`count` different facts, `step_ms` apart."""
    rng = random.Random(seed)
    words = vocabulary()
    tips: dict[tuple[str, str], str] = {}
    for number in range(count):
        kind = rng.choice(_MIX)
        service, ref = rng.choice(SERVICES), rng.choice(_REFS)
        environment = rng.choice(ENVIRONMENTS) if kind in (Kind.DEPLOY, Kind.INCIDENT) else ""
        # A few words are in every tenth title and most are rare, as in any language.
        title = " ".join(
            words[int(len(words) * rng.random() ** 3)] for _ in range(rng.randint(4, 9))
        )
        revision = f"{rng.getrandbits(160):040x}"
        # What is built, tested and deployed is what was pushed last.
        if kind is Kind.CHANGE:
            tips[service, ref] = revision
        else:
            ref = "main" if kind is Kind.DEPLOY else ref
            revision = tips.get((service, ref), revision)
        yield make_event(
            kind=kind,
            state=rng.choice(STATES[kind]),
            service=service,
            subject=f"{kind}/{service}/{environment or ref}",
            key=fact_key("bench", kind, str(seed), str(number)),
            time=int(first_ms + number * step_ms),
            environment=environment,
            ref=ref,
            revision=revision,
            actor=rng.choice(PEOPLE),
            title=title,
            url=f"https://forge.example/{service}/{kind}/{number}",
            source="forge",
            number=str(number // 2),
        )


def feed(key: DeviceKey, epoch: bytes, team: str, facts: Iterator[Event]) -> Iterator[Entry]:
    """The signed, chained entries of these facts, each stamped with its fact's time."""
    feed_id, start = key.public + epoch, preamble(team)
    prev, hlc = b"", 0
    for seq, event in enumerate(facts, 1):
        hlc = max(hlc + 1, event.time << COUNTER_BITS)
        body = encode_body(feed=feed_id, seq=seq, hlc=hlc, prev=prev, payload=encode_event(event))
        prev = body_hash(body)
        yield parse_entry(body, key.sign(start + body))
