"""A home's membership on disk: who this node is, in which team, with which keys.

team/team.json         person, and whether this is a team of one that was made without asking; written last, so it marks the rest whole
team/policy.msgpack    the chain of signed policies
team/ca.pem, certificate.pem
secrets/               device-key (seed), tls-key and ca-key (PEM), sealed; joining-key while a join is under way
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from devstream_desktop.home import Home, write_private
from devstream_desktop.team.chain import PolicyChain
from devstream_desktop.team.errors import NoTeamError, TeamError
from devstream_desktop.team.keys import DeviceKey
from devstream_desktop.team.vault import Vault

DEVICE_KEY = "device-key"
JOINING_KEY = "joining-key"
TLS_KEY = "tls-key"
CA_KEY = "ca-key"

_FILES = ("team.json", "policy.msgpack", "ca.pem", "certificate.pem", "invites.json")


class _Marker(msgspec.Struct, frozen=True):
    format: int
    person: str
    solo: bool
    peers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Membership:
    """Everything that a node needs to be its team's member."""

    device: DeviceKey
    person: str
    solo: bool
    chain: PolicyChain
    ca_pem: str
    certificate_pem: str
    tls_key_pem: str
    ca_key_pem: bytes | None
    """The key of the team's authority, on an issuer."""
    peers: tuple[str, ...] = ()


def policy_path(home: Home) -> Path:
    """Where the chain of policies is."""
    return home.team / "policy.msgpack"


def invites_path(home: Home) -> Path:
    """Where the open invites are."""
    return home.team / "invites.json"


def person_of(home: Home) -> str:
    """Whose home this is.

    Raises:
        NoTeamError, TeamError: as `load`.

    """
    return _marker(home).person


def save(home: Home, vault: Vault, membership: Membership) -> None:
    """Keep a new membership, whole or not at all.

    Raises:
        TeamError: the disk is full.
        VaultError: a key cannot be sealed.

    """
    vault.seal(DEVICE_KEY, membership.device.seed)
    vault.seal(TLS_KEY, membership.tls_key_pem.encode())
    if membership.ca_key_pem is None:
        vault.remove(CA_KEY)
    else:
        vault.seal(CA_KEY, membership.ca_key_pem)
    try:
        write_private(home.team / "ca.pem", membership.ca_pem.encode())
        write_private(home.team / "certificate.pem", membership.certificate_pem.encode())
        membership.chain.save(policy_path(home))
        marker = _Marker(1, membership.person, membership.solo, membership.peers)
        write_private(home.team / "team.json", msgspec.json.encode(marker))
    except OSError as error:
        raise TeamError(f"the team cannot be written to {home.team}: {error.strerror or error}") from error


def load(home: Home, vault: Vault) -> Membership:
    """The membership of a home.

    Raises:
        NoTeamError: there is none.
        TeamError: a file is gone or broken.
        PolicyError: the chain of policies is broken.
        VaultError: a key does not open.

    """
    marker = _marker(home)
    try:
        ca_pem = (home.team / "ca.pem").read_text("ascii")
        certificate_pem = (home.team / "certificate.pem").read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise TeamError(f"the team's certificates in {home.team} cannot be read ({error}); restore the folder, or join again") from error
    return Membership(
        DeviceKey.from_seed(vault.unseal(DEVICE_KEY)),
        marker.person,
        marker.solo,
        PolicyChain.load(policy_path(home)),
        ca_pem,
        certificate_pem,
        vault.unseal(TLS_KEY).decode(),
        vault.unseal(CA_KEY) if vault.exists(CA_KEY) else None,
        marker.peers,
    )


def check_vacant(home: Home) -> str | None:
    """The id of the team of one that a new membership may replace; None when there is no team.

    Raises:
        TeamError: the home is in a team that was chosen, or that others are in.

    """
    try:
        marker = _marker(home)
    except NoTeamError:
        return None
    chain = PolicyChain.load(policy_path(home))
    if not marker.solo or len(chain.current.persons) > 1:
        raise TeamError(f"this home is in the team {chain.current.name} already; choose another with --home")
    return chain.team


def set_aside(home: Home, vault: Vault, label: str) -> None:
    """Move a membership into folders called `label`, where nothing reads it and nothing is lost.

    Raises:
        TeamError: the disk refuses.

    """
    aside = home.team / label
    try:
        aside.mkdir(mode=0o700, exist_ok=True)
        # The marker goes first: without it the rest is no membership.
        for name in _FILES:
            path = home.team / name
            if path.exists():
                path.replace(aside / name)
        for secret in (DEVICE_KEY, TLS_KEY, CA_KEY):
            vault.set_aside(secret, label)
    except OSError as error:
        raise TeamError(f"the old team cannot be set aside in {aside}: {error.strerror or error}") from error


def _marker(home: Home) -> _Marker:
    path = home.team / "team.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Marker)
    except FileNotFoundError:
        raise NoTeamError(
            "this home is in no team yet: devstream team create NAME --person YOU, or devstream team join INVITE --person YOU"
        ) from None
    except (OSError, msgspec.DecodeError) as error:
        raise TeamError(f"{path} cannot be read ({error}); restore it from a backup, or join again with a fresh --home") from error
