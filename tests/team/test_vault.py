from __future__ import annotations

import base64
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.home import Home
from devstream_desktop.keys import key_file, os_keyring
from devstream_desktop.keys.errors import KeyringError, VaultError, VaultLockedError
from devstream_desktop.keys.vault import Vault

SECRET = b"the seed of a device key"


@pytest.fixture
def place(home: Callable[[str], Home]) -> Home:
    return home("node")


def test_a_secret_comes_back_after_a_restart_and_is_not_readable_on_disk(place: Home) -> None:
    Vault.open(place).seal("device-key", SECRET)
    assert Vault.open(place).unseal("device-key") == SECRET
    for path in place.root.rglob("*"):
        if path.is_file():
            assert SECRET not in path.read_bytes()
            assert path.stat().st_mode & 0o077 == 0


def test_exists_and_remove(place: Home) -> None:
    vault = Vault.open(place)
    assert not vault.exists("x")
    vault.seal("x", SECRET)
    assert vault.exists("x")
    vault.remove("x")
    vault.remove("x")
    assert not vault.exists("x")
    with pytest.raises(VaultError, match="cannot be read"):
        vault.unseal("x")


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "a\\b", "-x", "x" * 101, "ü", "a\n"]
)
def test_a_name_never_leaves_the_folder(place: Home, name: str) -> None:
    with pytest.raises(VaultError, match="cannot be called"):
        Vault.open(place).seal(name, SECRET)


def test_one_sealed_file_cannot_stand_in_for_another(place: Home) -> None:
    vault = Vault.open(place)
    vault.seal("a", SECRET)
    (place.secrets / "b.sealed").write_bytes((place.secrets / "a.sealed").read_bytes())
    with pytest.raises(VaultError, match="does not open"):
        vault.unseal("b")


def test_another_key_does_not_open_and_says_so(place: Home) -> None:
    Vault(place, bytes(32))
    place.create()
    Vault(place, bytes(32)).seal("a", SECRET)
    with pytest.raises(VaultError, match="another key"):
        Vault(place, b"\1" * 32).unseal("a")


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255), st.booleans())
def test_a_changed_or_cut_file_never_opens(
    tmp_path_factory: pytest.TempPathFactory, at: int, flip: int, cut: bool
) -> None:
    place = Home(tmp_path_factory.mktemp("vault"))
    place.create()
    vault = Vault(place, bytes(32))
    vault.seal("a", SECRET)
    path = place.secrets / "a.sealed"
    content = bytearray(path.read_bytes())
    at %= len(content)
    if cut:
        del content[at:]
    else:
        content[at] ^= flip
    path.write_bytes(bytes(content))
    with pytest.raises(VaultError):
        vault.unseal("a")


def test_the_key_file_is_made_private(place: Home, tmp_path: Path) -> None:
    Vault.open(place)
    path = tmp_path / "key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(base64.b64decode(path.read_bytes())) == 32
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".key")] == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_key_file_that_others_can_read_is_refused(place: Home, tmp_path: Path, mode: int) -> None:
    Vault.open(place)
    (tmp_path / "key").chmod(mode)
    with pytest.raises(VaultError, match="chmod 600"):
        Vault.open(place)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can give a file away")
def test_a_key_file_of_somebody_else_is_refused(place: Home, tmp_path: Path) -> None:
    Vault.open(place)
    os.chown(tmp_path / "key", 65534, -1)
    with pytest.raises(VaultError, match="belongs to another user"):
        Vault.open(place)


@pytest.mark.parametrize(
    "content",
    [b"", b"short", b"\0" * 31, b"not base64 at all, but long enough for one!!", b"A" * 60],
)
def test_a_key_file_without_a_key_is_refused(place: Home, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(VaultError, match="holds no key"):
        Vault.open(place)


def test_a_key_may_be_raw_bytes(place: Home, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(bytes(range(32)))
    (tmp_path / "key").chmod(0o400)
    Vault.open(place).seal("a", SECRET)
    assert Vault(place, bytes(range(32))).unseal("a") == SECRET


def test_a_lost_key_file_is_not_replaced_while_secrets_are_sealed_with_it(
    place: Home, tmp_path: Path
) -> None:
    Vault.open(place).seal("a", SECRET)
    (tmp_path / "key").unlink()
    with pytest.raises(VaultError, match="is gone"):
        Vault.open(place)
    assert not (tmp_path / "key").exists()


def test_nodes_that_start_together_agree_on_the_key(tmp_path: Path) -> None:
    keys: list[bytes] = []
    start = threading.Barrier(8)

    def make() -> None:
        start.wait()
        keys.append(key_file.make(tmp_path / "shared" / "key"))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1


def test_a_systemd_credential_is_used_without_a_key_file(
    place: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEVSTREAM_KEY_FILE")
    (tmp_path / "devstream-key").write_bytes(bytes(range(32)))
    (tmp_path / "devstream-key").chmod(0o440)  # systemd's access list shows as group bits
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    Vault.open(place).seal("a", SECRET)
    assert Vault(place, bytes(range(32))).unseal("a") == SECRET


def test_without_a_keyring_there_is_no_plaintext_but_a_way_out(
    place: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEVSTREAM_KEY_FILE")
    monkeypatch.setattr(os_keyring, "stores", list)
    with pytest.raises(KeyringError, match="--allow-key-file") as failed:
        Vault.open(place)
    assert not isinstance(failed.value, VaultLockedError), "waiting would be no use"
    assert list(place.secrets.iterdir()) == []


def test_set_aside_keeps_but_hides(place: Home) -> None:
    vault = Vault.open(place)
    vault.seal("a", SECRET)
    vault.set_aside("a", "left-x")
    vault.set_aside("missing", "left-x")
    assert not vault.exists("a")
    (place.secrets / "left-x" / "a.sealed").rename(place.secrets / "a.sealed")
    assert vault.unseal("a") == SECRET
