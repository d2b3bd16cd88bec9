"""Progress is told while there is some, at most once a period, and a node at rest is silent."""

from __future__ import annotations

import asyncio

from devstream_desktop.node import progress
from devstream_desktop.node.progress import CatchUpProgress


async def test_it_tells_each_step_and_the_end_and_then_nothing(monkeypatch) -> None:
    monkeypatch.setattr(progress, "TELL_S", 0.01)
    measures = [(900, 1000), (900, 1000), (500, 1000), (0, 0)]
    told: list[str] = []
    tasks: list[asyncio.Task[None]] = []
    follower = CatchUpProgress(
        lambda: measures.pop(0),
        lambda: told.append("changed"),
        lambda work: tasks.append(asyncio.create_task(work)),
    )
    for _ in range(50):
        follower.begin()
    assert len(tasks) == 1
    await tasks[0]
    assert (measures, len(told)) == ([], 3)


async def test_what_is_over_at_once_is_not_told(monkeypatch) -> None:
    monkeypatch.setattr(progress, "TELL_S", 0.01)
    told: list[str] = []
    tasks: list[asyncio.Task[None]] = []
    follower = CatchUpProgress(
        lambda: (0, 0),
        lambda: told.append("changed"),
        lambda work: tasks.append(asyncio.create_task(work)),
    )
    follower.begin()
    await tasks[0]
    follower.begin()
    await tasks[1]
    assert told == []
