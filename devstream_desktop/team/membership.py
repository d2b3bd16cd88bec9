"""A home's membership on disk: who this node is, in which team, with which keys.

team/team.json         person, and true for a team of one that was founded without asking; written
                       last, so it marks the rest whole
team/policy.msgpack    the chain of signed policies; an issuer's authority is in it, its key sealed
                       to the device
team/certificate.pem   a copy of the certificate, to look at while the vault is locked
team/doors.json        where issuers let people in and renew certificates
secrets/               sealed: device-key (seed), tls (key and certificate, PEM, in one file so that
                       they always fit), tls-next (key and request) while a renewal is under way,
                       and joining-key while a join is
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from devstream_desktop import machine
from devstream_desktop.clock import now_ms
from devstream_desktop.home import Home
from devstream_desktop.keys import DeviceKey, SecretDamagedError, Vault
from devstream_desktop.private_file import read_kept, write_private
from devstream_desktop.private_file import set_aside as set_file_aside
from devstream_desktop.team import certificates
from devstream_desktop.team.certificates import TlsKey
from devstream_desktop.team.errors import NoTeamError, TeamError, written
from devstream_desktop.team.policy.chain import PolicyChain
from devstream_desktop.team_file import TeamFile, read_team_file

DEVICE_KEY = "device-key"
JOINING_KEY = "joining-key"
TLS = "tls"
NEXT_TLS = "tls-next"
MAX_WORKED, MAX_TOLD = 4, 8
"""Addresses remembered of one issuer: those at which it answered, and those that were named."""

_FILES = (
    "team.json",
    "policy.msgpack",
    "policy.msgpack.before",
    "certificate.pem",
    "doors.json",
    "invites.json",
)
_CERTIFICATE = "-----BEGIN CERTIFICATE-----"


class _Doors(msgspec.Struct, frozen=True):
    """One issuer's addresses, the latest first."""

    worked: tuple[str, ...] = ()
    told: tuple[str, ...] = ()

    def with_more(self, where: tuple[str, ...], *, worked: bool) -> _Doors:
        """Return these with others, without the oldest of too many."""
        good = tuple(dict.fromkeys((*where[:worked], *self.worked)))[:MAX_WORKED]
        told = [one for one in dict.fromkeys((*where, *self.told)) if one not in good]
        return _Doors(good, tuple(told[:MAX_TOLD]))


@dataclass(frozen=True)
class Membership:
    """Everything that a node needs to be its team's member."""

    device: DeviceKey
    person: str
    solo: bool
    chain: PolicyChain
    certificate_pem: str
    tls_key_pem: str
    peers: tuple[str, ...] = ()


def policy_path(home: Home) -> Path:
    """Return the file of the chain of policies."""
    return home.team / "policy.msgpack"


def invites_path(home: Home) -> Path:
    """Return the file of the open invites."""
    return home.team / "invites.json"


def person_of(home: Home) -> str:
    """Return the person whose home this is.

    Raises:
        NoTeamError, TeamError: as `load`.

    """
    return _marker(home).person


def check_there(home: Home) -> None:
    """Go on only with a home that is in a team; no key is needed for that.

    Raises:
        NoTeamError: it is in none.

    """
    if not (home.team / "team.json").exists():
        raise _no_team()


def is_solo(home: Home) -> bool:
    """Return true for the team that a first start founds by itself.

    Raises:
        NoTeamError, TeamError: as `load`.

    """
    return _marker(home).solo


def doors(home: Home) -> dict[str, tuple[str, ...]]:
    """Return the known addresses (HOST:PORT) of issuers, those that worked first."""
    return {
        device: tuple(dict.fromkeys((*known.worked, *known.told)))
        for device, known in _doors(home).items()
    }


def note_doors(home: Home, found: Mapping[str, Sequence[str]], *, worked: bool = False) -> None:
    """Remember where issuers are met now; with `worked` each answered at its first address.

    Earlier places stay: the latest word may be wrong, or right in another network only, and hides
    no place that worked.

    Raises:
        OSError: the disk is full.

    """
    before = _doors(home)
    noted = before | {
        device: before.get(device, _Doors()).with_more(
            # A text is a sequence of texts as well.
            (where,) if isinstance(where, str) else tuple(where),
            worked=worked,
        )
        for device, where in found.items()
        if where
    }
    if noted != before:
        write_private(home.team / "doors.json", msgspec.json.encode(noted), durable=False)


def _doors(home: Home) -> dict[str, _Doors]:
    kept = read_kept(home.team / "doors.json", dict[str, str | tuple[str, ...] | _Doors]) or {}
    return {
        device: known
        if isinstance(known, _Doors)
        # As earlier versions wrote it.
        else _Doors(told=(known,) if isinstance(known, str) else known)
        for device, known in kept.items()
    }


def save_tls(home: Home, vault: Vault, certificate_pem: str, key_pem: str) -> None:
    """Keep a certificate with its key.

    Raises:
        TeamError: the disk is full.
        VaultError: they cannot be sealed.

    """
    vault.seal(TLS, (key_pem + certificate_pem).encode())
    with written():
        write_private(home.team / "certificate.pem", certificate_pem.encode())


