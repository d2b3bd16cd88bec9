"""A node is reached through one TCP port: by its peers, by joiners, and for renewals."""

from __future__ import annotations

import contextlib
import socket
import sys
from pathlib import Path

import pytest

from devstream_desktop.node.ports import load_port, save_port
from devstream_desktop.team.joining.invite import read_invite

pytestmark = pytest.mark.process
_LISTEN = "0A"


def listening(process: int) -> list[int]:
    """The TCP ports at which a process listens, as Linux tells it."""
    return [int(place.rpartition(":")[2], 16) for place in listens(process)]


def listens(process: int) -> list[str]:
    """The addresses at which a process listens, in Linux's hexadecimal ADDRESS:PORT."""
    own = set()
    for one in Path(f"/proc/{process}/fd").iterdir():
        # It may be closed between the two looks.
        with contextlib.suppress(FileNotFoundError):
            own.add(str(one.readlink()))
    places = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{process}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN and f"socket:[{fields[9]}]" in own:
                places.append(fields[1])
    return places


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
def test_mesh_joining_and_renewal_are_behind_the_one_port_that_is_shown(world, until) -> None:
    ana = world.desk("ana")
    ana.run("team", "create", "acme", "--person", "ana")
    ana.start()
    invite = ana.run("team", "invite", "--pre-approved")
    shown = ana.ready["mesh"]
    assert read_invite(invite).address == ana.status().mesh == shown
    bob = world.desk("bob")
    bob.run("team", "join", invite, "--person", "bob")
    bob.start()
    until("a link", lambda: any(peer.state == "live" for peer in ana.status().peers))
    assert listening(ana.process.pid) == [int(shown.rpartition(":")[2])]
    assert len(listening(bob.process.pid)) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
def test_a_team_of_one_is_reached_by_nobody_else_until_it_invites(world) -> None:
    ana = world.desk("ana")
    ana.run("team", "create", "acme", "--person", "ana")
    ana.start("--listen", "[::]:0")
    (place,) = listens(ana.process.pid)
    host, port = place.split(":")
    assert host == "0100007F", "127.0.0.1, as Linux writes it"
    assert "this machine only: an invite opens it" in ana.run("status")
    assert ana.status().discovery.startswith("off while nobody can join")
    invite = read_invite(ana.run("team", "invite"))
    assert listens(ana.process.pid) == [f"{'0' * 32}:{port}"]
    assert not ana.status().closed
    assert invite.addresses == ana.status().addresses[:4]
    ana.stop()
    ana.start("--listen", "[::]:0")
    assert listens(ana.process.pid) == [f"{'0' * 32}:{port}"], "an open invite outlives the node"


def test_an_invite_of_a_stopped_node_names_the_port_that_it_will_have(world) -> None:
    ana = world.desk("ana")
    ana.run("team", "create", "acme", "--person", "ana")
    invite = ana.run("team", "invite")
    ana.start("--listen", "0.0.0.0:0")
    port = ana.ready["mesh"].rpartition(":")[2]
    assert read_invite(invite).address.rpartition(":")[2] == port


def test_a_mistyped_address_of_an_invite_is_said_to_whoever_typed_it(world) -> None:
    ana = world.desk("ana")
    ana.run("team", "create", "acme", "--person", "ana")
    said = ana.run("team", "invite", "--address", "office.example.com", code=1)
    assert "'office.example.com' is not an address: write HOST:PORT" in said


def test_a_port_that_another_program_took_is_said(world) -> None:
    ana = world.desk("ana")
    ana.run("team", "create", "acme", "--person", "ana")
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        save_port(ana.home, taken)
        ana.start()
        (notice,) = [one for one in ana.status().notices if f"has the port {taken}" in one]
    now = int(ana.ready["mesh"].rpartition(":")[2])
    assert f"listens on {now}" in notice
    assert load_port(ana.home) == now
    assert "--listen" in notice


def test_an_invite_that_names_a_port_of_an_older_node_says_what_to_do(world) -> None:
    ana = world.desk("ana")
    ana.run("team", "create", "acme", "--person", "ana")
    # Held and not listened on: nobody else, nor this node, gets it meanwhile.
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        gone = held.getsockname()[1]
        ana.start()
        invite = ana.run("team", "invite", "--address", f"127.0.0.1:{gone}")
        said = world.desk("bob").run("team", "join", invite, "--person", "bob", code=1)
    assert "cannot be reached" in said
    assert "ask for a new invite" in said
