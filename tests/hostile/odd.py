"""Odd values in the place of honest ones, as hypothesis makes them.

In entries, events, messages, policies and questions at the door.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from raw_feed import nested

from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.stream.event import Event, make_event
from devstream_desktop.stream.words import STATES, Kind
from devstream_desktop.team.policy.policy import Policy

_T = TypeVar("_T")
encode = msgspec.msgpack.encode
EDGES = (
    -1,
    0,
    1,
    1 << 31,
    1 << 32,
    1 << 47,
    1 << 53,
    (1 << 63) - 1,
    1 << 63,
    (1 << 64) - 1,
    -(1 << 63),
)
LEVELS = (14, 15, 16, 17, 64, 500, 900, 930, 950, 960, 970, 977, 985, 999, 1001, 2000, 3900)
RAW = st.sampled_from(
    [
        *(nested(levels) for levels in LEVELS),
        *(b"\x81\x01" * levels + b"\xc0" for levels in LEVELS[:12]),
        *(
            b"\xdd\xff\xff\xff\xff",
            b"\xdf\xff\xff\xff\xff",
            b"\xc6\xff\xff\xff\xff",
            b"\xdb\x7f\xff\xff\xff",
            b"\xc9\xff\xff\xff\xff\x01",
        ),
        *(
            b"\xa3\xff\xfe\xfd",
            b"\xa3\xed\xa0\x80",
            b"\xc1",
            b"\xd6\xff\xff\xff\xff\xff",
            b"\xcb\x7f\xf8\0\0\0\0\0\0",
            b"",
        ),
    ]
).map(msgspec.Raw)
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(EDGES),
    st.integers(-(1 << 63), (1 << 64) - 1),
    st.floats(),
    st.text(max_size=30),
    st.text(min_size=1, max_size=3).map(lambda text: text * 400),
    st.binary(max_size=80),
    st.lists(st.integers(0, 9), max_size=4),
    RAW,
    RAW,
)
"""A value that a field does not expect."""


def generated(strategy: st.SearchStrategy[_T], count: int) -> list[_T]:
    """So many instances, the same in every run."""
    found: list[_T] = []

    @settings(
        max_examples=count,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(value: _T) -> None:
        found.append(value)

    collect()
    return found


def spoilt(fields: Sequence[object]) -> st.SearchStrategy[list[object]]:
    """These with one to three of them replaced, one added or some left out."""

    @st.composite
    def build(draw: st.DrawFn) -> list[object]:
        changed = list(fields)
        for _ in range(draw(st.integers(1, 3))):
            changed[draw(st.integers(0, len(changed) - 1))] = draw(ODD)
        if draw(st.booleans()):
            changed.append(draw(ODD))
        return changed[: draw(st.sampled_from([len(changed), len(changed), len(changed) - 1]))]

    return build()


def honest(time: int) -> list[Event]:
    """An event of each kind."""
    fields = {
        "service": "shop",
        "subject": "change/shop/main",
        "key": "0" * 32,
        "actor": "mallory",
        "title": "odd",
    }
    return [make_event(kind=kind, state=STATES[kind][0], time=time, **fields) for kind in Kind]


def payloads(time: int) -> st.SearchStrategy[bytes]:
    """Payloads of entries: events with odd fields, and anything."""
    events = st.sampled_from([msgspec.msgpack.decode(encode(event)) for event in honest(time)])
    return st.one_of(events.flatmap(spoilt).map(encode), ODD.map(encode), RAW.map(bytes))


def entries(feed: bytes, hlc: int, time: int) -> st.SearchStrategy[bytes]:
    """Bodies of entries of any version with odd envelopes or payloads."""

    @st.composite
    def build(draw: st.DrawFn) -> bytes:
        epoch = draw(st.integers(0, (1 << 64) - 1)).to_bytes(8, "big")
        version = draw(st.sampled_from([1, 1, 2, 3, 1 << 31, (1 << 64) - 1]))
        fields = [version, feed[:32] + epoch, 1, hlc, b"", msgspec.Raw(draw(payloads(time)))]
        return encode(draw(spoilt(fields)) if draw(st.booleans()) else fields)

    return build()


def messages(requests: Sequence[msgspec.Struct]) -> st.SearchStrategy[bytes]:
    """Frames of requests between nodes with odd fields, also inside."""
    whole = [msgspec.msgpack.decode(encode(request)) for request in requests]

    @st.composite
    def build(draw: st.DrawFn) -> bytes:
        tag, *fields = draw(st.sampled_from([one for one in whole if len(one) > 1]))
        inner = [place for place, field in enumerate(fields) if isinstance(field, list) and field]
        if inner and draw(st.booleans()):
            place = draw(st.sampled_from(inner))
            fields = [*fields[:place], draw(spoilt(fields[place])), *fields[place + 1 :]]
        else:
            fields = draw(spoilt(fields))
        return b"\0" + encode([tag, *fields])

    return build()


def policies(policy: Policy, key: DeviceKey) -> st.SearchStrategy[bytes]:
    """Documents of policies with odd fields, each properly signed by `key`."""
    plain = msgspec.json.decode(msgspec.json.encode(policy))
    values = st.one_of(
        st.none(),
        st.sampled_from([*EDGES, 10**400]),
        st.text(max_size=20),
        st.lists(st.text(max_size=5), max_size=3),
        st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
    )

    @st.composite
    def build(draw: st.DrawFn) -> bytes:
        changed = plain | {
            draw(st.sampled_from(sorted(plain))): draw(values)
            for _ in range(draw(st.integers(1, 3)))
        }
        payload = msgspec.json.encode(changed)
        deep = draw(st.sampled_from([0, 0, 10, 17, 64, 900, 977, 5000]))
        if deep:
            payload = payload[:-1] + b',"new":' + b"[" * deep + b"]" * deep + b"}"
        signature = key.sign(b"devstream/policy/1\0" + payload)
        document = [1, payload, [[key.id, signature]]]
        return encode(draw(spoilt(document)) if draw(st.integers(0, 3)) == 0 else document)

    return build()
