"""A real gnome-keyring under its own session bus.

What a desktop does, without touching this user's.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from devstream_desktop.keys import os_keyring
from devstream_desktop.keys.errors import VaultLockedError

pytestmark = pytest.mark.process

NODE = """
import sys
from pathlib import Path
from devstream_desktop.home import Home
from devstream_desktop.keys.errors import VaultLockedError
from devstream_desktop.keys.vault import Vault
try:
    vault = Vault.open(Home(Path(sys.argv[1])), timeout_s=float(sys.argv[3]))
except VaultLockedError as error:
    sys.exit(f"locked: {error}")
if sys.argv[2] == "seal":
    vault.seal("x", b"kept in a real keyring")
else:
    print(vault.unseal("x").decode())
"""


def node(
    environment: dict[str, str], home: Path, act: str, timeout_s: float = 15
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", NODE, str(home), act, str(timeout_s)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )


def test_a_secret_survives_in_a_real_keyring_and_a_locked_one_is_said(
    keyring, tmp_path: Path
) -> None:
    home = tmp_path / "node"
    keyring.start()
    sealed = node(keyring.environment, home, "seal")
    assert sealed.returncode == 0, sealed.stderr
    again = node(keyring.environment, home, "read")
    assert (again.stdout.strip(), again.returncode) == ("kept in a real keyring", 0), again.stderr
    other = node(keyring.environment, tmp_path / "other", "seal")
    assert other.returncode == 0, other.stderr
    keyring.end()
    kept = b"".join(path.read_bytes() for path in keyring.data.rglob("*") if path.is_file())
    assert kept, "the keyring wrote nothing"

    # The same keyring after a login without a password: locked, and nobody there to answer its
    # prompt.
    keyring.start(locked=True)
    locked = node(keyring.environment, home, "read", timeout_s=3)
    assert locked.returncode == 1
    assert "locked:" in locked.stderr
    assert "sealed with the key that it holds" in locked.stderr


def test_whether_it_is_locked_is_seen_without_a_prompt(
    keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", keyring.address)
    assert os_keyring.is_locked() is None, "there is no keyring yet"
    keyring.start()
    assert os_keyring.is_locked() is False
    keyring.lock()
    assert os_keyring.is_locked() is True
    with pytest.raises(VaultLockedError, match="not open"):
        os_keyring.sealing_key("x", may_create=False, timeout_s=5, may_prompt=False)
    keyring.unlock()
    assert os_keyring.is_locked() is False


def test_without_a_keyring_on_the_bus_the_way_out_is_said(keyring, tmp_path: Path) -> None:
    result = node(keyring.environment, tmp_path / "node", "seal")
    assert result.returncode == 1
    assert "no keyring is running here" in result.stderr
