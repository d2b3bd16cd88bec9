"""The addresses that a node names to others, whatever network it is in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from devstream_desktop import interfaces
from devstream_desktop.control.errors import ControlError
from devstream_desktop.home import Home
from devstream_desktop.mesh.service import ListenError
from devstream_desktop.node.ports import load_peers, save_peers
from devstream_desktop.node.reach import Reach, doubt_of, invited, reached_at


class Adapter:
    """One of ifaddr's."""

    def __init__(self, name: str, *hosts: str) -> None:
        self.name = name
        self.ips = [Ip(host) for host in hosts]


class Ip:
    """One of ifaddr's: IPv6 comes with flow and scope."""

    def __init__(self, host: str) -> None:
        self.is_IPv6 = ":" in host
        self.is_IPv4 = not self.is_IPv6
        self.ip = (host, 0, 2) if self.is_IPv6 else host
        self.network_prefix = 64 if self.is_IPv6 else 24


Place = Callable[..., None]
NETWORKS = {
    "no network": (["127.0.0.1", "::1"], []),
    "only link-local": (["127.0.0.1", "169.254.7.1", "fe80::1"], []),
    "a LAN without a way out": (["127.0.0.1", "192.168.1.7"], ["192.168.1.7"]),
    "only IPv6": (["127.0.0.1", "fe80::1", "2001:db8:1::7"], ["2001:db8:1::7"]),
    "LAN and VPN": (
        ["192.168.1.7", "10.8.0.2", "fd00::2"],
        ["192.168.1.7", "10.8.0.2", "fd00::2"],
    ),
    "two addresses of one IPv6 network": (
        ["2001:db8:1::7", "2001:db8:1::8", "fd00::2"],
        ["2001:db8:1::7", "fd00::2"],
    ),
}


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Place:
    """Give this machine other addresses, and another way out."""
    monkeypatch.setattr(interfaces, "_TABLE", tmp_path / "if_inet6")

    def be(adapters: Sequence[Adapter], out: str = "") -> None:
        monkeypatch.setattr(interfaces, "_way_out", lambda *_: out)
        monkeypatch.setattr(interfaces.ifaddr, "get_adapters", lambda: adapters)

    return be


@pytest.mark.parametrize("network", NETWORKS)
def test_what_others_may_reach_is_named_and_nothing_else(here: Place, network: str) -> None:
    own, expected = NETWORKS[network]
    here([Adapter("eth0", *own)])
    four = [host for host in expected if ":" not in host]
    for bound, hosts in (("0.0.0.0:7400", four), ("[::]:7400", expected)):
        named = [f"[{host}]:7400" if ":" in host else f"{host}:7400" for host in hosts]
        assert reached_at(bound) == named
        if named:
            assert invited(bound, ()) == named
            continue
        with pytest.raises(ControlError, match=r"no network address.*--address HOST:7400"):
            invited(bound, ())
        assert invited(bound, ("office.example:1",)) == ["office.example:1"]


def test_the_address_of_the_way_out_comes_first_and_those_of_containers_last(here: Place) -> None:
    here(
        [Adapter("docker0", "172.17.0.1", "fe80::9"), Adapter("eth0", "192.168.1.7", "10.8.0.2")],
        "10.8.0.2",
    )
    assert interfaces.reachable_hosts() == ["10.8.0.2", "192.168.1.7", "172.17.0.1"]
    assert interfaces.own_addresses() == {"172.17.0.1", "192.168.1.7", "10.8.0.2"}


def test_an_address_that_the_system_changes_by_itself_is_not_named(
    here: Place, tmp_path: Path
) -> None:
    here([Adapter("eth0", "2001:db8:1::7", "2001:db8:1::8")], "2001:db8:1::7")
    # The flags are those of linux/if_addr.h: 01 temporary, 80 permanent.
    (tmp_path / "if_inet6").write_text(
        "20010db8000100000000000000000007 02 40 00 01     eth0\n"
        "20010db8000100000000000000000008 02 40 00 80     eth0\n"
    )
    assert interfaces.reachable_hosts() == ["2001:db8:1::8"]


def test_who_listens_on_one_address_names_that(here: Place) -> None:
    here([Adapter("eth0", "192.168.1.7")])
    assert invited("10.0.0.5:7400", ()) == ["10.0.0.5:7400"]
    assert invited("127.0.0.1:7400", ()) == ["127.0.0.1:7400"]
    # Beside a named one it would lead another machine to itself.
    assert invited("127.0.0.1:7400", ("office.example:1",)) == ["office.example:1"]
    # One with an interface leads from this machine only.
    assert invited("[fe80::7%eth0]:7400", ("office.example:1",)) == ["office.example:1"]
    with pytest.raises(ControlError, match="no network address"):
        invited("[fe80::7%eth0]:7400", ())
    assert "this machine only" in doubt_of(["127.0.0.1:7400"])
    assert not doubt_of(["127.0.0.1:7400", "192.168.1.7:7400"])


