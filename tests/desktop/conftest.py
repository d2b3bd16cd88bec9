"""The fixtures of the desktop's tests: display, session bus, panel, node, and the real app."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"  # before any QApplication; the real desk gets xcb

import msgspec
import pynng
import pytest
from PySide6.QtCore import Qt

HERE = Path(__file__).parent


def _load(name: str):
    spec = importlib.util.spec_from_file_location(f"desktop_tests_{name}", HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


story_module = _load("story")
shell_module = _load("shell")
fake_node_module = _load("fake_node")
asked_module = _load("asked")
written_module = _load("written")
written, window, column, pushes = (
    written_module.written,
    written_module.window,
    written_module.column,
    written_module.pushes,
)


@pytest.fixture(scope="session")
def story():
    return story_module


@pytest.fixture(scope="session")
def fake():
    return fake_node_module


@pytest.fixture
def asked():
    """The questions of what the test has it listen to."""
    return asked_module.Asked()


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
def shell(bus):
    """A panel and a notification server on the bus."""
    with shell_module.Shell(bus) as shell:
        yield shell


@pytest.fixture
def bare_shell(bus):
    """A notification server, and no panel until `own_tray`."""
    with shell_module.Shell(bus, tray=False) as shell:
        yield shell


class Node:
    """The test's hand on a fake node."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def command(self) -> list[str]:
        return [sys.executable, str(HERE / "fake_node.py"), str(self.home)]

    def start(self) -> None:
        self.process = subprocess.Popen(self.command)
        self.order()
        assert self.process.poll() is None

    def order(self, **orders):
        """Have the node do something; what it was asked so far comes back."""
        message = msgspec.msgpack.encode(fake_node_module.Orders(**orders))
        with pynng.Req0(
            send_timeout=8_000, recv_timeout=8_000, reconnect_time_min=20, reconnect_time_max=50
        ) as socket:
            socket.dial(f"ipc://{self.home / 'fake'}", block=False)
            socket.send(message)
            if "exit" in orders:
                time.sleep(0.1)  # nng sends in its own time, and nothing answers
                return None
            return msgspec.msgpack.decode(socket.recv(), type=fake_node_module.Had)

    def add(self, *events, age: int = 0):
        from devstream_desktop.stream.event import encode_event

        return self.order(events=[encode_event(event) for event in events], age=age)

    def requests(self, kind: type) -> list:
        from devstream_desktop.control.wire import decode_request

        return [
            request
            for data in self.order().requests
            if isinstance(request := decode_request(data), kind)
        ]

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(5)


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


class DeskProcess:
    """A running desk."""

    def __init__(self, process: subprocess.Popen[str], env: dict[str, str]) -> None:
        self.process, self.env = process, env

    def xdo(self, *arguments: str) -> str:
        return subprocess.run(
            ["xdotool", *arguments],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=15,
            check=False,
        ).stdout.strip()

    def wait_window(self, title: str, timeout: float = 8) -> str:
        """The id of a window that is shown, by a pattern for its title."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            found = self.windows(title)
            if found:
                return found[0]
            time.sleep(0.05)
        raise AssertionError(f"no window {title!r}")

    def press(self, window: str, *keys: str) -> None:
        self.xdo("windowfocus", "--sync", window)
        self.xdo("key", *keys)

    def windows(self, title: str) -> list[str]:
        return self.xdo("search", "--onlyvisible", "--name", title).split()

    def end(self, number: int = signal.SIGTERM, timeout: float = 5) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout)


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
