"""Shared by all rooms.

A short runtime folder, because a socket's path has 108 bytes and a test's own folder is long; a
real keyring.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("house", deadline=None)  # a busy machine is no failure
settings.load_profile("house")

if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    # Under nohup each node that a test starts would ignore the signal to read its files again.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

_started: list[str] = []
"""The processes that were started since the last test."""


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    # `subprocess` does it by `posix_spawn` from Python 3.13 on.
    if event in ("subprocess.Popen", "os.posix_spawn"):
        # `platform` and `ctypes.util` ask these once a process; that is no part of a test.
        if arguments[0] not in ("uname", "/sbin/ldconfig"):
            _started.append(f"{arguments[0]!r}")
    elif event in ("os.fork", "os.forkpty"):
        _started.append(event)


sys.addaudithook(_audit)


_MINUTES = (
    "tests/year/",
    "tests/hosts/",
    "tests/simulation/test_convergence.py",
    "tests/simulation/test_overlay_at_scale.py",
    "tests/simulation/test_mutants.py",
    "tests/simulation/test_liars.py",
    "tests/trust/test_mutants.py",
    "tests/node/test_one_home.py",
    "tests/node/test_trust.py",
)
"""Files that take minutes, and rooms of them."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes minutes, so that none of it is left to one worker at the end.

    Tests of several processes may starve beside others, so they are tried once more; those inside
    one process never.
    """
    # Last of the hooks, because another one puts the files in a random order.
    items.sort(key=lambda item: not item.nodeid.startswith(_MINUTES))
    for item in items:
        if any(item.get_closest_marker(mark) for mark in ("process", "hosts")):
            item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_runtest_logstart() -> None:
    """Forget what ended fixtures of the test before started."""
    _started.clear()


@pytest.fixture(autouse=True)
def _marked(request: pytest.FixtureRequest) -> Iterator[None]:
    """Hold that `make quick`, which goes by the marks, starts no process."""
    yield
    marks = ("process", "desktop", "hosts")
    if _started and not any(request.node.get_closest_marker(mark) for mark in marks):
        pytest.fail(f"it starts a process, so it needs the mark `process`: {_started[0]}")


SECRETS = "org.freedesktop.secrets"
LOGIN = "/org/freedesktop/secrets/collection/login"
PASSWORD = b"login password"


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty private folder, which is `XDG_RUNTIME_DIR` while the test lasts.

    It looks for sockets where its nodes make them.
    """
    with tempfile.TemporaryDirectory(prefix="ds-") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder)


