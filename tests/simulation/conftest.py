"""Shared by the simulations.

Their modules lie beside the tests, so that `make soak` and a pool of processes find them too.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from devstream_desktop.mesh.replica.identity import Identity
from devstream_desktop.stream.entry import Entry, device_id

sys.path.insert(0, str(Path(__file__).parent))

from memory_log import MemoryLog
from nodes import fake_sign, fake_verify

from devstream_desktop.mesh.replica.replica import Replica

DAY = 86_400_000


@pytest.fixture
def memory_log() -> type[MemoryLog]:
    return MemoryLog


@pytest.fixture
def make_replica() -> Callable[..., Replica]:
    def make(
        log: MemoryLog,
        retention: int = 30 * DAY,
        refusal: Callable[[Entry], str | None] = lambda _: None,
        ended: Callable[[bytes], object] = lambda _: None,
    ) -> Replica:
        return Replica(
            store=log,
            identity=Identity(device_id(log.key), "t", fake_sign(log.key), fake_verify),
            authors=SimpleNamespace(is_author=lambda _: True, ended=ended, refusal=refusal),
            retention_ms=retention,
        )

    return make


@pytest.fixture
def pair(memory_log: type[MemoryLog], make_replica: Callable[..., Replica]) -> list[Replica]:
    """Two replicas, each with its log, that keep seven days."""
    logs = [memory_log(bytes([n]) * 32, random.Random(n)) for n in (1, 2)]
    return [make_replica(log, 7 * DAY) for log in logs]
