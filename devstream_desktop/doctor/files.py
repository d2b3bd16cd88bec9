"""Checks of `devstream doctor` for small databases and sealed secrets."""

from __future__ import annotations

from collections.abc import Iterator

from devstream_desktop import sqlite_file
from devstream_desktop.control.check import Check
from devstream_desktop.deploy import database
from devstream_desktop.doctor.checks import ok, problem, warning
from devstream_desktop.home import Home
from devstream_desktop.intake import store
from devstream_desktop.keys import SecretDamagedError, Vault, VaultError
from devstream_desktop.language import _
from devstream_desktop.team import membership


def databases(home: Home) -> Iterator[Check]:
    """Check the executor's and the collector's databases."""
    aside = sqlite_file.asides(home.deploy)
    if aside:
        yield problem(
            "deploys",
            database.lost(aside[-1]),
            _("remove {file} when nothing of it runs any more").format(file=aside[-1]),
        )
    elif damage := sqlite_file.damage(home.deploy, database.VERSION, database.TABLES):
        yield problem(
            "deploys",
            _(
                "{file} is damaged ({damage}): the next start sets it aside, and deploys nothing"
                " until you have removed that file"
            ).format(file=home.deploy.name, damage=damage),
            _(
                "see that nothing still runs of what was deployed from here ({folder}), then start"
                " the node"
            ).format(folder=home.root / "deploy-logs"),
        )
    elif home.deploy.exists():
        yield ok("deploys", _("{file} is whole").format(file=home.deploy.name))
    if damage := sqlite_file.damage(home.intake, store.VERSION, store.TABLES):
        yield problem(
            "intake",
            _(
                "{file} is damaged ({damage}): the next start keeps what can be read; a delivery"
                " that waits in it may be lost"
            ).format(file=home.intake.name, damage=damage),
            _("start the node again"),
        )
    elif home.intake.exists():
        yield ok("intake", _("{file} is whole").format(file=home.intake.name))


def secrets(vault: Vault) -> Iterator[Check]:
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
