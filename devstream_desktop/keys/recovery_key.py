"""The key that a team keeps on paper.

An admin's key in letters that survive being written down and typed again.

    dsr1-base32( seed[32]  checksum[3] ), in groups of five; `checksum` is the start of the SHA-256
    of the seed

Whoever has the paper can make a member's device an admin, so it belongs where the company keeps
such things. It is shown once and stored nowhere; the policy holds its public half.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.keys.errors import RecoveryKeyError

_PREFIX = "dsr1-"
_CHECKSUM_BYTES = 3
_GROUP = 5


def write_recovery_key(key: DeviceKey) -> str:
    """Return the text for the paper, some 75 characters."""
    text = base64.b32encode(key.seed + _checksum(key.seed)).decode().rstrip("=").lower()
    return _PREFIX + "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


def read_recovery_key(text: str) -> DeviceKey:
    """Return the key of a typed text.

    Blanks, dashes and case do not matter, and 0, 1 and 8 are read as the letters that they look
    like.

    Raises:
        RecoveryKeyError: it is no recovery key, or mistyped.

    """
    typed = "".join(text.split()).lower()
    if not typed.startswith(_PREFIX):
        raise RecoveryKeyError(
            "a recovery key starts with dsr1-; it was printed by devstream team recovery-key"
        )
    # People read 0, 1 and 8 where letters were meant; base32 has none of them.
    body = typed[len(_PREFIX) :].replace("-", "").translate(str.maketrans("018", "olb"))
    try:
        # The padding is not on the paper.
        raw = base64.b32decode(body.upper() + "=" * (-len(body) % 8))
    except (binascii.Error, ValueError):
        raw = b""
    seed, checksum = raw[:-_CHECKSUM_BYTES], raw[-_CHECKSUM_BYTES:]
    # The checksum finds nearly every slip of the pen, before a key is taken for another.
    if len(seed) != 32 or _checksum(seed) != checksum:
        raise RecoveryKeyError(
            "the recovery key is mistyped: compare it with the paper, group by group"
        )
    return DeviceKey.from_seed(seed)


def _checksum(seed: bytes) -> bytes:
    return hashlib.sha256(seed).digest()[:_CHECKSUM_BYTES]
