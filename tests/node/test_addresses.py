"""The addresses that a node names to others, whatever network it is in."""

from __future__ import annotations

import pytest

from devstream_desktop.control.errors import ControlError
from devstream_desktop.node import ports


class Adapter:
    """One of ifaddr's."""

    def __init__(self, *hosts: str) -> None:
        self.ips = [Ip(host) for host in hosts]


class Ip:
    """One of ifaddr's: IPv6 comes with flow and scope."""

    def __init__(self, host: str) -> None:
        self.is_IPv6 = ":" in host
        self.is_IPv4 = not self.is_IPv6
        self.ip = (host, 0, 0) if self.is_IPv6 else host


NETWORKS = {
    "no network": (["127.0.0.1", "::1"], [], []),
    "only link-local": (["127.0.0.1", "169.254.7.1", "fe80::1"], [], []),
    "a LAN without a way out": (["127.0.0.1", "192.168.1.7"], ["192.168.1.7"], ["192.168.1.7"]),
    "only IPv6": (["127.0.0.1", "fe80::1", "2001:db8:1::7"], [], ["2001:db8:1::7"]),
    "LAN and VPN": (
        ["192.168.1.7", "10.8.0.2", "fd00::2"],
        ["192.168.1.7", "10.8.0.2"],
        ["192.168.1.7", "10.8.0.2", "fd00::2"],
    ),
}


@pytest.mark.parametrize("network", NETWORKS)
def test_what_others_may_reach_is_named_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, network: str
) -> None:
    here, four, both = NETWORKS[network]
    monkeypatch.setattr(ports, "_way_out", lambda *_: "")
    monkeypatch.setattr(ports.ifaddr, "get_adapters", lambda: [Adapter(*here)])
    for listens, expected in (("0.0.0.0", four), ("::", both)):
        assert ports.hosts(six=listens == "::") == expected
        address = "[::]:7400" if listens == "::" else "0.0.0.0:7400"
        if expected:
            assert ports.for_others(address).rpartition(":")[0].strip("[]") == expected[0]
            continue
        with pytest.raises(ControlError, match=r"no network address.*--address HOST:7400"):
            ports.for_others(address)
        assert ports.reachable(listens) == "127.0.0.1", "for this machine there is always one"


def test_the_address_of_the_way_out_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_way_out", lambda *_: "10.8.0.2")
    monkeypatch.setattr(ports.ifaddr, "get_adapters", lambda: [Adapter("192.168.1.7", "10.8.0.2")])
    assert ports.hosts(six=False) == ["10.8.0.2", "192.168.1.7"]


def test_who_listens_on_one_address_names_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "hosts", lambda **_: ["192.168.1.7"])
    assert ports.for_others("127.0.0.1:7400") == "127.0.0.1:7400"
    assert ports.for_others("10.0.0.5:7400") == "10.0.0.5:7400"
