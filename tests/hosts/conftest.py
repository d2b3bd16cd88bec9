"""Hosts of their own: network namespaces, made and removed by the test that needs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from network import Host, Network, why_not


@pytest.fixture
def network() -> Iterator[Network]:
    """A network without hosts yet."""
    if reason := why_not():
        pytest.skip(reason)
    made = Network()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def make_hosts(network: Network) -> Callable[[int], list[Host]]:
    """Make so many hosts on one network that nobody else is on."""
    return lambda count: network.hosts(0, count)
