"""Credentials that targets name, in the sealed store of the executor.

A sealed secret is a file of its own, so a command may change one while a node runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home
from devstream_desktop.keys import SealedFiles, Vault, VaultError

NAME = re.compile(r"(?!DEVSTREAM_)[A-Za-z_][A-Za-z0-9_]{0,63}")
"""A name that is also one of an environment variable."""
MAX_BYTES = 16 * 1024
_PREFIX = "deploy-"
"""Prefix in the vault: a target can name no other secret there."""


class SecretError(DevstreamError):
    """A secret cannot be set or removed; the message says why and what to do."""


def check_secret(name: str, value: bytes) -> None:
    """Refuse what can be no secret.

    Raises:
        SecretError: the sentence says why.

    """
    if not NAME.fullmatch(name):
        raise SecretError(
            "the name of a secret has letters, digits and _, does not start with a digit or "
            "DEVSTREAM_, and is up to 64 characters long: FORGE_TOKEN"
        )
    if not value:
        raise SecretError(f"{name} would be empty, so nothing was changed; give its value")
    if b"\0" in value or len(value) > MAX_BYTES:
        raise SecretError(
            f"{name} is no text of up to {MAX_BYTES // 1024} KB, so nothing was changed"
        )


def set_secret(vault: Vault, name: str, value: bytes) -> None:
    """Keep `value` as the secret `name`. Blocks.

    Raises:
        SecretError, VaultError: each says what to do.

    """
    check_secret(name, value)
    vault.seal(_PREFIX + name, value)


def secret_names(home: Home) -> list[str]:
    """Return the names of the secrets that are set; it opens no key."""
    found = (path.name for path in home.secrets.glob(f"{_PREFIX}*.sealed"))
    return sorted(name.removeprefix(_PREFIX).removesuffix(".sealed") for name in found)


def remove_secret(home: Home, name: str) -> None:
    """Forget the secret `name`.

    Raises:
        SecretError: there is none.
    """
    if name not in secret_names(home):
        raise SecretError(f"there is no secret {name}; see devstream secret list")
    SealedFiles(home).remove(_PREFIX + name)


def reader(vault: Vault) -> Callable[[str], str | None]:
    """Return a function that reads a secret by name; None where there is none that opens."""

    def read(name: str) -> str | None:
        if not NAME.fullmatch(name) or not vault.exists(_PREFIX + name):
            return None
        try:
            return vault.unseal(_PREFIX + name).decode("utf-8", "surrogateescape")
        except VaultError:
            return None

    return read
