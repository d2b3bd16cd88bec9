"""Device keys: the Ed25519 key that a device is known by, and signs everything with.

A device id is the base32 of the public key, so a signature is checked with the id alone. libsodium
(PyNaCl) is used, because it refuses signatures under the small-order keys that verify anything.
"""

from __future__ import annotations

from functools import cached_property

from nacl.bindings import crypto_core_ed25519_is_valid_point
from nacl.exceptions import CryptoError
from nacl.public import SealedBox
from nacl.signing import SigningKey, VerifyKey

from devstream_desktop.stream.entry import KEY_BYTES, SIGNATURE_BYTES, device_id


class DeviceKey:
    """The private key of one device; never printed."""

    def __init__(self, seed: bytes) -> None:
        if len(seed) != KEY_BYTES:
            raise ValueError(f"a device key has {KEY_BYTES} bytes")
        self._key = SigningKey(seed)

    @classmethod
    def generate(cls) -> DeviceKey:
        """Return a new key from the system's randomness."""
        return cls(bytes(SigningKey.generate()))

    @classmethod
    def from_seed(cls, seed: bytes) -> DeviceKey:
        """Return the key of a stored 32-byte seed.

        Raises:
            ValueError: the seed has another length.

        """
        return cls(seed)

    @property
    def seed(self) -> bytes:
        """The 32 secret bytes; only the vault should ask for them."""
        return bytes(self._key)

    @cached_property
    def public(self) -> bytes:
        """The 32-byte public key."""
        return bytes(self._key.verify_key)

    @cached_property
    def id(self) -> str:
        """The device id: 52 lower-case base32 characters."""
        return device_id(self.public)

    def sign(self, message: bytes) -> bytes:
        """Sign `message`, which should start with a typed preamble: 64 bytes of Ed25519."""
        return self._key.sign(message).signature

    def unseal(self, sealed: bytes) -> bytes:
        """Open content that `seal_for` sealed to this device.

        Raises:
            ValueError: it was sealed to another, or was changed.

        """
        try:
            # The same key in its form for encryption, so that a device has one key only.
            return SealedBox(self._key.to_curve25519_private_key()).decrypt(sealed)
        except CryptoError as error:
            raise ValueError("sealed to another device, or changed") from error

    def __repr__(self) -> str:
        return f"DeviceKey({self.id[:8]})"


def seal_for(public: bytes, content: bytes) -> bytes:
    """`content` for the eyes of one device alone.

    Libsodium's sealed box to the X25519 form of its Ed25519 key.

    Raises:
        ValueError: `public` is no sound key.

    """
    try:
        return SealedBox(VerifyKey(public).to_curve25519_public_key()).encrypt(content)
    except CryptoError as error:
        raise ValueError("not a sound device key") from error


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Return true when `signature` over `message` is by the key `public`.

    Never raises: nonsense is simply not a signature.
    """
    # libsodium raises on other sizes, and a peer may send any.
    if len(public) != KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        # Whatever a peer sends, the answer is yes or no and never a failure of the node.
        VerifyKey(public).verify(message, signature)
    except (CryptoError, ValueError, TypeError):
        return False
    return True


def is_sound(public: bytes) -> bool:
    """Return true for a key that may be enrolled: a canonical point of the main subgroup.

    A small-order key would let its holder later deny, or let anyone claim, what was signed with it.
    """
    return len(public) == KEY_BYTES and bool(crypto_core_ed25519_is_valid_point(public))
