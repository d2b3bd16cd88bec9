"""A node loads what its roles and outlets need only with them."""

from __future__ import annotations

import pytest
from fresh_python import among, loaded_by

LATE = (
    "devstream_collectors",
    "devstream_desktop.intake",
    "devstream_desktop.deploy.service",
    "devstream_desktop.deploy.backends",
    "devstream_desktop.outlet.atom",
    "importlib.metadata",
    "urllib.request",
    "xml",
)


@pytest.mark.process
def test_a_node_begins_without_what_collectors_and_executors_need() -> None:
    modules = loaded_by("devstream_desktop.node.process")
    assert "devstream_desktop.mesh.service" in modules
    assert among(modules, LATE) == []
