"""A team's year: who should be in is in within a minute of being online, and nobody else ever is.

More seeds, and every working day: `.venv/bin/python tests/year/year.py SEED`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from machine import Machine, dates, trusted
from virtual_time import VirtualLoop
from year import play

from devstream_desktop.node.renewal import Renewing

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SOME_DAYS = 0.15
"""So many of their days people work in the short story."""


def test_whoever_is_in_stays_in_and_whoever_is_out_stays_out(tmp_path: Path) -> None:
    year = play(tmp_path, seed=1, days=150, work=SOME_DAYS)
    assert year.judge.faults == []
    assert year.judge.needed > 300, "somebody had to be in at so many looks"
    first, last = year.away["di"]
    assert last - first == 100
    names = {machine.name for machine in year.members}
    assert {"bo-desk", "ed-laptop-2", "cy-laptop", "di-laptop"} <= names
    assert not {"ana-desk", "ed-laptop", "flo-laptop"} & names


async def _nothing(*_: object) -> None: ...


def _without_renewals(monkeypatch: pytest.MonkeyPatch) -> None:
    look: Callable[..., Awaitable[None]] = _nothing
    monkeypatch.setattr(Renewing, "look", look)


def _without_a_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    def believes(self: Machine, other: Machine) -> bool:
        begins, ends = dates(other.team.certificate.pem)
        policy = self.team.chain.current
        return begins <= self.year.ms() <= ends and trusted(other.team.certificate.pem, policy)

    monkeypatch.setattr(Machine, "believes", believes)


@pytest.mark.parametrize(
    ("break_it", "words"),
    [(_without_renewals, "is out, though"), (_without_a_gate, "which is out, is linked")],
)
def test_the_judge_sees_what_is_broken(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    break_it: Callable[[pytest.MonkeyPatch], None],
    words: str,
) -> None:
    break_it(monkeypatch)
    year = play(tmp_path, seed=1, days=45, work=0.3, strangers=0.1)
    assert any(words in fault for fault in year.judge.faults)


def test_time_goes_on_after_half_a_year() -> None:
    async def wait() -> float:
        loop = asyncio.get_running_loop()
        # From here on two neighbours of the clock lie further apart than its resolution.
        loop.now = float(1 << 24)  # type: ignore[attr-defined]
        await asyncio.sleep(60)
        return loop.time()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(wait()) == (1 << 24) + 60
