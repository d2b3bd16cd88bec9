"""Fixtures of the hostile tests.

The nodes of tests/mesh and tests/node, and a team whose every member may be played by the attacker.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from rooms import load

from devstream_desktop.home import Home
from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.keys.vault import Vault
from devstream_desktop.mesh.transport.link import Credentials
from devstream_desktop.stream.words import Role
from devstream_desktop.team.certificates import TlsKey
from devstream_desktop.team.policy import changes
from devstream_desktop.team.team import Team

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")  # before any QApplication
_mesh, _node, _simulation = (
    load("mesh/conftest.py"),
    load("node/conftest.py"),
    load("simulation/conftest.py"),
)
make_node, authority, other_team = _mesh.make_node, _mesh.team, _mesh.other_team
world, until = _node.world, _node.until
memory_log = _simulation.memory_log
raw = load("hostile/conftest.py").raw


@pytest.fixture(scope="session")
def team(authority: Any) -> Any:
    """As the fixtures of tests/mesh call it: a certificate authority."""
    return authority


@pytest.fixture(scope="session")
def other() -> Callable[[str], Any]:
    """Gives another room's module."""
    return load


@dataclass
class Crew:
    """A real team founded by ana.

    Every other device is only keys here, so that it can do what no honest node does.
    """

    team: Team
    keys: dict[str, DeviceKey] = field(default_factory=dict)

    def admit(self, person: str, *roles: Role) -> DeviceKey:
        key = self.keys[person] = DeviceKey.generate()
        self.team.change(changes.admit(key.id, person))
        for role in roles:
            self.team.change(changes.grant(person, role, "", self.team.now()))
        return key

    def credentials(self, device: str) -> Credentials:
        """A certificate of the team's, as the issuer gives it to members."""
        key = TlsKey.generate()
        return Credentials(
            self.team.ca_pem,
            self.team.admissions.authority().issue(device, key.request(), self.team.now()),
            key.pem,
        )


@pytest.fixture
def crew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Crew:
    monkeypatch.setenv("DEVSTREAM_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    home = Home(tmp_path / "ana")
    return Crew(Team.create(home, Vault.open(home), "acme", "ana"))
