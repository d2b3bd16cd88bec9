"""Shared by the simulations. Their modules lie beside the tests, so that `make soak` and a pool of processes find them too."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from memory_log import MemoryLog
from nodes import fake_sign, fake_verify

from devstream_desktop.mesh.replica.rules import Replica

DAY = 86_400_000


@pytest.fixture
def memory_log():
    return MemoryLog


@pytest.fixture
def make_replica():
    def make(log, retention=30 * DAY, refusal=lambda entry: None):
        return Replica(
            store=log,
            public_key=log.key,
            sign=fake_sign(log.key),
            verify=fake_verify,
            team="t",
            refusal=refusal,
            retention_ms=retention,
            rng=log.rng,
        )

    return make
