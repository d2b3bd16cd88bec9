"""A node loads what its roles and outlets need only with them."""

from __future__ import annotations

import subprocess
import sys

import pytest

LOADED = """
import sys
import devstream_desktop.node.process

late = (
    "devstream_collectors",
    "devstream_desktop.intake",
    "devstream_desktop.deploy.service",
    "devstream_desktop.deploy.backends",
    "devstream_desktop.outlet.atom",
    "importlib.metadata",
    "urllib.request",
    "xml",
)
print(*(name for name in sys.modules if name.startswith(late)))
print("devstream_desktop.mesh.service" in sys.modules)
"""


@pytest.mark.process
def test_a_node_begins_without_what_collectors_and_executors_need() -> None:
    words = [sys.executable, "-c", LOADED]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["", "True"]
