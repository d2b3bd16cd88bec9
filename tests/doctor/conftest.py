"""Real nodes for the doctor, as tests/node makes them."""

from __future__ import annotations

from rooms import load

_node = load("node/conftest.py")
world, until = _node.world, _node.until
