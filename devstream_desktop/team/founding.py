"""How a membership begins: a founder's keys and first policy, the key a joiner waits with, and the issuer's own next certificate."""

from __future__ import annotations

import dataclasses

from devstream_desktop.stream.words import Role
from devstream_desktop.team.certificates import Authority, TlsKey, certificate_pem, expiry_ms, key_pem
from devstream_desktop.team.chain import PolicyChain, sign_policy
from devstream_desktop.team.keys import DeviceKey
from devstream_desktop.team.membership import JOINING_KEY, Membership
from devstream_desktop.team.policy import LIFETIME_MS, Grant, Policy
from devstream_desktop.team.vault import Vault

_RENEW_MS = 15 * 86_400_000  # half a certificate's life


def found(name: str, person: str, *, solo: bool, now_ms: int) -> Membership:
    """A new team called `name` with one device, which is `person`'s and may do everything but deploy.

    A `solo` team's person may deploy as well: there is nobody else who could grant it.

    Raises:
        PolicyError: a name is not allowed.

    """
    device, authority, tls_key = DeviceKey.generate(), Authority.create(now_ms), TlsKey.generate()
    me = (device.id,)
    genesis = Policy(
        version=1,
        team="",
        name=name,
        prev="",
        issued=now_ms,
        expires=now_ms + LIFETIME_MS,
        admins=me,
        threshold=1,
        issuers=me,
        collectors=me,
        executors=me,
        persons={device.id: person},
        pins=(authority.pin.hex(),),
        grants=(Grant(Role.DEPLOYER, person, "*/*"),) if solo else (),
    )
    return Membership(
        device,
        person,
        solo,
        PolicyChain(sign_policy(genesis, [device])),
        certificate_pem(authority.certificate),
        authority.issue(device.id, tls_key.request(), now_ms),
        tls_key.pem,
        key_pem(authority.key).encode(),
    )


def joining_key(vault: Vault) -> DeviceKey:
    """The key of a join that is under way, or a new one, sealed before it is used.

    Raises:
        VaultError: it cannot be sealed or opened.

    """
    if vault.exists(JOINING_KEY):
        return DeviceKey.from_seed(vault.unseal(JOINING_KEY))
    key = DeviceKey.generate()
    vault.seal(JOINING_KEY, key.seed)
    return key


def renewed(member: Membership, now_ms: int) -> Membership | None:
    """The membership with a fresh certificate and key, when this is an issuer whose certificate ends soon; else None."""
    if member.ca_key_pem is None or expiry_ms(member.certificate_pem) - now_ms > _RENEW_MS:
        return None
    tls_key = TlsKey.generate()
    certificate = Authority.load(member.ca_pem, member.ca_key_pem).issue(member.device.id, tls_key.request(), now_ms)
    return dataclasses.replace(member, certificate_pem=certificate, tls_key_pem=tls_key.pem)
