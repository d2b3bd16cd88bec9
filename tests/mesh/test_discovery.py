from __future__ import annotations

import pytest

from devstream_desktop.mesh.overlay import discovery
from devstream_desktop.mesh.overlay.discovery import DAY_MS, Discovery, is_local, tag

NOW = 1_700_000_000_000


def test_the_tag_is_the_teams_and_the_days():
    assert tag("acme", NOW) == tag("acme", NOW + 1000)
    assert len({tag("acme", NOW), tag("rivals", NOW), tag("acme", NOW + DAY_MS)}) == 3
    assert len(bytes.fromhex(tag("acme", NOW))) == 5


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("192.168.1.4", True),
        ("10.1.2.3", True),
        ("169.254.1.1", True),
        ("8.8.8.8", False),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("x", False),
    ],
)
def test_only_addresses_of_this_network_are_dialed(address, local):
    assert is_local(address) is local


async def _status_of(host, interfaces=()):
    found = []
    finder = Discovery(
        team_id="acme",
        host=host,
        port=7000,
        interfaces=interfaces,
        clock=lambda: NOW,
        on_found=found.append,
    )
    finder.start()
    for _ in range(200):
        if finder.status != "starting":
            break
        await discovery.asyncio.sleep(0.01)
    status = finder.status
    await finder.stop()
    return status


async def test_a_node_on_loopback_says_that_it_announces_nothing():
    assert (await _status_of("127.0.0.1")).startswith("off: no network but this machine's own")


async def test_where_multicast_is_impossible_it_says_so_and_goes_on(monkeypatch, caplog):
    def broken(**given):
        raise OSError("no multicast here")

    monkeypatch.setattr(discovery, "AsyncZeroconf", broken)
    monkeypatch.setattr(discovery, "own_addresses", lambda: frozenset({"192.168.7.7"}))
    assert "no multicast here" in await _status_of("0.0.0.0")
    assert len([r for r in caplog.records if r.levelname == "WARNING"]) == 1
