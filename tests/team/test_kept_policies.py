"""The policies on the disk: what can be read of them counts, and nothing else takes its place."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from devstream_desktop.private_file import write_private
from devstream_desktop.team import genesis
from devstream_desktop.team.errors import PolicyError
from devstream_desktop.team.policy.chain import PolicyChain
from devstream_desktop.team.policy.documents import Signed

NOW = 1_790_000_000_000


def grown(versions: int, name: str = "acme") -> PolicyChain:
    member = genesis.found(name, "ana", solo=False, now_ms=NOW)
    for version in range(2, versions + 1):
        changed = msgspec.structs.replace(member.chain.current, retention_days=version)
        member.chain.take(
            Signed.make(member.chain.successor(changed, NOW + version), [member.device])
        )
    return member.chain


def with_one(whole: bytes, at: int, document: bytes) -> bytes:
    stored = msgspec.msgpack.decode(whole)
    stored[1][at] = document
    return msgspec.msgpack.encode(stored)


SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda whole: whole[: len(whole) // 2],
    "empty": lambda _: b"",
    "garbage": lambda _: b"\xc1" * 99,
    "deep": lambda _: b"\x91" * 5000,
    "one is none": lambda whole: with_one(whole, 3, b"no policy"),
    "one nests deeply": lambda whole: with_one(whole, 3, b"\x91" * 3000),
    "one is an early one": lambda whole: with_one(whole, 3, msgspec.msgpack.decode(whole)[1][0]),
    "one is cut": lambda whole: with_one(whole, 3, msgspec.msgpack.decode(whole)[1][3][:-70]),
    "none is there": lambda whole: msgspec.msgpack.encode([1, [], None, []]),
    "the first is none": lambda whole: with_one(whole, 0, b""),
}


@pytest.mark.parametrize("how", SPOILT)
def test_what_can_be_read_counts_here_or_in_the_file_of_before(how: str, tmp_path: Path) -> None:
    chain, path = grown(5), tmp_path / "policy.msgpack"
    PolicyChain.from_documents(chain.documents()[:4]).save(path)
    chain.save(path)
    whole = path.read_bytes()
    assert PolicyChain.load(path).trouble == ""
    path.write_bytes(SPOILT[how](whole))
    found = PolicyChain.load(path)
    assert found.current.version == 4, "those of before the last change"
    assert "after version 4" in found.trouble
    assert found.copy().trouble == ""
    path.with_name("policy.msgpack.before").unlink()
    if how.startswith("one"):
        assert PolicyChain.load(path).current.version == 3
    else:
        with pytest.raises(PolicyError, match="restore the file from a backup"):
            PolicyChain.load(path)


def test_policies_of_another_team_are_not_taken_for_those_of_before(tmp_path: Path) -> None:
    path = tmp_path / "policy.msgpack"
    mine = grown(3)
    mine.save(path)
    path.write_bytes(with_one(path.read_bytes(), 2, b"none"))
    grown(9, "rivals").save(path.with_name("policy.msgpack.before"))
    found = PolicyChain.load(path)
    assert (found.team, found.current.version) == (mine.team, 2)


def test_a_proposal_that_cannot_be_read_takes_nothing_else_away(tmp_path: Path) -> None:
    path = tmp_path / "policy.msgpack"
    grown(3).save(path)
    stored = msgspec.msgpack.decode(path.read_bytes())
    path.write_bytes(msgspec.msgpack.encode([*stored[:3], [b"\x91" * 2000]]))
    assert PolicyChain.load(path).current.version == 3


def test_the_file_has_every_document_and_is_written_one_at_a_time(tmp_path: Path) -> None:
    chain, path = grown(40), tmp_path / "policy.msgpack"
    tracemalloc.start()
    chain.save(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert msgspec.msgpack.decode(path.read_bytes()) == [1, chain.documents(), None, []]
    assert peak < path.stat().st_size // 2


def test_a_change_that_fits_the_disk_no_more_leaves_the_file_of_before(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"the beginning"
        raise OSError("no space left on device")

    path = tmp_path / "kept"
    write_private(path, [b"what was", b" there"])
    with pytest.raises(OSError, match="no space"):
        write_private(path, pieces())
    assert path.read_bytes() == b"what was there"
    assert list(tmp_path.iterdir()) == [path]
