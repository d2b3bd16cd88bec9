"""Faults of a home that the doctor names."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable
from contextlib import closing

import msgspec
from following import add_carrier, add_outlet, devstream, set_secret, start
from rooms import load

from devstream_desktop.clock import now_ms
from devstream_desktop.home import Home
from devstream_desktop.keys import Vault
from devstream_desktop.team import membership
from devstream_desktop.team.certificates import Authority, TlsKey
from devstream_desktop.team.policy import changes
from devstream_desktop.team.policy.chain import PolicyChain, sign_policy
from devstream_desktop.team.team import Team

DAY = 86_400_000
_doctor = load("doctor/test_doctor.py")
make, write = _doctor.make, _doctor.write


def backed_up(home: Home, spoil: Callable[[], object]) -> None:
    """Spoil a home of which there is a backup."""
    for path in home.root.rglob("*"):
        if path.is_file():
            copy = home.root.parent / "backup" / path.relative_to(home.root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    spoil()


def team_of(home: Home) -> Team:
    return Team.load(home, Vault.open(home))


def spoil_a_source(home: Home) -> None:
    secret = home.root.parent / "secret"
    secret.write_text("a secret that is long enough")
    devstream(home, f"devstream source add github hub --secret-file {shlex.quote(str(secret))}")
    write(home.secrets / "source-hub.sealed", b"dss1" + bytes(60))


def spoil_an_outlet(home: Home) -> None:
    add_outlet(home)
    write(home.secrets / "outlet-chat.sealed", b"dss1" + bytes(60))


def spoil_a_carrier(home: Home) -> None:
    add_carrier(home)
    write(home.secrets / "carrier-nats.sealed", b"dss1" + bytes(60))


def spoil_a_deploys_secret(home: Home) -> None:
    set_secret(home, "devstream secret set TOKEN")
    write(home.secrets / "deploy-TOKEN.sealed", b"dss1" + bytes(60))


def spoil_the_policies(home: Home) -> None:
    """The newest version is damaged; the first can be read."""
    team_of(home).change(changes.settings(retention_days=20))
    path = membership.policy_path(home)
    path.write_bytes(path.read_bytes()[:-40])


def fork(home: Home) -> None:
    team = team_of(home)
    keys, chain = [team.device], team.chain
    documents = [
        sign_policy(chain.successor(msgspec.structs.replace(chain.current, **one), now_ms()), keys)
        for one in ({"retention_days": 20}, {"retention_days": 21})
    ]
    for document in documents:
        with contextlib.suppress(Exception):
            team.absorb([document])
    assert PolicyChain.load(membership.policy_path(home)).forked


def another_certificate(home: Home) -> None:
    """One that no authority of the team has signed."""
    device = team_of(home).device.id
    pem = Authority.create(now_ms()).issue(device, TlsKey.generate().request(), now_ms())
    Vault.open(home).set_damaged_aside(membership.TLS)
    write(home.team / "certificate.pem", pem.encode())


def aged(days: int) -> Callable[[Home], object]:
    """The home of a node that was off for so many days."""

    def begin(home: Home) -> None:
        for path in (*home.team.iterdir(), *home.secrets.iterdir(), home.history):
            path.unlink()
        make(home, days * DAY)

    return begin


def spoil_database(name: str) -> Callable[[Home], object]:
    def spoil(home: Home) -> None:
        devstream(home, f"devstream source add git shop {shlex.quote(str(home.root))}")
        write(home.targets, b'[target.shop.production]\nrun = ["true"]\n')
        start(home)
        path = home.root / name
        assert path.exists()
        with closing(path.open("r+b")) as file:
            file.write(b"junk" * 4096)

    return spoil
