"""Policies in few bytes: what a newcomer gets of a team that is large and old."""

from __future__ import annotations

import lzma
import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.team.joining import packed
from devstream_desktop.team.joining.packed import pack, unpack
from devstream_desktop.team.joining.wire import MAX_ANSWER, MalformedFrameError
from devstream_desktop.team.policy.chain import PolicyChain
from devstream_desktop.team.policy.documents import MAX_DOCUMENT, Signed
from devstream_desktop.team.team import Team


@given(st.lists(st.binary(max_size=300), max_size=30))
def test_documents_come_back_as_they_were(documents: list[bytes]) -> None:
    assert unpack(pack(documents)) == tuple(documents)


def test_the_largest_document_is_looked_back_on() -> None:
    document = random.Random(1).randbytes(MAX_DOCUMENT)
    assert len(pack([document] * 3)) < 1.1 * MAX_DOCUMENT


def test_five_hundred_versions_of_a_large_team_fit_an_answer_hundreds_of_times(
    team: Team,
) -> None:
    chain, key = team.chain, team.device
    persons = dict(chain.current.persons)
    documents, before = [chain.links[0].document], chain.links[0]
    for version in range(2, 502):
        persons[DeviceKey.from_seed(version.to_bytes(32, "big")).id] = f"person {version}"
        policy = msgspec.structs.replace(
            chain.current,
            version=version,
            team=chain.team,
            prev=before.hash,
            issued=chain.current.issued + version,
            persons=persons,
        )
        before = Signed.make(policy, [key])
        documents.append(before.document)
    assert sum(map(len, documents)) > MAX_ANSWER
    answer = pack(documents)
    assert len(answer) < MAX_ANSWER // 50
    assert PolicyChain.from_documents(unpack(answer)).current == before.policy


@pytest.mark.parametrize("cut", [0, 1, 20, -1])
def test_what_is_cut_short_is_malformed(cut: int) -> None:
    with pytest.raises(MalformedFrameError):
        unpack(pack([b"one", b"two"])[:cut])


@pytest.mark.parametrize(
    "content",
    [
        b"no xz",
        pack([b"one"]) + b"more",
        lzma.compress(b"no msgpack"),
        lzma.compress(b""),
        lzma.compress(msgspec.msgpack.encode(["text"])),
        lzma.compress(msgspec.msgpack.encode([b""] * 100_001)),
        lzma.compress(b"\x91" * 5000 + b"\xc0"),
        # Dictionaries of 64 MiB, which a joiner need not give it.
        lzma.compress(msgspec.msgpack.encode([b"one"]), preset=9),
    ],
)
def test_what_nobody_packs_is_malformed(content: bytes) -> None:
    with pytest.raises(MalformedFrameError):
        unpack(content)


def test_a_few_bytes_that_unpack_to_too_many_are_malformed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packed, "MAX_UNPACKED", 1 << 20)
    assert unpack(pack([bytes((1 << 20) - 8)]))
    with pytest.raises(MalformedFrameError, match="too many bytes"):
        unpack(pack([bytes(1 << 20)]))
