"""A broker beside gossip, as a person sets it up: one command, and one line in the status."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from nats_server import Server, needs_nats, nkey, servers

from devstream_desktop.node.carriers import _travels
from devstream_desktop.team import is_renewal
from devstream_desktop.team.joining.renewals import FORMAT

RENEWAL = bytes((0x93, FORMAT, 0, 0))


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[[], Server]]:
    with servers(tmp_path) as start:
        yield start


def test_no_renewal_goes_to_a_broker() -> None:
    assert is_renewal(RENEWAL)
    assert not _travels(RENEWAL)
    assert _travels(b"\x93")


@pytest.mark.process
@needs_nats
def test_a_carrier_is_added_tried_lost_and_removed(world, until, make_server, tmp_path) -> None:
    (ana,) = world.team()
    seed, key = nkey()
    server = make_server()
    server.end()
    config = (
        f"listen: 127.0.0.1:{server.port}\njetstream {{ store_dir: {server.folder}/store }}\n"
        f"authorization {{ users = [ {{ nkey: {key} }} ] }}\n"
    )
    server.start(config)
    credentials = tmp_path / "desk.nk"
    credentials.write_text(f"{seed}\n")
    site = ("--site", "berlin")
    ana.run("carrier", "add", "nats", server.url, "--creds", str(credentials), *site)

    def state() -> str:
        return "".join(one.state for one in ana.status().carriers if not one.unsent)

    until("it is carried", lambda: state() == "live")
    assert "nats works" in ana.run("carrier", "test")
    until("it relays", lambda: ana.status().carriers[0].relay == ana.status().device)
    line = f"site berlin relayed by {ana.status().device[:8]}"
    assert f"carrier nats ({server.url}) live" in ana.run("status")
    assert line in ana.run("status")
    assert line in ana.run("carrier", "list")
    kept = [path.read_bytes() for path in ana.home.root.rglob("*") if path.is_file()]
    assert not any(seed.encode() in content for content in kept)

    server.end()
    until("it is gone", lambda: state() == "gone")
    lines = [line for line in ana.run("status").splitlines() if "nats" in line]
    assert len(lines) == 1
    assert "gone since" in lines[0]
    assert "does not work" in ana.run("carrier", "test", code=1)
    assert "devstream carrier test nats" in ana.run("doctor")
    server.start(config)
    until("it is back", lambda: state() == "live")

    ana.run("carrier", "remove", "nats")
    until("it is carried no more", lambda: not ana.status().carriers)
    assert not list(ana.home.secrets.glob("carrier*"))
