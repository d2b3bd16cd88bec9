"""Secrets of targets: sealed, named, never shown, and a missing one refuses."""

from __future__ import annotations

import json

import pytest

from devstream_desktop.home import Home
from devstream_desktop.keys import Vault
from devstream_desktop.node.secrets import SecretError, reader, set_secret

pytestmark = pytest.mark.process
VALUE = "s3cret-of-the-forge"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("DEVSTREAM_KEY_FILE", str(tmp_path / "key"))
    made = Home(tmp_path / "home")
    made.create()
    return made


def test_a_secret_is_read_by_its_name_alone_and_sealed(home):
    set_secret(home, "FORGE_TOKEN", VALUE)
    read = reader(Vault.open(home))
    assert read("FORGE_TOKEN") == VALUE
    assert read("OTHER") is None
    kept = b"".join(path.read_bytes() for path in home.root.rglob("*") if path.is_file())
    assert VALUE.encode() not in kept


def test_no_target_can_name_another_secret_of_the_home(home):
    Vault.open(home).seal("device", b"the device's key")
    read = reader(Vault.open(home))
    for name in ("device", "../secrets/device", "deploy-device", ""):
        assert read(name) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a b", VALUE),
        ("1A", VALUE),
        ("DEVSTREAM_X", VALUE),
        ("A", ""),
        ("A", "a\0b"),
        ("A", "x" * 17_000),
        ("A" * 65, VALUE),
    ],
)
def test_what_cannot_be_a_secret_is_refused(home, name, value):
    with pytest.raises(SecretError):
        set_secret(home, name, value)


def test_the_commands_never_show_a_value_and_a_running_node_uses_it(world, until):
    (ana,) = world.team()
    ana.run("team", "grant", "ana", "deployer", "shop/*")
    script = ana.home.root / "deploy.sh"
    script.write_text('#!/bin/sh\necho "with $FORGE_TOKEN"; test "$FORGE_TOKEN" = ' + VALUE)
    script.chmod(0o700)
    ana.home.targets.write_text(
        '[target.shop.staging]\nrun = ["./deploy.sh"]\nsecrets = ["FORGE_TOKEN"]\n'
    )
    ask = ("deploy", "shop", "staging", "--sha", "4f" * 20, "--yes")
    said = ana.run("secret", "list")
    assert said == "no secrets; devstream secret set NAME"
    until("the target is known", lambda: "shop" in str(ana.targets()))
    refused = ana.run(*ask, code=1)
    assert "the secret FORGE_TOKEN that shop staging needs is not set" in refused
    assert "devstream secret set FORGE_TOKEN" in refused
    assert VALUE not in ana.run("secret", "set", "FORGE_TOKEN", stdin=VALUE + "\n")
    assert json.loads(ana.run("secret", "list", "--json")) == ["FORGE_TOKEN"]
    ana.run(*ask)
    logs = [log.read_text() for log in (ana.home.root / "deploy-logs").glob("*.log")]
    assert set(logs) == {"with ***\n"}
    ana.run("secret", "remove", "FORGE_TOKEN")
    assert "is not set" in ana.run(*ask, code=1)
    assert "there is no secret" in ana.run("secret", "remove", "FORGE_TOKEN", code=1)
