"""A real gnome-keyring under its own session bus: what a desktop does, without touching this user's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

MISSING = [name for name in ("dbus-daemon", "gnome-keyring-daemon") if shutil.which(name) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")

NODE = """
import sys
from pathlib import Path
from devstream_desktop.home import Home
from devstream_desktop.team import os_keyring
from devstream_desktop.team.vault import Vault, VaultLockedError
os_keyring.sealing_key.__kwdefaults__["timeout_s"] = float(sys.argv[3])
try:
    vault = Vault.open(Home(Path(sys.argv[1])))
except VaultLockedError as error:
    sys.exit(f"locked: {error}")
if sys.argv[2] == "seal":
    vault.seal("x", b"kept in a real keyring")
else:
    print(vault.unseal("x").decode())
"""

WAIT = """
import time
from jeepney import DBusAddress, new_method_call
from jeepney.io.blocking import open_dbus_connection
bus = open_dbus_connection()
daemon = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
for _ in range(200):
    if bus.send_and_get_reply(new_method_call(daemon, "NameHasOwner", "s", ("org.freedesktop.secrets",))).body[0]:
        break
    time.sleep(0.05)
else:
    raise SystemExit("no keyring came up")
"""


@pytest.fixture
def session(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a fresh session bus, with folders of its own."""
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY", "DEVSTREAM_KEY_FILE")}
    for name, folder in (("HOME", "home"), ("XDG_DATA_HOME", "data"), ("XDG_CONFIG_HOME", "config"), ("XDG_RUNTIME_DIR", "run")):
        (tmp_path / folder).mkdir(mode=0o700)
        environment[name] = str(tmp_path / folder)
    # No service files: nothing on this bus starts a second keyring by itself.
    config = tmp_path / "bus.conf"
    config.write_text(
        "<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><auth>EXTERNAL</auth>"
        '<policy context="default"><allow send_destination="*" eavesdrop="true"/>'
        '<allow eavesdrop="true"/><allow own="*"/></policy></busconfig>'
    )
    bus = subprocess.Popen(
        ["dbus-daemon", f"--config-file={config}", "--nofork", "--print-address=1"], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert bus.stdout is not None
    environment["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().strip()
    yield environment
    end(bus)
    bus.stdout.close()


def end(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)


def start_keyring(environment: dict[str, str], password: bytes | None) -> subprocess.Popen[bytes]:
    options = ["--unlock"] if password is not None else []
    daemon = subprocess.Popen(
        ["gnome-keyring-daemon", "--foreground", "--components=secrets", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    assert daemon.stdin is not None
    daemon.stdin.write(password or b"")
    daemon.stdin.close()
    return daemon


def node(environment: dict[str, str], home: Path, act: str, timeout_s: float = 15) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", NODE, str(home), act, str(timeout_s)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )


def wait_for_service(environment: dict[str, str]) -> None:
    subprocess.run([sys.executable, "-c", WAIT], env=environment, check=True, timeout=20)


def test_a_secret_survives_in_a_real_keyring_and_a_locked_one_is_said(session: dict[str, str], tmp_path: Path) -> None:
    home = tmp_path / "node"
    daemon = start_keyring(session, b"login password")
    try:
        wait_for_service(session)
        sealed = node(session, home, "seal")
        assert sealed.returncode == 0, sealed.stderr
        again = node(session, home, "read")
        assert (again.stdout.strip(), again.returncode) == ("kept in a real keyring", 0), again.stderr
        other = node(session, tmp_path / "other", "seal")
        assert other.returncode == 0, other.stderr
    finally:
        end(daemon)
    kept = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
    assert kept, "the keyring wrote nothing"

    # The same keyring after a login without a password: locked, and nobody there to answer its prompt.
    daemon = start_keyring(session, None)
    try:
        wait_for_service(session)
        locked = node(session, home, "read", timeout_s=3)
        assert locked.returncode == 1
        assert "locked:" in locked.stderr
        assert "DEVSTREAM_KEY_FILE" in locked.stderr
    finally:
        end(daemon)


def test_without_a_keyring_on_the_bus_the_way_out_is_said(session: dict[str, str], tmp_path: Path) -> None:
    result = node(session, tmp_path / "node", "seal")
    assert result.returncode == 1
    assert "no keyring is running here" in result.stderr