def save(home: Home, vault: Vault, membership: Membership) -> None:
    """Keep a new membership, whole or not at all.

    Raises:
        TeamError: the disk is full.
        VaultError: a key cannot be sealed.

    """
    vault.seal(DEVICE_KEY, membership.device.seed)
    save_tls(home, vault, membership.certificate_pem, membership.tls_key_pem)
    try:
        # The marker is last: without it nothing of this is a membership.
        membership.chain.save(policy_path(home))
        marker = TeamFile(1, membership.person, membership.solo, membership.peers)
        write_private(home.team / "team.json", msgspec.json.encode(marker))
    except OSError as error:
        raise TeamError(
            f"the team cannot be written to {home.team}: {machine.reason(error)}"
        ) from error


def load(home: Home, vault: Vault) -> Membership:
    """Return the membership of a home.

    What cannot be read and is known from elsewhere is set aside and written anew.

    Raises:
        NoTeamError: there is none.
        TeamError: a file is gone or broken.
        PolicyError: not even the first policy can be read.
        VaultError: a key does not open.

    """
    # Without the marker a home is in no team.
    if not (home.team / "team.json").exists():
        _marker(home)  # says how to get one
    device, chain = (
        DeviceKey.from_seed(vault.unseal(DEVICE_KEY)),
        PolicyChain.load(policy_path(home)),
    )
    marker = _marker_or_anew(home, chain, device.id)
    # What cannot be read is kept aside for a person, and written anew from what can.
    if chain.trouble:
        set_file_aside(policy_path(home))
        with written():
            chain.save(policy_path(home))
    certificate_pem, tls_key_pem = _tls(home, vault, device, chain)
    return Membership(
        device, marker.person, marker.solo, chain, certificate_pem, tls_key_pem, marker.peers
    )


def own_certificate(vault: Vault) -> tuple[str, str]:
    """Return this device's certificate and its key, PEM. Blocks.

    Raises:
        VaultError: they do not open.

    """
    key_pem, mark, certificate = vault.unseal(TLS).decode().partition(_CERTIFICATE)
    return mark + certificate, key_pem


def check_vacant(home: Home) -> str | None:
    """Return the id of the solo team that may be replaced; None for none.

    Raises:
        TeamError: the home is in a team that was chosen, or that others are in.

    """
    try:
        marker = _marker(home)
    except NoTeamError:
        return None
    chain = PolicyChain.load(policy_path(home))
    # A team that somebody chose, or that others are in, is never replaced.
    if not marker.solo or len(chain.current.persons) > 1:
        raise TeamError(
            f"this home is in the team {chain.current.name} already; devstream team leave ends"
            " that, or choose another with --home"
        )
    return chain.team


def set_aside(home: Home, vault: Vault, label: str) -> None:
    """Move a membership into folders called `label`.

    Nothing reads it there, and nothing is lost.

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
        for secret in (DEVICE_KEY, TLS, NEXT_TLS):
            vault.set_aside(secret, label)
    except OSError as error:
        raise TeamError(
            f"the old team cannot be set aside in {aside}: {machine.reason(error)}"
        ) from error


def _tls(home: Home, vault: Vault, device: DeviceKey, chain: PolicyChain) -> tuple[str, str]:
    """Certificate and key.

    Where they do not open, though the device key did, others last until an issuer gives better
    ones.
    """
    try:
        if vault.exists(TLS):
            key_pem, mark, certificate = vault.unseal(TLS).decode().partition(_CERTIFICATE)
            if TlsKey(key_pem).fits(mark + certificate):
                _keep_copy(home, mark + certificate)
                return mark + certificate, key_pem
    except (SecretDamagedError, ValueError, TypeError):
        pass  # neither sealed nor PEM
    vault.set_damaged_aside(TLS)
    key = TlsKey.generate()
    pem = certificates.stopgap(chain.current, device, key, now_ms())
    save_tls(home, vault, pem, key.pem)
    return pem, key.pem


def _keep_copy(home: Home, certificate_pem: str) -> None:
    """Keep a copy of the certificate outside the vault."""
    path, content = home.team / "certificate.pem", certificate_pem.encode()
    with written():
        if not path.exists() or path.read_bytes() != content:
            write_private(path, content)


def _marker_or_anew(home: Home, chain: PolicyChain, device: str) -> TeamFile:
    """Return the marker; where it cannot be read, one of what the policy says of this device."""
    try:
        return _marker(home)
    except NoTeamError:
        raise
    except TeamError:
        person = chain.current.persons.get(device)
        if person is None:
            raise
    marker = TeamFile(1, person, solo=False)
    set_file_aside(home.team / "team.json")
    with written():
        write_private(home.team / "team.json", msgspec.json.encode(marker))
    return marker


def _no_team() -> NoTeamError:
    return NoTeamError(
        "this home is in no team yet: devstream team create NAME --person YOU, or devstream "
        "team join INVITE --person YOU"
    )


def _marker(home: Home) -> TeamFile:
    try:
        return read_team_file(home)
    except FileNotFoundError:
        raise _no_team() from None
    except (OSError, ValueError, RecursionError) as error:
        raise TeamError(
            f"{home.team / 'team.json'} cannot be read ({error}); restore it from a backup, or"
            " join again with a fresh --home"
        ) from error