class Port:
    """A mesh's port: it listens where it is told, but not where another program does."""

    def __init__(self, *taken: str) -> None:
        self.taken = set(taken)
        self.listened: list[str] = []

    async def listen(self, address: str) -> str:
        if address in self.taken:
            raise ListenError(f"cannot listen on {address}: taken")
        host, _, port = address.rpartition(":")
        self.listened.append(address)
        return f"{host}:{port if port != '0' else '5555'}"


def made(listen: str, alone: list[bool], kept: int = 0) -> tuple[Reach, dict[str, str]]:
    notices: dict[str, str] = {}
    return Reach(listen, kept, named=(), alone=lambda: alone[0], notices=notices), notices


async def test_a_team_of_one_is_reached_from_its_machine_only_until_it_invites(
    here: Place,
) -> None:
    here([Adapter("eth0", "192.168.1.7")])
    alone, port = [True], Port()
    place, _ = made("[::]:0", alone)
    await place.start(port.listen, port.listen)
    assert (place.closed, place.shown, place.addresses()) == (True, "127.0.0.1:5555", [])
    assert not await place.follow()
    assert await place.follow(joining=True)
    assert (place.closed, place.addresses()) == (False, ["192.168.1.7:5555"])
    assert place.invited() == ["192.168.1.7:5555"]
    alone[0] = False
    assert not await place.follow()
    alone[0] = True
    assert await place.follow(), "an invite that nobody used closes it again"
    assert port.listened == ["127.0.0.1:0", "[::]:5555", "127.0.0.1:5555"]


@pytest.mark.parametrize("listen", ["0.0.0.0:7400", "[::]:7400", "10.0.0.5:0"])
async def test_who_names_a_port_or_an_address_is_taken_at_their_word(
    here: Place, listen: str
) -> None:
    here([Adapter("eth0", "192.168.1.7")])
    port = Port()
    place, notices = made(listen, [True])
    await place.start(port.listen, port.listen)
    assert (place.closed, port.listened) == (False, [listen])
    assert ("10.0.0.5" in notices.get("address", "")) is (listen == "10.0.0.5:0")


async def test_a_port_that_is_taken_when_it_opens_is_said_and_another_serves(here: Place) -> None:
    here([Adapter("eth0", "192.168.1.7")])
    port = Port("[::]:7777")
    place, notices = made("[::]:0", [True], kept=7777)
    await place.start(port.listen, port.listen)
    assert await place.follow(joining=True)
    assert place.port == 5555
    assert "has the port 7777" in notices["port"]
    port = Port("[::]:7400")
    place, _ = made("[::]:7400", [True])
    with pytest.raises(ListenError):
        await place.start(port.listen, port.listen)


async def test_what_could_not_be_listened_on_is_tried_again(here: Place) -> None:
    here([Adapter("eth0", "192.168.1.7")])
    port = Port("[::]:5555", "[::]:0")
    place, _ = made("[::]:0", [True])
    await place.start(port.listen, port.listen)
    with pytest.raises(ListenError):
        await place.follow(joining=True)
    port.taken.clear()
    assert await place.follow(joining=True)
    assert place.bound == "[::]:5555"


DAY = 86_400_000
NOW = 1_790_000_000_000


def test_what_worked_in_one_network_is_hidden_by_no_other(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.create()
    office = [f"10.0.0.{n}:7400" for n in range(1, 4)]
    save_peers(home, office, NOW)
    # At home nobody is met but one, for some weeks.
    for day in range(1, 40):
        save_peers(home, [], NOW + day * DAY)
        save_peers(home, ["192.168.1.9:7400"], NOW + day * DAY)
    assert load_peers(home) == ["192.168.1.9:7400", *office]
    save_peers(home, [f"172.16.0.{n}:7400" for n in range(40)], NOW + 40 * DAY)
    assert len(load_peers(home)) == 24
    save_peers(home, [], NOW + 101 * DAY)
    assert load_peers(home) == []


def test_addresses_of_an_earlier_version_are_read(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.create()
    home.peers.write_text('["10.0.0.1:7400","10.0.0.2:7400"]')
    assert load_peers(home) == ["10.0.0.1:7400", "10.0.0.2:7400"]


def test_the_file_is_written_once_a_day_and_not_each_minute(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.create()
    save_peers(home, ["10.0.0.1:7400"], NOW)
    home.peers.unlink()
    home.peers.write_text(f'[["10.0.0.1:7400",{NOW}]]')
    written = home.peers.stat().st_mtime_ns
    save_peers(home, ["10.0.0.1:7400"], NOW + 60_000)
    assert home.peers.stat().st_mtime_ns == written
    save_peers(home, ["10.0.0.1:7400"], NOW + DAY)
    assert home.peers.stat().st_mtime_ns > written
