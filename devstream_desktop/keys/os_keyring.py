"""The one entry in the desktop's keyring: the key that seals everything else.

One entry, because macOS asks once an item and Windows limits its size. Backends are an allowlist
tried by us, not keyring's own choice: that takes a plaintext file silently when `keyrings.alt` is
installed, and a null backend says yes and keeps nothing. Reading from a locked keyring shows its
password prompt and waits for a person forever, so every call runs in a thread that can be
abandoned; whether it is locked can be seen without a prompt (`is_locked`). Where nobody would see
the prompt (ssh, no display), a keyring that is not open already is not asked (`can_ask`).
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import closing
from typing import TYPE_CHECKING, Protocol, TypeVar

from devstream_desktop.keys import key_file
from devstream_desktop.keys.errors import KeyringError, VaultError, VaultLockedError
from devstream_desktop.language import N_, _

if TYPE_CHECKING:
    from jeepney.io.blocking import DBusConnection

SERVICE = "devstream"
UNSEEN = N_("the keyring is not open, and nobody would see its prompt here (no display, or ssh)")
TIMEOUT_S = 20.0
"""Seconds that a keyring may take.

Enough to type a password into its prompt, short enough to report what is wrong.
"""

_LINUX = (
    ("SecretService", "Keyring"),
    ("libsecret", "Keyring"),
    ("kwallet", "DBusKeyring"),
    ("kwallet", "DBusKeyringKWallet4"),
)
_ALLOWED = {"darwin": (("macOS", "Keyring"),), "win32": (("Windows", "WinVaultKeyring"),)}.get(
    sys.platform, _LINUX
)
_KWALLETS = ("kwalletd6", "kwalletd5")
_SEALED = N_("this home's secrets are sealed with the key that it holds")
_NEW = N_("start with --allow-key-file, and the key is kept in a file that only you can read")
_OR_NEW = N_("or start with --allow-key-file, and the key is kept in a file that only you can read")


_T = TypeVar("_T")


class Store(Protocol):
    """The part of a keyring backend that is used."""

    def get_password(self, service: str, username: str) -> str | None:
        """Return the entry, or None."""

    def set_password(self, service: str, username: str, password: str) -> None:
        """Make or replace the entry."""


def sealing_key(
    username: str,
    *,
    may_create: bool,
    find_stores: Callable[[], Sequence[Store]] | None = None,
    timeout_s: float | None = TIMEOUT_S,
    may_prompt: bool = True,
) -> bytes:
    """Return the 32-byte key kept under `username`.

    It is made when there is none and `may_create`.

    Without a `timeout_s` it takes as long as a person takes to unlock the keyring. Without
    `may_prompt` only a keyring that is open already is asked.

    Raises:
        VaultLockedError: the keyring is locked or gave no answer in `timeout_s`; the message says
            what to do.
        KeyringError: there is no keyring, or it lost what it took.
        VaultError: the entry is gone though secrets are sealed with it, or is not a key.

    """
    # A file could not hold the key of what is sealed already.
    way_out = _(_OR_NEW) if may_create else _(_SEALED)

    def work() -> bytes:
        available = (find_stores or stores)()
        if not available:
            if may_create:
                absent = _("no keyring is running here")
                raise KeyringError(f"{absent}; {_(_NEW)}")
            # Which of the two has it cannot be told from here.
            gone = _(
                "no keyring is running here, and this home's secrets are sealed with a key that is"
                " not in it; start the keyring that has it, or the node of the service that has it,"
                " or set {variable} where a file has it; where it is lost, join again with a fresh"
                " --home and --allow-key-file"
            )
            raise KeyringError(gone.format(variable="DEVSTREAM_KEY_FILE"))
        # Reading it would show its prompt. Where a look says nothing, nor can ssh show one: macOS
        # refuses there by itself.
        if not may_prompt and _ALLOWED is _LINUX and is_locked() is not False:
            unlock = _("{reason}: unlock it on the desktop").format(reason=_(UNSEEN))
            raise VaultLockedError(f"{unlock}; {way_out}")
        return _find_or_make(available, username, may_create=may_create)

    try:
        # Without a time-out the caller has a thread of its own, and a person all the time.
        return work() if timeout_s is None else abandonable(work).result(timeout_s)
    except VaultError:
        raise
    except TimeoutError:
        silent = _(
            "the keyring did not answer in {seconds} s; it is probably locked: unlock it and start"
            " again"
        ).format(seconds=f"{timeout_s:.0f}")
        raise VaultLockedError(f"{silent}; {way_out}") from None
    except Exception as error:  # backends raise what their D-Bus library raises
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        closed = _("the keyring was not opened ({reason}); unlock it").format(reason=reason)
        raise VaultLockedError(f"{closed}; {way_out}") from error


def can_ask() -> bool:
    """Return true where a person would see the keyring's prompt."""
    # It would come up on the machine's own screen, not where the person sits.
    if os.environ.get("SSH_CONNECTION") or os.environ.get("SSH_TTY"):
        return False
    if _ALLOWED is not _LINUX:
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def abandonable(work: Callable[[], _T]) -> Future[_T]:
    """Do `work` in a thread that may never end.

    Unlike an executor's, it is not waited for when the process ends.
    """
    result: Future[_T] = Future()
    result.set_running_or_notify_cancel()

    def run() -> None:
        try:
            done = work()
        except BaseException as error:  # noqa: BLE001  # it is carried to whoever asks for the result
            result.set_exception(error)
        else:
            result.set_result(done)

    # A daemon: a prompt that nobody answers must not keep the process alive.
    threading.Thread(target=run, name="keyring", daemon=True).start()
    return result


