"""Checks of a home's keys: whether its vault opens, and each secret in it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from devstream_desktop.control.check import Check
from devstream_desktop.control.messages.status import Status
from devstream_desktop.control.node_words import translated
from devstream_desktop.doctor.verdicts import ok, problem, warning
from devstream_desktop.home import Home
from devstream_desktop.keys import (
    DeviceKey,
    ExposedKeyError,
    KeyringError,
    SecretDamagedError,
    Vault,
    VaultError,
    VaultLockedError,
    key_file,
)
from devstream_desktop.language import _
from devstream_desktop.team import Standing, membership

KEYRING_S = 6.0
"""Seconds for a keyring. One that waits for a password counts as locked."""


def vault(home: Home, standing: Standing, status: Status | None) -> Iterator[Check]:
    """Check that the keys open, and each secret with them."""
    found, check = _opened(home, standing, status)
    yield check
    if found is not None:
        yield from _secrets(found)


def _opened(home: Home, standing: Standing, status: Status | None) -> tuple[Vault | None, Check]:
    """Open the vault where nobody holds it, and say how that is."""
    given = os.environ.get("DEVSTREAM_KEY_FILE")
    locked = _("locked: {reason}")
    if status is not None and status.locked:
        return None, problem(
            "keys",
            locked.format(reason=translated(status.locked)),
            _("unlock the keyring, and the node goes on by itself"),
        )
    try:
        # The node holds the keys; whether the next start can open them is another question.
        if given and status is not None:
            key_file.read(Path(given).expanduser())
        if status is not None:
            return None, ok("keys", _("open: the node holds them"))
        vault = Vault.look(home, timeout_s=KEYRING_S)
        device = DeviceKey.from_seed(vault.unseal(membership.DEVICE_KEY))
    except VaultLockedError as error:
        return None, problem(
            "keys",
            locked.format(reason=error),
            _("unlock the keyring, or set {variable} as the node has it").format(
                variable="DEVSTREAM_KEY_FILE"
            ),
        )
    except KeyringError as error:
        return None, problem(
            "keys",
            str(error),
            _("start the keyring, or set {variable} as the node has it").format(
                variable="DEVSTREAM_KEY_FILE"
            ),
        )
    except ExposedKeyError as error:
        path = shlex.quote(str(Path(given or home.root / "key").expanduser()))
        return None, problem("keys", str(error), f"chmod 600 {path}")
    except (VaultError, OSError, ValueError) as error:
        return None, problem(
            "keys",
            str(error),
            _restore_home(),
        )
    if device.id != standing.device:
        return None, problem(
            "keys",
            _("the device key is not the one the certificate is for"),
            _restore_home(),
        )
    if given:
        return vault, ok("keys", _("the key file {file} opens them").format(file=given))
    return vault, ok("keys", _("the keyring opens them"))


def _restore_home() -> str:
    return _(
        "restore the home with its key from a backup, or join again with a fresh --home and an"
        " invite that an admin makes: {command}"
    ).format(command="devstream team invite --for PERSON")


def _secrets(vault: Vault) -> Iterator[Check]:
    """Check that each sealed secret opens, once the device key does."""
    for name in vault.names():
        try:
            vault.unseal(name)
        except SecretDamagedError as error:
            yield _of_secret(name, error)
        except VaultError as error:
            yield problem("secrets", str(error), _restore(name))


def _restore(name: str) -> str:
    return _("restore {file} in the home from a backup, or remove it").format(
        file=f"secrets/{name}.sealed"
    )


def _of_secret(name: str, error: SecretDamagedError) -> Check:
    if name == membership.TLS:
        said = _(
            "the key of this device's certificate is damaged: the next start makes another, and"
            " asks for a new certificate"
        )
        return warning(
            "secrets",
            said,
            _("start the node; a device that issues certificates gives the new one"),
        )
    if name == membership.NEXT_TLS:
        said = _("the key of a renewal under way is damaged")
        return warning("secrets", said, _("nothing: the node asks for a certificate anew"))
    if name == membership.JOINING_KEY:
        return warning(
            "secrets",
            _("the key of a join that waits is damaged"),
            _("begin it again: {command}").format(command="devstream team join INVITE"),
        )
    kind, _dash, of = name.partition("-")
    if kind == "deploy":
        said = _("the secret {name} is damaged, so no target can be deployed with it").format(
            name=of
        )
        return problem("secrets", said, f"devstream secret set {of}")
    if kind == "outlet":
        said = _("the address of the outlet {name} is damaged, so nothing is posted there").format(
            name=of
        )
        again = _("{remove}, then add it again with its address: {add}").format(
            remove=f"devstream out remove {of}", add="devstream out add"
        )
        return problem("secrets", said, again)
    if kind == "carrier":
        said = _("the credentials of the carrier {name} are damaged, so it is not used").format(
            name=of
        )
        again = _("{remove}, then add it again with its credentials: {add}").format(
            remove=f"devstream carrier remove {of}", add="devstream carrier add"
        )
        return problem("secrets", said, again)
    if kind == "source":
        source = of.removesuffix("-token")
        said = _("the secret {name} is damaged, so the source {source} cannot be heard").format(
            name=name, source=source
        )
        again = _("{remove}, then add it again with its secret: {add}").format(
            remove=f"devstream source remove {source}", add="devstream source add"
        )
        return problem("secrets", said, again)
    return problem("secrets", str(error), _restore(name))
