"""The device that a replica belongs to: its id, its team, and its way to sign and verify."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from devstream_desktop.stream.entry import public_key


@dataclass(frozen=True)
class Identity:
    """One device of a team."""

    device: str
    """Its device id."""
    team: str
    """The team's id, which every signature covers."""
    sign: Callable[[bytes], bytes] = field(repr=False)
    """Ed25519 signature of a message by this device's key."""
    verify: Callable[[bytes, bytes, bytes], bool] = field(repr=False)
    """True where `(public key, message, signature)` belong together."""

    @property
    def key(self) -> bytes:
        """This device's public key, 32 bytes."""
        return public_key(self.device)