def is_locked() -> bool | None:
    """Look whether the desktop's keyring is locked, without a prompt.

    None where that cannot be known: only the Secret Service and KWallet can tell.

    A bus that is stuck holds it up, so call it as `abandonable`.
    """
    # macOS and Windows do not say it without a prompt.
    if _ALLOWED is not _LINUX:
        return None
    import secretstorage  # installed on Linux only

    try:
        with closing(secretstorage.dbus_init()) as bus:
            try:
                return secretstorage.Collection(bus).is_locked()
            except Exception:  # noqa: BLE001 - no service, or no keyring yet
                return _kwallet_is_locked(bus)
    except Exception:  # noqa: BLE001 - no bus: whatever D-Bus raises, it cannot be told
        return None


def _kwallet_is_locked(bus: DBusConnection) -> bool | None:
    """Ask KWallet, whose `isOpen` shows no prompt (org.kde.KWallet.xml of KWallet)."""
    from jeepney import DBusAddress, MessageType, new_method_call

    names = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
    for service in _KWALLETS:
        bus_name = f"org.kde.{service}"
        # One that does not run has no wallet open, and asking would start it.
        if not bus.send_and_get_reply(
            new_method_call(names, "NameHasOwner", "s", (bus_name,))
        ).body[0]:
            continue
        daemon = DBusAddress(f"/modules/{service}", bus_name, "org.kde.KWallet")
        wallet = bus.send_and_get_reply(new_method_call(daemon, "networkWallet")).body[0]
        reply = bus.send_and_get_reply(new_method_call(daemon, "isOpen", "s", (wallet,)))
        if reply.header.message_type is MessageType.method_return:
            return not reply.body[0]
    return None


def stores() -> list[Store]:
    """Return the allowed backends that work here, best first."""
    found: list[tuple[float, Store]] = []
    for module, name in _ALLOWED:
        backend = getattr(importlib.import_module(f"keyring.backends.{module}"), name)
        # Installed, but without its service here.
        if not backend.viable:
            continue
        store = backend()
        if module == "Windows":
            store.persist = "local machine"  # the default roams with the profile to other machines
        found.append((float(backend.priority), store))
    return [store for _, store in sorted(found, key=lambda pair: -pair[0])]


def _find_or_make(available: Sequence[Store], username: str, *, may_create: bool) -> bytes:
    for store in available:
        kept = store.get_password(SERVICE, username)
        if kept is not None:
            return key_file.decode(kept.encode(), _("the keyring's devstream entry"))
    if not may_create:
        raise VaultError(
            _(
                "the keyring no longer holds the key that seals this home's secrets; restore the"
                " keyring, or start with a fresh --home and join the team again"
            )
        )
    key = os.urandom(key_file.KEY_BYTES)
    text = key_file.encode(key)
    available[0].set_password(SERVICE, username, text)
    if available[0].get_password(SERVICE, username) != text:
        taken = _("the keyring took the key and did not give it back")
        raise KeyringError(f"{taken}; {_(_NEW)}")
    return key
