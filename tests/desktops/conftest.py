"""The fixtures: a team of two real nodes, a desktop, and the real desk of one of the two on it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from desktop_bus import DesktopBus
from desktop_session import Session
from known_desktops import ALL
from panel import Panel
from real_desk import Desk, Team
from real_member import Member
from shell import Shell

from devstream_desktop.control.client import Client
from devstream_desktop.control.messages.members import Grant, Invite
from devstream_desktop.control.messages.stream import Emit, SetDuty
from devstream_desktop.desk.store import OPENED, DeskStore

CHOSEN = os.environ.get("DESKTOPS", "weston").split()
PICTURES = Path("build/desktops")
OTHER = """
from PySide6.QtWidgets import QApplication, QLabel
application = QApplication([])
window = QLabel("a window")
window.setWindowTitle("another")
window.show()
application.exec()
"""
DEPLOY = """#!/bin/sh
for try in $(seq 300); do [ -e {released} ] && exit; sleep 0.1; done
exit 1
"""
LOOPBACK = '[mesh]\nlisten = "127.0.0.1:0"\ndiscovery = false\n'


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "session" in metafunc.fixturenames:
        metafunc.parametrize("session", CHOSEN, indirect=True, scope="module")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what needs popups where the desktop has no notification server."""
    items[:] = [one for one in items if not one.get_closest_marker("popups") or _has_popups(one)]


def _has_popups(item: pytest.Item) -> bool:
    return ALL[item.callspec.params["session"]].has_popups  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def team() -> Iterator[Team]:
    """Two nodes that are connected; the path is short, because a socket's has 108 bytes."""
    with tempfile.TemporaryDirectory(prefix="desks-") as name, ExitStack() as ends:
        ana, bo = Member(Path(name), "ana"), Member(Path(name), "bo")
        ana.run("team", "create", "acme", "--person", "ana")
        ana.home.settings.write_text(LOOPBACK)
        with DeskStore(ana.home.desk) as store:
            store.set_note(OPENED, b"yes")
        bo.home.root.mkdir(mode=0o700, exist_ok=True)
        script = bo.folder / "deploy.sh"
        script.write_text(DEPLOY.format(released=bo.folder / "released"))
        script.chmod(0o700)
        bo.home.targets.write_text(f'[target.shop.staging]\nrun = ["{script}"]\n')
        ends.enter_context(ana.node())
        with Client(ana.home.control_url()) as client:
            invite = client.ask(Invite(pre_approved=True)).text
            bo.run("team", "join", invite, "--person", "bo")
            for role, pattern in (("collector", ""), ("executor", ""), ("deployer", "shop/*")):
                client.ask(Grant(person="bo", role=role, pattern=pattern))
        ends.enter_context(bo.node())
        yield Team(ana, bo)


@pytest.fixture(scope="module")
def session(request: pytest.FixtureRequest) -> Iterator[Session]:
    kind = ALL[request.param]
    if missing := kind.missing():
        pytest.skip(f"{kind.name} is not installed here ({missing}); `make test-desktops` does it")
    with tempfile.TemporaryDirectory(prefix="desktop-") as name:
        one = kind(Path(name) / "s")
        Path(name).chmod(0o755)
        try:
            one.begin()
            yield one
        finally:
            one.end()


@pytest.fixture(scope="module")
def bus(session: Session) -> Iterator[DesktopBus]:
    """The desktop's bus; where the desktop has no popups, a server of ours answers on it."""
    with Shell(session.bus) if session.has_popups else Panel(session.bus, tray=False) as bus:
        yield bus


@pytest.fixture
def sit(
    session: Session, bus: DesktopBus, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[[Member], Desk]]:
    """Starts a member's desk; each is ended with the test, and none may have had a traceback."""
    log = tmp_path / "desk.log"
    started: list[Desk] = []

    def start(member: Member) -> Desk:
        started.append(Desk(session, bus, member, log))
        return started[-1]

    yield start
    PICTURES.mkdir(parents=True, exist_ok=True)
    # Without its parameter: ImageMagick takes brackets for a part of a picture.
    test = request.function.__name__.removeprefix("test_")
    session.picture((PICTURES / f"{session.name}-{test}.png").absolute())
    for one in started:
        one.end()
    assert not started or "Traceback" not in log.read_text(errors="replace")


@pytest.fixture
def desk(session: Session, bus: DesktopBus, team: Team, sit: Callable[[Member], Desk]) -> Desk:
    """ana's desk, on duty, that shows itself: its icon, or its window where there is no tray."""
    with Client(team.ana.home.control_url()) as client:
        client.ask(SetDuty(on=True))
    one = sit(team.ana)
    if session.has_tray:
        bus.wait_item(20)
        bus.wait(lambda: "on duty" in bus.tooltip, "the tooltip does not say who is on duty", 20)
    else:
        one.wait_window("devstream · acme")
    return one


@pytest.fixture
def released(team: Team) -> Iterator[Path]:
    """A file for which the deploys of bo's node wait."""
    file = team.bo.folder / "released"
    yield file
    file.unlink(missing_ok=True)


@pytest.fixture
def alone() -> Iterator[Member]:
    """Somebody whose home is new."""
    with tempfile.TemporaryDirectory(prefix="alone-") as name:
        eva = Member(Path(name), "eva")
        eva.home.root.mkdir(mode=0o700)
        eva.home.settings.write_text(LOOPBACK)
        yield eva


@pytest.fixture
def unique(request: pytest.FixtureRequest) -> str:
    """A service that no other test speaks of."""
    return f"shop{zlib.crc32(request.node.nodeid.encode())}"


@pytest.fixture
def fires(team: Team, unique: str) -> Callable[[str], None]:
    """Has a critical alert with this title fire at bo's node."""

    def fire(title: str) -> None:
        team.tell(
            Emit(
                kind="incident", state="firing", service=unique, environment="production",
                title=title, severity="critical", subject=f"incident/{unique}/{title}",
            )
        )  # fmt: skip

    return fire


@pytest.fixture
def another(session: Session, team: Team) -> Iterator[Callable[[], None]]:
    """Shows the window of another program."""
    started: list[subprocess.Popen[bytes]] = []

    def show() -> None:
        environment = team.ana.environment | session.for_programs
        started.append(subprocess.Popen([sys.executable, "-c", OTHER], env=environment))

    yield show
    for one in started:
        one.terminate()
        one.wait(10)
