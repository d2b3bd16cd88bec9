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
from devstream_desktop.team import membership


def databases(home: Home) -> Iterator[Check]:
    """Check the executor's and the collector's databases."""
    aside = sqlite_file.asides(home.deploy)
    if aside:
        yield problem(
            "deploys",
            database.lost(aside[-1]),
            f"remove {aside[-1]} when nothing of it runs any more",
        )
    elif damage := sqlite_file.damage(home.deploy, database.VERSION, database.TABLES):
        yield problem(
            "deploys",
            f"{home.deploy.name} is damaged ({damage}): the next start sets it aside, and deploys"
            " nothing until you have removed that file",
            "see that nothing still runs of what was deployed from here"
            f" ({home.root / 'deploy-logs'}), then start the node",
        )
    elif home.deploy.exists():
        yield ok("deploys", f"{home.deploy.name} is whole")
    if damage := sqlite_file.damage(home.intake, store.VERSION, store.TABLES):
        yield problem(
            "intake",
            f"{home.intake.name} is damaged ({damage}): the next start keeps what can be read; a"
            " delivery that waits in it may be lost",
            "start the node again",
        )
    elif home.intake.exists():
        yield ok("intake", f"{home.intake.name} is whole")


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
    return f"restore secrets/{name}.sealed in the home from a backup, or remove it"


def _of_secret(name: str, error: SecretDamagedError) -> Check:
    if name == membership.TLS:
        said = (
            "the key of this device's certificate is damaged: the next start makes another, and"
            " asks for a new certificate"
        )
        return warning(
            "secrets", said, "start the node; a device that issues certificates gives the new one"
        )
    if name == membership.NEXT_TLS:
        said = "the key of a renewal under way is damaged"
        return warning("secrets", said, "nothing: the node asks for a certificate anew")
    if name == membership.JOINING_KEY:
        return warning(
            "secrets",
            "the key of a join that waits is damaged",
            "begin it again: devstream team join INVITE",
        )
    kind, _, of = name.partition("-")
    if kind == "deploy":
        said = f"the secret {of} is damaged, so no target can be deployed with it"
        return problem("secrets", said, f"devstream secret set {of}")
    if kind == "outlet":
        said = f"the address of the outlet {of} is damaged, so nothing is posted there"
        again = f"devstream out remove {of}, then add it again with its address: devstream out add"
        return problem("secrets", said, again)
    if kind == "source":
        source = of.removesuffix("-token")
        said = f"the secret {name} is damaged, so the source {source} cannot be heard"
        remove = f"devstream source remove {source}"
        again = f"{remove}, then add it again with its secret: devstream source add"
        return problem("secrets", said, again)
    return problem("secrets", str(error), _restore(name))
