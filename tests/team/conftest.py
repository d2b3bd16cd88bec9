"""Fixtures of the team's tests.

A clock that is set, homes with a key file, founded teams and an open door.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx
from doors import Door
from people import People

from devstream_desktop.clock import now_ms
from devstream_desktop.home import Home
from devstream_desktop.keys.vault import Vault
from devstream_desktop.team.team import Team


@dataclass
class Clock:
    ms: int

    def __call__(self) -> int:
        return self.ms

    def add(self, **parts: int) -> None:
        self.ms += parts.get("seconds", 0) * 1000 + parts.get("days", 0) * 86_400_000


@pytest.fixture
def clock() -> Clock:
    return Clock(now_ms())


@pytest.fixture(autouse=True)
def _key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVSTREAM_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


@pytest.fixture
def home(tmp_path: Path) -> Callable[[str], Home]:
    return lambda name: Home(tmp_path / name)


@pytest.fixture
def found(home: Callable[[str], Home], clock: Clock) -> Callable[..., Team]:
    def make(name: str = "acme", person: str = "ana", *, solo: bool = False) -> Team:
        place = home(f"{name}-{person}")
        return Team.create(place, Vault.open(place), name, person, solo=solo, now=clock)

    return make


@pytest.fixture
def team(found: Callable[..., Team]) -> Team:
    return found()


@pytest.fixture
async def door(team: Team) -> AsyncIterator[Door]:
    door = Door(team)
    yield door
    await door.stop()


@pytest.fixture
def people(team: Team, door: Door, home: Callable[[str], Home]) -> People:
    return People(team, door, home)


@pytest.fixture
def no_blocking() -> Iterator[None]:
    """Calls of ours that would block the loop raise."""
    with blockbuster_ctx("devstream_desktop") as blocker:
        for function in blocker.functions.values():
            # PySide hooks every import, and looks at the file of each module that the standard
            # library loads late.
            function.can_block_in("shibokensupport/feature.py", {"_mod_uses_pyside"})
        yield
