"""The fixtures of the desktop's tests: display, session bus, panel, node, and the real app."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType

os.environ["QT_QPA_PLATFORM"] = "offscreen"  # before any QApplication; the real desk gets xcb

import fake_data
import pytest
import story as story_module
from asked import Asked
from desk_toml import desk_toml
from panel import Panel
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog
from pytestqt.qtbot import QtBot
from running import HERE, DeskProcess, Node
from written import pushes, states, window, written

from devstream_desktop.desk.preferences import Preferences
from devstream_desktop.desk.store import OPENED, DeskStore
from devstream_desktop.home import Home
from devstream_desktop.stream.rules import DEFAULT, Attention, Rule
from devstream_desktop.stream.words import Kind

__all__ = ["pushes", "states", "window", "written"]


@pytest.fixture(autouse=True, scope="module")
def _collected_here() -> Iterator[None]:
    """As in the app, no thread but this one deletes objects of Qt, also those left behind."""
    gc.disable()
    yield
    gc.collect()
    gc.enable()


@pytest.fixture(autouse=True)
def _young_garbage_goes() -> Iterator[None]:
    yield
    gc.collect(1)


@pytest.fixture(scope="session")
def story() -> ModuleType:
    return story_module


@pytest.fixture(scope="session")
def fake() -> ModuleType:
    return fake_data


@pytest.fixture
def asked() -> Asked:
    """The questions of what the test has it listen to."""
    return Asked()


@pytest.fixture
def show(qtbot: QtBot, asked: Asked) -> Callable[[QDialog], QDialog]:
    """Shows a dialog, whose questions go to `asked`."""

    def make(dialog: QDialog) -> QDialog:
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)
        asked.listen(dialog)
        qtbot.addWidget(dialog)
        dialog.show()
        return dialog

    return make


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    """The name of an X display of our own."""
    read, write = os.pipe()
    server = subprocess.Popen(
        [
            "Xvfb",
            "-displayfd",
            str(write),
            "-screen",
            "0",
            "1280x800x24",
            "-nolisten",
            "tcp",
            "-noreset",
        ],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    # To the end of the line: a pipe closed between its two writes would end the server.
    with os.fdopen(read) as line:
        number = line.readline().strip()
    yield f":{number}"
    server.terminate()
    server.wait(5)


@pytest.fixture
def bus() -> Iterator[str]:
    """The address of a session bus of our own, on which nothing else is."""
    read, write = os.pipe()
    daemon = subprocess.Popen(
        [
            "dbus-daemon",
            f"--config-file={HERE / 'bus.conf'}",
            "--nofork",
            f"--print-address={write}",
        ],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as line:
        address = line.readline().strip()
    yield address
    daemon.terminate()
    daemon.wait(5)


@pytest.fixture
def panel(bus: str) -> Iterator[Panel]:
    """A panel and a notification server on the bus."""
    with Panel(bus) as panel:
        yield panel


@pytest.fixture
def bare_panel(bus: str) -> Iterator[Panel]:
    """A notification server, and no panel until `own_tray`."""
    with Panel(bus, tray=False) as panel:
        yield panel


COMMITS = Rule(name="Commits", then=Attention.POPUP, kind=(Kind.CHANGE,))
LOUD = Preferences(rules=(COMMITS, *DEFAULT))


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home with a runtime folder of its own, also for what the test starts.

    Its path is short, because a socket's path has 108 bytes.
    """
    with tempfile.TemporaryDirectory(prefix="desk-") as name:
        runtime, folder = Path(name) / "run", Path(name) / "home"
        runtime.mkdir(mode=0o700)
        folder.mkdir(mode=0o700)
        # The tests tell most of their news by commits, which are quiet by default.
        Home(folder).preferences.write_text(desk_toml(LOUD), encoding="utf-8")
        with DeskStore(Home(folder).desk) as store:
            store.set_note(OPENED, b"yes")
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
        yield folder


@pytest.fixture
def node(home: Path) -> Iterator[Node]:
    """A fake node that is not started yet."""
    node = Node(home)
    yield node
    node.stop()


class Desks:
    """Starts the real desk; call it with the command of its node, or with none to start no node."""

    def __init__(self, environment: dict[str, str], home: Path, logs: Path) -> None:
        self.environment = environment
        self._home = home
        self._logs = logs
        self._started: list[DeskProcess] = []

    def __call__(self, command: Sequence[str] = ()) -> DeskProcess:
        arguments = [sys.executable, str(HERE / "start_desk.py"), str(self._home), *command]
        with self._log(len(self._started)).open("wb") as log:
            process = subprocess.Popen(arguments, env=self.environment, stderr=log, text=True)
        self._started.append(self.hand(process))
        return self._started[-1]

    def hand(self, process: subprocess.Popen[str]) -> DeskProcess:
        """A hand at a desk that the test started by itself."""
        return DeskProcess(process, self.environment)

    def end(self) -> None:
        """End all; none may have had a traceback."""
        for place, desk in enumerate(self._started):
            if desk.process.poll() is None:
                desk.process.terminate()
                try:
                    desk.process.wait(5)
                except subprocess.TimeoutExpired:
                    desk.process.kill()
                    desk.process.wait(5)
            said = self._log(place).read_text(errors="replace")
            assert "Traceback" not in said, said

    def _log(self, place: int) -> Path:
        return self._logs / f"desk{place}.log"


@pytest.fixture
def start_desk(bus: str, display: str, home: Path, tmp_path: Path) -> Iterator[Desks]:
    """A starter of real desks on the bus and the display."""
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("QT_", "XDG_", "WAYLAND_"))
    }
    env |= {
        "DISPLAY": display,
        "DBUS_SESSION_BUS_ADDRESS": bus,
        "XDG_RUNTIME_DIR": str(home.parent / "run"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "QT_QPA_PLATFORM": "xcb",
        "NO_AT_BRIDGE": "1",
        "LC_ALL": "C.UTF-8",
    }

    desks = Desks(env, home, tmp_path)
    yield desks
    desks.end()
