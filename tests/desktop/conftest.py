"""The fixtures of the desktop's tests: display, session bus, panel, node, and the real app."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"  # before any QApplication; the real desk gets xcb

import fake_data
import pytest
import story as story_module
from asked import Asked
from panel import Panel
from PySide6.QtCore import Qt
from running import HERE, DeskProcess, Node
from written import column, pushes, window, written

__all__ = ["column", "pushes", "window", "written"]


@pytest.fixture(scope="session")
def story():
    return story_module


@pytest.fixture(scope="session")
def fake():
    return fake_data


@pytest.fixture
def asked():
    """The questions of what the test has it listen to."""
    return Asked()


@pytest.fixture
def show(qtbot, asked):
    """Shows a dialog, whose questions go to `asked`."""

    def make(dialog):
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)
        asked.listen(dialog)
        qtbot.addWidget(dialog)
        dialog.show()
        return dialog

    return make


@pytest.fixture(scope="session")
def display():
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
def bus():
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
def panel(bus):
    """A panel and a notification server on the bus."""
    with Panel(bus) as panel:
        yield panel


@pytest.fixture
def bare_panel(bus):
    """A notification server, and no panel until `own_tray`."""
    with Panel(bus, tray=False) as panel:
        yield panel


@pytest.fixture
def home(monkeypatch):
    """A home with a runtime folder of its own, also for what the test starts.

    Its path is short, because a socket's path has 108 bytes.
    """
    with tempfile.TemporaryDirectory(prefix="desk-") as name:
        runtime, folder = Path(name) / "run", Path(name) / "home"
        runtime.mkdir(mode=0o700)
        folder.mkdir(mode=0o700)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
        yield folder


@pytest.fixture
def node(home):
    """A fake node that is not started yet."""
    node = Node(home)
    yield node
    node.stop()


@pytest.fixture
def start_desk(bus, display, home, tmp_path):
    """Starts the real desk; call it with the command of its node, or with none to start no node."""
    started: list[DeskProcess] = []
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

    def start(command: list[str] | None = None) -> DeskProcess:
        arguments = [sys.executable, str(HERE / "start_desk.py"), str(home), *(command or [])]
        log = (tmp_path / f"desk{len(started)}.log").open("wb")
        desk = DeskProcess(subprocess.Popen(arguments, env=env, stderr=log, text=True), env)
        log.close()
        started.append(desk)
        return desk

    start.environment = env
    start.hand = lambda process: DeskProcess(process, env)
    yield start
    for place, desk in enumerate(started):
        if desk.process.poll() is None:
            desk.process.terminate()
            try:
                desk.process.wait(5)
            except subprocess.TimeoutExpired:
                desk.process.kill()
                desk.process.wait(5)
        said = (tmp_path / f"desk{place}.log").read_text(errors="replace")
        assert "Traceback" not in said, said
