"""The start of a membership: a founder's keys and first policy, a joiner's key."""

from __future__ import annotations

from devstream_desktop.keys import DeviceKey, SecretDamagedError, Vault
from devstream_desktop.stream.words import Role
from devstream_desktop.team.certificates import Authority, TlsKey, new_issuer
from devstream_desktop.team.membership import JOINING_KEY, Membership
from devstream_desktop.team.policy.chain import PolicyChain, sign_policy
from devstream_desktop.team.policy.names import machine_name
from devstream_desktop.team.policy.policy import LIFETIME_MS, Grant, Policy


def found(name: str, person: str, *, solo: bool, now_ms: int) -> Membership:
    """Found a team called `name` with one device.

    It is `person`'s, and may do everything but deploy.

    A `solo` team's person may deploy as well: there is nobody else who could grant it.

    Raises:
        PolicyError: a name is not allowed.

    """
    device, tls_key, machine = DeviceKey.generate(), TlsKey.generate(), machine_name()
    issuer = new_issuer(device.id, now_ms)
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
        issuers={device.id: issuer},
        collectors=me,
        executors=me,
        persons={device.id: person},
        machines={device.id: machine} if machine else {},
        # In a team of one nobody else could grant it.
        grants=(Grant(Role.DEPLOYER, person, "*/*"),) if solo else (),
    )
    return Membership(
        device,
        person,
        solo,
        PolicyChain(sign_policy(genesis, [device])),
        Authority.of(issuer, device).issue(device.id, tls_key.request(), now_ms),
        tls_key.pem,
    )


def joining_key(vault: Vault) -> DeviceKey:
    """Return the key of the join under way, or a new one.

    It is sealed before its use.

    Raises:
        VaultError: it cannot be sealed or opened.

    """
    # An admin may have approved this key already.
    if vault.exists(JOINING_KEY):
        try:
            return DeviceKey.from_seed(vault.unseal(JOINING_KEY))
        except (SecretDamagedError, ValueError):
            vault.set_damaged_aside(
                JOINING_KEY
            )  # nobody has let it in yet, so another does as well
    key = DeviceKey.generate()
    vault.seal(JOINING_KEY, key.seed)
    return key