class Keyring:
    """A real gnome-keyring on a session bus of the test's, without touching this user's.

    Nobody is there to answer its prompts.
    """

    def __init__(self, folder: Path, address: str) -> None:
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("DISPLAY", "WAYLAND_DISPLAY", "DEVSTREAM_KEY_FILE")
        }
        self.data = folder / "data"
        for name in ("home", "data", "config", "run"):
            (folder / name).mkdir(mode=0o700, parents=True)
            self.environment[
                "HOME"
                if name == "home"
                else f"XDG_{name.upper()}_{'DIR' if name == 'run' else 'HOME'}"
            ] = str(folder / name)
        self.environment["XDG_RUNTIME_DIR"] = str(folder / "run")
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = self.address = address
        self._daemon: subprocess.Popen[bytes] | None = None

    def start(self, *, locked: bool = False) -> None:
        """As a login does; `locked` is one without a password."""
        self._daemon = subprocess.Popen(
            [
                "gnome-keyring-daemon",
                "--foreground",
                "--components=secrets",
                *([] if locked else ["--unlock"]),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self.environment,
        )
        assert self._daemon.stdin is not None
        self._daemon.stdin.write(b"" if locked else PASSWORD)
        self._daemon.stdin.close()
        for _ in range(200):
            if self._call(
                "/org/freedesktop/DBus",
                "org.freedesktop.DBus",
                "NameHasOwner",
                "s",
                (SECRETS,),
                to="org.freedesktop.DBus",
            )[0]:
                return
            time.sleep(0.05)
        pytest.fail("no keyring came up")

    def lock(self) -> None:
        """As a screen lock may do."""
        self._service("Lock", "ao", ([LOGIN],))

    def unlock(self) -> None:
        """As somebody does in another program."""
        from jeepney import DBusAddress, new_method_call
        from jeepney.io.blocking import open_dbus_connection

        with open_dbus_connection(self.address) as bus:
            service = DBusAddress(
                "/org/freedesktop/secrets", SECRETS, "org.freedesktop.Secret.Service"
            )
            session = bus.send_and_get_reply(
                new_method_call(service, "OpenSession", "sv", ("plain", ("s", "")))
            ).body[1]
            inner = service.with_interface(
                "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface"
            )
            secret = (session, b"", PASSWORD, "text/plain")
            bus.send_and_get_reply(
                new_method_call(inner, "UnlockWithMasterPassword", "o(oayays)", (LOGIN, secret))
            )

    @contextmanager
    def open_prompt(self) -> Iterator[None]:
        """Prompts are on the screen meanwhile, and nobody enters anything."""
        from jeepney import DBusAddress, new_method_call
        from jeepney.io.blocking import open_dbus_connection

        with open_dbus_connection(self.address) as bus:
            names = DBusAddress(
                "/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus"
            )
            bus.send_and_get_reply(
                new_method_call(names, "RequestName", "su", ("org.gnome.keyring.SystemPrompter", 0))
            )
            yield

    def end(self) -> None:
        """As a logout does."""
        if self._daemon is not None:
            self._daemon.terminate()
            try:
                self._daemon.wait(5)
            except subprocess.TimeoutExpired:
                self._daemon.kill()
                self._daemon.wait(5)
            self._daemon = None

    def _service(self, method: str, signature: str, body: tuple[object, ...]) -> tuple[object, ...]:
        return self._call(
            "/org/freedesktop/secrets", "org.freedesktop.Secret.Service", method, signature, body
        )

    def _call(
        self,
        path: str,
        interface: str,
        method: str,
        signature: str,
        body: tuple[object, ...],
        *,
        to: str = SECRETS,
    ) -> tuple[object, ...]:
        from jeepney import DBusAddress, new_method_call
        from jeepney.io.blocking import open_dbus_connection

        with open_dbus_connection(self.address) as bus:
            return bus.send_and_get_reply(
                new_method_call(DBusAddress(path, to, interface), method, signature, body)
            ).body


@pytest.fixture
def keyring_on(tmp_path: Path) -> Iterator[Callable[[str], Keyring]]:
    """Makes a keyring, not started yet, on the session bus at an address."""
    if shutil.which("gnome-keyring-daemon") is None:
        pytest.skip("not installed: gnome-keyring-daemon")
    made: list[Keyring] = []

    def make(address: str) -> Keyring:
        made.append(Keyring(tmp_path / f"keyring{len(made)}", address))
        return made[-1]

    yield make
    for keyring in made:
        keyring.end()


@pytest.fixture
def keyring(keyring_on: Callable[[str], Keyring], tmp_path: Path) -> Iterator[Keyring]:
    """A keyring, not started yet, on a session bus of its own."""
    if shutil.which("dbus-daemon") is None:
        pytest.skip("not installed: dbus-daemon")
    # No service files: nothing on this bus starts a second keyring by itself.
    config = tmp_path / "bus.conf"
    config.write_text(
        "<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><auth>EXTERNAL</auth>"
        '<policy context="default"><allow send_destination="*" eavesdrop="true"/>'
        '<allow eavesdrop="true"/><allow own="*"/></policy></busconfig>'
    )
    bus = subprocess.Popen(
        ["dbus-daemon", f"--config-file={config}", "--nofork", "--print-address=1"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert bus.stdout is not None
    yield keyring_on(bus.stdout.readline().strip())
    bus.terminate()
    bus.wait(5)
    bus.stdout.close()
