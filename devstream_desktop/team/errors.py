"""What can go wrong with keys at rest and with membership; every message is a sentence for a person, and says what to do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from devstream_desktop import machine
from devstream_desktop.errors import DevstreamError


class VaultError(DevstreamError):
    """A secret cannot be sealed or unsealed."""


class SecretDamagedError(VaultError):
    """A sealed file that was changed, or sealed with another key."""


class KeyringError(VaultError):
    """The keyring that should hold the key that seals the others cannot be used: there is none, or it keeps nothing."""


class VaultLockedError(KeyringError):
    """The keyring is locked, or does not answer: out of reach until a person unlocks it."""


class TeamError(DevstreamError):
    """This home's team cannot be made, read or left."""


class NoTeamError(TeamError):
    """This home belongs to no team yet."""


class PolicyError(DevstreamError):
    """A policy that must not be taken, or a change that may not be made."""


class PolicyForkError(PolicyError):
    """Two policies of one version, both properly signed: an admin's key was used twice, or stolen."""


@contextlib.contextmanager
def written() -> Iterator[None]:
    """Turns a disk's refusal into a `TeamError`."""
    try:
        yield
    except OSError as error:
        raise TeamError(f"the team's files cannot be written ({machine.reason(error)}); nothing was changed") from error
