from __future__ import annotations

import threading
import time

import pytest

from devstream_desktop.keys import key_file, os_keyring
from devstream_desktop.keys.errors import KeyringError, VaultError, VaultLockedError


class FakeStore:
    """A keyring in memory; the subclasses each have one fault seen in the field."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password


class Forgetful(FakeStore):
    def set_password(self, service: str, username: str, password: str) -> None:
        """As PYTHON_KEYRING_BACKEND=null."""


class Broken(FakeStore):
    def get_password(self, service: str, username: str) -> str | None:
        raise RuntimeError("prompt dismissed")


class Locked(FakeStore):
    def __init__(self) -> None:
        super().__init__()
        self.release = threading.Event()

    def get_password(self, service: str, username: str) -> str | None:
        self.release.wait(30)
        return None


def key_of(*stores: FakeStore, may_create: bool = True, timeout_s: float = 5) -> bytes:
    return os_keyring.sealing_key(
        "home", may_create=may_create, find_stores=lambda: stores, timeout_s=timeout_s
    )


def test_the_key_is_made_once() -> None:
    store = FakeStore()
    key = key_of(store)
    assert len(key) == 32
    assert key_of(store, may_create=False) == key
    assert len(store.entries) == 1


def test_a_key_in_a_second_keyring_is_found_before_one_is_made() -> None:
    first, second = FakeStore(), FakeStore()
    key = key_of(second)
    assert key_of(first, second) == key
    assert not first.entries


def test_a_keyring_that_keeps_nothing_is_noticed() -> None:
    with pytest.raises(KeyringError, match="did not give it back") as failed:
        key_of(Forgetful())
    assert not isinstance(failed.value, VaultLockedError), "waiting would be no use"


def test_a_lost_entry_is_not_replaced() -> None:
    with pytest.raises(VaultError, match="no longer holds"):
        key_of(FakeStore(), may_create=False)


def test_a_damaged_entry_is_said() -> None:
    store = FakeStore()
    store.set_password("devstream", "home", "garbage")
    with pytest.raises(VaultError, match="holds no key"):
        key_of(store)


def test_what_a_backend_raises_becomes_a_sentence() -> None:
    with pytest.raises(VaultLockedError, match=r"RuntimeError: prompt dismissed.*--allow-key-file"):
        key_of(Broken())


def test_a_locked_keyring_does_not_hang() -> None:
    store = Locked()
    begun = time.monotonic()
    try:
        with pytest.raises(VaultLockedError, match="probably locked"):
            key_of(store, timeout_s=0.2)
        assert time.monotonic() - begun < 5
    finally:
        store.release.set()


def test_a_key_travels_as_44_characters() -> None:
    # Windows' credential store is limited to 1,280 characters.
    assert len(key_file.encode(bytes(32))) == 44


def test_only_known_backends_are_ever_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
    assert os_keyring.stores() == []
