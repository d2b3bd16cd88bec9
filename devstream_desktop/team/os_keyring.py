"""The one entry in the desktop's keyring: the key that seals everything else.

One entry, because macOS asks once an item and Windows limits its size. Backends are an allowlist tried by us, not keyring's own
choice: that takes a plaintext file silently when `keyrings.alt` is installed, and a null backend says yes and keeps nothing.
A locked keyring may wait for a person forever, so every call runs in a thread that can be abandoned.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Protocol

from devstream_desktop.team import key_file
from devstream_desktop.team.errors import VaultError, VaultLockedError

SERVICE = "devstream"
TIMEOUT_S = 20.0
"""How long a keyring may take: enough to type a password into its prompt, short enough to say what is wrong."""

_LINUX = (("SecretService", "Keyring"), ("libsecret", "Keyring"), ("kwallet", "DBusKeyring"), ("kwallet", "DBusKeyringKWallet4"))
_ALLOWED = {"darwin": (("macOS", "Keyring"),), "win32": (("Windows", "WinVaultKeyring"),)}.get(sys.platform, _LINUX)
_WAY_OUT = "set DEVSTREAM_KEY_FILE to a file that only you can read, and the key is kept there instead"


class Store(Protocol):
    """The part of a keyring backend that is used."""

    def get_password(self, service: str, username: str) -> str | None:
        """The entry, or None."""

    def set_password(self, service: str, username: str, password: str) -> None:
        """Make or replace the entry."""


def sealing_key(
    username: str, *, may_create: bool, find_stores: Callable[[], Sequence[Store]] | None = None, timeout_s: float = TIMEOUT_S
) -> bytes:
    """The 32-byte key kept under `username`, made when there is none and `may_create`.

    Raises:
        VaultLockedError: no keyring, a locked one, or no answer in `timeout_s`; the message says what to do.
        VaultError: the entry is gone though secrets are sealed with it, or is not a key, or the keyring lost what it took.

    """
    result: Future[bytes] = Future()

    def work() -> None:
        try:
            result.set_result(_find_or_make((find_stores or stores)(), username, may_create=may_create))
        except BaseException as error:  # noqa: BLE001  # backends raise what their D-Bus library raises; it is carried to the caller
            result.set_exception(error)

    # Not an executor: its threads are joined at exit, and this one may never return.
    threading.Thread(target=work, name="keyring", daemon=True).start()
    try:
        return result.result(timeout_s)
    except VaultError:
        raise
    except TimeoutError:
        message = f"the keyring did not answer in {timeout_s:.0f} s; it is probably locked: unlock it and start again, or {_WAY_OUT}"
        raise VaultLockedError(message) from None
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        raise VaultLockedError(f"the keyring cannot be used ({reason}); unlock it and start again, or {_WAY_OUT}") from error


def stores() -> list[Store]:
    """The allowed backends that work here, best first."""
    found: list[tuple[float, Store]] = []
    for module, name in _ALLOWED:
        backend = getattr(importlib.import_module(f"keyring.backends.{module}"), name)
        if not backend.viable:
            continue
        store = backend()
        if module == "Windows":
            store.persist = "local machine"  # the default roams with the profile to other machines
        found.append((float(backend.priority), store))
    return [store for _, store in sorted(found, key=lambda pair: -pair[0])]


def _find_or_make(available: Sequence[Store], username: str, *, may_create: bool) -> bytes:
    if not available:
        raise VaultLockedError(f"no keyring is running here; {_WAY_OUT}")
    for store in available:
        kept = store.get_password(SERVICE, username)
        if kept is not None:
            return key_file.decode(kept.encode(), "the keyring's devstream entry")
    if not may_create:
        raise VaultError(
            "the keyring no longer holds the key that seals this home's secrets; "
            "restore the keyring, or start with a fresh --home and join the team again"
        )
    key = os.urandom(key_file.KEY_BYTES)
    text = key_file.encode(key)
    available[0].set_password(SERVICE, username, text)
    if available[0].get_password(SERVICE, username) != text:
        raise VaultLockedError(f"the keyring took the key and did not give it back; {_WAY_OUT}")
    return key
