"""The care for a team goes on when one part of it fails."""

from __future__ import annotations

import time

from devstream_desktop.home import Home
from devstream_desktop.mesh.link import ListenError
from devstream_desktop.node.board import Board
from devstream_desktop.node.trust import Trust
from devstream_desktop.team.team import Team
from devstream_desktop.team.vault import Vault

DAY = 86_400_000


async def test_the_door_is_tended_though_the_port_of_the_mesh_was_taken(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("DEVSTREAM_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    home, vault, days = Home(tmp_path / "ana"), Vault.open(Home(tmp_path / "ana")), 0
    team = Team.create(home, vault, "acme", "ana", now=lambda: round(time.time() * 1000) + days * DAY)
    used = []

    async def use(credentials) -> None:
        used.append(credentials.certificate_pem)
        raise ListenError("the port was taken by another program")

    async def publish(_events) -> None: ...

    trust = Trust(
        home=home,
        team=team,
        board=Board(),
        publish=publish,
        spawn=lambda work: work.close(),
        use=use,
        notices={},
        host="127.0.0.1",
        peers=list,
    )
    await trust.start()
    first = trust.credentials().certificate_pem
    days = 16
    await trust.look()
    assert used == [team.certificate_pem] != [first], "the new one was shown"
    assert trust.enrolment is not None, "the door was not looked at"
    await trust.stop()
