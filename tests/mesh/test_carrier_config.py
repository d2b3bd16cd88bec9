"""Carriers of a home: what is refused when one is added, and where credentials are."""

from __future__ import annotations

from pathlib import Path

import pytest

from devstream_desktop.home import Home
from devstream_desktop.mesh.carrier import config
from devstream_desktop.mesh.carrier.config import CarrierError, Settings

SEED = "SUAMLK2ZNL35WSMW37E7UD4VZ7ELPKW7DHC3BWBSD2GCZ7IUQQXZIORRBU"


class Vault:
    def __init__(self) -> None:
        self.sealed: dict[str, bytes] = {}

    def seal(self, name: str, content: bytes) -> None:
        self.sealed[name] = content

    def unseal(self, name: str) -> bytes:
        return self.sealed[name]

    def remove(self, name: str) -> None:
        del self.sealed[name]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.create()
    return made


@pytest.mark.parametrize(
    ("urls", "said"),
    [
        ([], "1 to 16 addresses"),
        (["tls://a"] * 17, "1 to 16 addresses"),
        (["http://nats.example.org"], "one such as tls://"),
        (["tls://"], "one such as tls://"),
        (["tls://a:port"], "one such as tls://"),
        (["tls://a/b"], "one such as tls://"),
        (["tls://a b"], "one such as tls://"),
        (["tls://me:word@nats.example.org"], "--creds"),
        (["tls://token@nats.example.org"], "--creds"),
        (["nats://nats.example.org:4222"], "write tls://nats.example.org:4222"),
        (["tls://a", "nats://192.0.2.7"], "write tls://192.0.2.7"),
    ],
)
def test_an_address_that_cannot_be_or_gives_something_away_is_refused(home, urls, said) -> None:
    vault = Vault()
    with pytest.raises(CarrierError, match=said):
        config.add(home, vault, Settings("nats", tuple(urls)), SEED)
    assert not vault.sealed
    assert config.carriers(home).load() == []


@pytest.mark.parametrize(
    ("given", "credentials", "said"),
    [
        ({"replicas": 0}, "", "1 to 5"),
        ({"replicas": 6}, "", "1 to 5"),
        ({"ca": "/nowhere/ca.pem"}, "", "is no file"),
        ({}, "a password", "no user's seed"),
    ],
)
def test_other_mistakes_are_said_at_once(home, given, credentials, said) -> None:
    settings = Settings("nats", ("tls://a:4222",), **given)
    with pytest.raises(CarrierError, match=said):
        config.add(home, Vault(), settings, credentials)


def test_credentials_are_sealed_and_gone_with_the_carrier(home) -> None:
    vault = Vault()
    config.add(home, vault, Settings("nats", ("nats://[::1]:4222", "nats://localhost")), SEED)
    with pytest.raises(CarrierError, match="already"):
        config.add(home, vault, Settings("nats", ("tls://b",)), SEED)
    (added,) = config.carriers(home).load()
    assert config.credentials_of(home, vault, added) == SEED
    assert SEED.encode() not in home.carriers.read_bytes()
    assert [(one.name, one.state) for one in config.stopped(home)] == [("nats", "stopped")]
    config.carriers(home).remove(vault, "nats")
    assert not vault.sealed
    with pytest.raises(CarrierError, match="no carrier"):
        config.carriers(home).remove(vault, "nats")


def test_a_damaged_file_is_said_and_not_taken_for_none(home) -> None:
    home.carriers.write_bytes(b"[")
    with pytest.raises(CarrierError, match="damaged"):
        config.carriers(home).load()
    (only,) = config.stopped(home)
    assert "damaged" in only.error
