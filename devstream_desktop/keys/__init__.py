"""The keys of this device: what they sign, and where they rest sealed.

Other rooms import the names below and no module of this room.
"""

from devstream_desktop.keys import key_file, os_keyring
from devstream_desktop.keys.device_key import DeviceKey, is_sound, seal_for, verify
from devstream_desktop.keys.errors import (
    ExposedKeyError,
    KeyringError,
    RecoveryKeyError,
    SecretDamagedError,
    VaultError,
    VaultLockedError,
)
from devstream_desktop.keys.recovery_key import read_recovery_key, write_recovery_key
from devstream_desktop.keys.vault import SealedFiles, Vault

__all__ = [
    "DeviceKey",
    "ExposedKeyError",
    "KeyringError",
    "RecoveryKeyError",
    "SealedFiles",
    "SecretDamagedError",
    "Vault",
    "VaultError",
    "VaultLockedError",
    "is_sound",
    "key_file",
    "os_keyring",
    "read_recovery_key",
    "seal_for",
    "verify",
    "write_recovery_key",
]
