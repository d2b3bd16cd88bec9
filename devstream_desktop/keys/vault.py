"""Secrets at rest.

Each a file sealed with AES-256-GCM under one key, which a keyring or a private file holds.

A sealed file is `magic, nonce[12], ciphertext and tag`; the name of the secret is authenticated
with it, so that one file cannot be put in the place of another. There is no plaintext fall-back.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from devstream_desktop import machine
from devstream_desktop.home import Home
from devstream_desktop.keys import key_file, os_keyring
from devstream_desktop.keys.errors import SecretDamagedError, VaultError
from devstream_desktop.language import _
from devstream_desktop.private_file import set_aside, write_private

_MAGIC = b"dss1"
_NONCE_BYTES = 12
_AAD = b"devstream/secret/1\0"
_SUFFIX = ".sealed"
_MAX_SEALED = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_CREDENTIAL = "devstream-key"


class SealedFiles:
    """The files of one home's secrets; no key is needed to forget one."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def names(self) -> list[str]:
        """Return the secrets there are."""
        return sorted(
            path.name.removesuffix(_SUFFIX) for path in self._home.secrets.glob(f"*{_SUFFIX}")
        )

    def exists(self, name: str) -> bool:
        """Return true when there is a secret `name`."""
        return self._path(name).exists()

    def remove(self, name: str) -> None:
        """Forget the secret `name`; nothing happens when there is none."""
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise VaultError(
                f"a secret cannot be called {name!r}; letters, digits, dots, dashes and "
                "underscores are allowed"
            )
        return self._home.secrets / (name + _SUFFIX)


class Vault(SealedFiles):
    """The sealed secrets of one home.

    Holds no open file and changes nothing of its own, so any thread may use it.
    """

    def __init__(self, home: Home, key: bytes) -> None:
        super().__init__(home)
        self._cipher = AESGCM(key)

    @classmethod
    def open(
        cls,
        home: Home,
        *,
        timeout_s: float | None = os_keyring.TIMEOUT_S,
        may_prompt: bool | None = None,
    ) -> Vault:
        """Return the vault of `home`, its key found or made.

        A keyring may ask a person, for `timeout_s` or however long: call it in a thread. Without a
        word on `may_prompt` it asks where somebody would see it.

        `DEVSTREAM_KEY_FILE` if set, else systemd's credential `devstream-key`, else the keyring.

        Raises:
            VaultLockedError: the keyring is locked; the message says what to do.
            VaultError: there is no keyring, the key file is open to others or broken, or the key of
                existing secrets is gone.

        """
        home.create()
        # A new key would make everything that is already sealed unreadable without a word.
        asks = os_keyring.can_ask() if may_prompt is None else may_prompt
        new = not cls.has_secrets(home)
        return cls(home, _find_key(home, may_create=new, timeout_s=timeout_s, may_prompt=asks))

    @staticmethod
    def has_secrets(home: Home) -> bool:
        """Return true when something is sealed in `home` already."""
        return next(home.secrets.rglob(f"*{_SUFFIX}"), None) is not None

    @classmethod
    def look(cls, home: Home, *, timeout_s: float) -> Vault:
        """Return the vault of `home` as it is, for an examination.

        Nothing is made, no prompt is shown, and nothing is waited for longer.

        Raises:
            VaultError: as `open`.

        """
        return cls(home, _find_key(home, may_create=False, timeout_s=timeout_s, may_prompt=False))

    @staticmethod
    def copy_key(home: Home, path: Path) -> None:
        """Write the key of `home` to a new private file.

        Raises:
            VaultError: there is no key, it is locked, or the file cannot be made.

        """
        key = _find_key(home, may_create=False, timeout_s=os_keyring.TIMEOUT_S)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(key_file.encode(key).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise VaultError(
                f"the key cannot be written to {path}: {machine.reason(error)}"
            ) from error

    def seal(self, name: str, content: bytes) -> None:
        """Keep `content` as the secret `name`, on disk when this returns.

        Raises:
            VaultError: it cannot be written.

        """
        path = self._path(name)
        # Fresh for each file: a nonce that is used twice gives the content away.
        nonce = os.urandom(_NONCE_BYTES)
        try:
            write_private(
                path, _MAGIC + nonce + self._cipher.encrypt(nonce, content, _AAD + name.encode())
            )
        except OSError as error:
            raise VaultError(
                f"the secret {name} cannot be written: {machine.reason(error)}"
            ) from error

    def unseal(self, name: str) -> bytes:
        """Return the secret `name`.

        Raises:
            SecretDamagedError: another key sealed it, or the file was changed.
            VaultError: there is none, or it cannot be read.

        """
        try:
            with self._path(name).open("rb") as file:
                sealed = file.read(_MAX_SEALED)
        except OSError as error:
            said = _("the secret {name} cannot be read: {reason}")
            raise VaultError(said.format(name=name, reason=machine.reason(error))) from error
        nonce, ciphertext = (
            sealed[len(_MAGIC) :][:_NONCE_BYTES],
            sealed[len(_MAGIC) + _NONCE_BYTES :],
        )
        # Cut off or overwritten: the cipher would say the same, but not what to do.
        if not sealed.startswith(_MAGIC) or len(nonce) != _NONCE_BYTES:
            said = _("the secret {name} is damaged; restore {path} from a backup")
            raise SecretDamagedError(said.format(name=name, path=self._path(name)))
        try:
            # The name is authenticated, so a file cannot stand in for another.
            return self._cipher.decrypt(nonce, ciphertext, _AAD + name.encode())
        except InvalidTag:
            said = _(
                "the secret {name} does not open: it was sealed with another key (another keyring"
                " or {variable}), or was changed; use that key, or restore {path} from a backup"
            ).format(name=name, variable="DEVSTREAM_KEY_FILE", path=self._path(name))
            raise SecretDamagedError(said) from None

    def set_damaged_aside(self, name: str) -> None:
        """Rename a secret that does not open, to make place for another."""
        set_aside(self._path(name))

    def set_aside(self, name: str, folder: str) -> None:
        """Move the sealed secret `name`, if any, into the sub-folder `folder`.

        Nothing reads it there.
        """
        path = self._path(name)
        if path.exists():
            aside = self._home.secrets / folder
            aside.mkdir(mode=0o700, exist_ok=True)
            path.replace(aside / path.name)


def _find_key(
    home: Home, *, may_create: bool, timeout_s: float | None, may_prompt: bool = True
) -> bytes:
    # What the operator names comes before what the system offers.
    given = os.environ.get("DEVSTREAM_KEY_FILE")
    if given:
        path = Path(given).expanduser()
        if path.exists():
            return key_file.read(path)
        # A new key would make everything sealed unreadable, without a word.
        if not may_create:
            raise VaultError(
                f"the key file {path} is gone, and this home's secrets are sealed; restore it, or "
                "start with a fresh --home"
            )
        return key_file.make(path)
    # systemd gives it to a service that has no keyring.
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if credentials and (Path(credentials) / _CREDENTIAL).exists():
        return key_file.read(Path(credentials) / _CREDENTIAL, trusted=True)
    return os_keyring.sealing_key(
        home.keyring_entry, may_create=may_create, timeout_s=timeout_s, may_prompt=may_prompt
    )
