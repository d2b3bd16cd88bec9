"""Failures of keys at rest; every message says what to do."""

from __future__ import annotations

from devstream_desktop.errors import DevstreamError


class VaultError(DevstreamError):
    """A secret cannot be sealed or unsealed."""


class SecretDamagedError(VaultError):
    """A sealed file that was changed, or sealed with another key."""


class ExposedKeyError(VaultError):
    """A key file that others can read; the message has the command that closes it."""


class KeyringError(VaultError):
    """No keyring can hold the sealing key: it is absent, or keeps nothing."""


class VaultLockedError(KeyringError):
    """A keyring that is locked, or silent, until a person unlocks it."""


class RecoveryKeyError(DevstreamError):
    """A typed text that is no recovery key."""
